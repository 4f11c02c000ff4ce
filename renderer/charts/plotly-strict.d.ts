/** The few parts of plotly.js that chart.tsx uses; the package brings no types. */
declare module 'plotly.js-strict-dist-min' {
  /** A trace, an axis, an annotation: plain data of plotly's schema. */
  export type Spec = Readonly<Record<string, unknown>>;

  interface Axis {
    readonly range: readonly [number, number];
  }

  export interface PlotElement extends HTMLDivElement {
    /** As drawn, with what the user zoomed to. */
    readonly layout: { readonly xaxis: Axis; readonly yaxis: Axis };
    on(event: 'plotly_relayout', listener: (update: Spec) => void): void;
    on(event: 'plotly_doubleclick', listener: () => void): void;
    removeAllListeners(event: 'plotly_relayout' | 'plotly_doubleclick'): void;
  }

  interface Plotly {
    /** Draws into an element, or brings what it shows up to the new figure. */
    react(element: HTMLElement, traces: readonly Spec[], layout: Spec, config: Spec): Promise<PlotElement>;
    purge(element: HTMLElement): void;
    /** With `imageDataOnly` SVG comes as markup and PNG as base64. */
    toImage(element: HTMLElement, options: { readonly format: 'svg' | 'png'; readonly width: number; readonly height: number; readonly scale?: number; readonly imageDataOnly: true }): Promise<string>;
  }

  const plotly: Plotly;
  export default plotly;
}
