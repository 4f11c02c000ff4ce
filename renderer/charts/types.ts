/** What charts show, in words of the data: no view knows the chart library. */

export interface Style {
  /** CSS colour. */
  readonly color: string;
  readonly dash: 'solid' | 'dash' | 'dot' | 'dashdot' | 'longdash' | 'longdashdot';
}

export interface Line {
  readonly name: string;
  readonly style: Style;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  /** Bounds at the same x. */
  readonly band?: { readonly low: ArrayLike<number>; readonly high: ArrayLike<number> };
  /** Noisy, so that it is drawn lighter than the lines beside it. */
  readonly quiet?: boolean;
  /** The unsmoothed values behind a smoothed line: drawn faint. */
  readonly raw?: ArrayLike<number>;
}

export interface Mark {
  readonly x: number;
  readonly text: string;
}

export interface CurveChartProps {
  /** In the order of the result. */
  readonly lines: readonly Line[];
  readonly xTitle: string;
  readonly yTitle: string;
  readonly logY?: boolean;
  /** Vertical lines with a word: the selected checkpoint, the first divergent step. */
  readonly marks?: readonly Mark[];
  /** What a screen reader is told the chart shows. */
  readonly label: string;
  /** File name for export, without extension. */
  readonly exportName: string;
  /** Pixels; 320 unless told. */
  readonly height?: number;
  /** Told of the steps that are zoomed to; null: all there are. Keep it the same function. */
  readonly onRange?: (x: readonly [number, number] | null) => void;
}

export interface Effect {
  readonly name: string;
  readonly style: Style;
  readonly n: number;
  /** Difference to the baseline and its interval; null where it is not known. */
  readonly mean: number | null;
  readonly ci: readonly [number, number] | null;
  /** Differences seed by seed. */
  readonly points: readonly { readonly seed: number; readonly value: number }[];
  /** What is said beside it: missing seeds, a warning. */
  readonly note?: string;
}

export interface EffectChartProps {
  /** In the order to be drawn, first on top. */
  readonly effects: readonly Effect[];
  readonly xTitle: string;
  readonly label: string;
  readonly exportName: string;
}
