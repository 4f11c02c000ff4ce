/** The charts' one theme, read from the variables of theme.css. */
import { useSyncExternalStore } from 'react';
import type { Spec } from 'plotly.js-strict-dist-min';

export interface ChartTheme {
  readonly paper: string;
  readonly grid: string;
  readonly lineStrong: string;
  readonly ink: string;
  readonly inkSoft: string;
  readonly font: string;
  /** A colour by value, where `color` names a variable of theme.css. */
  readonly resolve: (color: string) => string;
}

function read(): ChartTheme {
  const style = getComputedStyle(document.documentElement);
  const variable = (name: string): string => style.getPropertyValue(name).trim();
  return {
    paper: variable('--paper'),
    grid: variable('--grid'),
    lineStrong: variable('--line-strong'),
    ink: variable('--ink'),
    inkSoft: variable('--ink-soft'),
    font: variable('--font'),
    resolve: (color) => color.replace(/var\((--[\w-]+)\)/u, (_match, name: string) => variable(name)),
  };
}

const queries = ['(prefers-color-scheme: dark)', '(prefers-contrast: more)'].map((query) => matchMedia(query));
let current: ChartTheme | null = null;
// Listened to even while no chart is shown: the next one must not begin in colours of before.
for (const query of queries) query.addEventListener('change', () => (current = null));

function subscribe(listener: () => void): () => void {
  for (const query of queries) query.addEventListener('change', listener);
  return () => {
    for (const query of queries) query.removeEventListener('change', listener);
  };
}

export function useChartTheme(): ChartTheme {
  return useSyncExternalStore(subscribe, () => (current ??= read()));
}

export const FONT_SIZE = 12;

/** What every chart's layout has in common. */
export function baseLayout(theme: ChartTheme): Spec {
  return {
    autosize: false,
    paper_bgcolor: theme.paper,
    plot_bgcolor: theme.paper,
    font: { family: theme.font, size: FONT_SIZE, color: theme.ink },
    dragmode: 'zoom',
    showlegend: false,
    hoverlabel: { bgcolor: theme.paper, bordercolor: theme.lineStrong, font: { family: theme.font, size: FONT_SIZE, color: theme.ink }, namelength: 40, align: 'left' },
  };
}

/** What every axis has in common. */
export function baseAxis(theme: ChartTheme, title: string): Spec {
  return {
    title: { text: title, font: { size: FONT_SIZE, color: theme.inkSoft }, standoff: 8 },
    tickfont: { size: 11, color: theme.inkSoft },
    gridcolor: theme.grid,
    gridwidth: 1,
    linecolor: theme.lineStrong,
    zeroline: false,
    automargin: false,
    exponentformat: 'power',
    minexponent: 4,
  };
}
