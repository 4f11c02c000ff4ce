/** Differences to the baseline: a point and its interval a variant, the seeds faint behind them, the baseline as the zero line. */
import { useMemo } from 'react';
import type { Spec } from 'plotly.js-strict-dist-min';
import { decimalsAlone, decimalsFor, decimalsForDifference, formatSigned } from '../../src/analysis/format';
import { Chart, type ChartTable, type Draw } from './chart';
import { fitted, plain, textWidth } from './labels';
import { extent, padded } from './ranges';
import { faint } from './palette';
import { baseAxis, baseLayout, FONT_SIZE, type ChartTheme } from './theme';
import type { Effect, EffectChartProps } from './types';

const ROW = 32;
/** Seeds stand below their interval, by this share of a row. */
const BELOW = 0.25;
const MARGIN = { top: 28, bottom: 44 };
const NAME_WIDTH = 240;

function differenceText({ mean, ci }: Effect): string {
  if (mean === null) return 'no difference known';
  const decimals = decimalsFor(ci === null ? null : (ci[1] - ci[0]) / 2) ?? decimalsForDifference(mean);
  return ci === null ? formatSigned(mean, decimals) : `${formatSigned(mean, decimals)} [${formatSigned(ci[0], decimals)}, ${formatSigned(ci[1], decimals)}]`;
}

function tracesOf(effect: Effect, row: number, theme: ChartTheme): Spec[] {
  const color = theme.resolve(effect.style.color);
  const words = `${[effect.name, `${differenceText(effect)}, n = ${effect.n}`, ...(effect.note?.split('; ') ?? [])].map(plain).join('<br>')}<extra></extra>`;
  const seeds = {
    type: 'scatter',
    mode: 'markers',
    x: effect.points.map(({ value }) => value),
    y: effect.points.map(() => row + BELOW),
    text: effect.points.map(({ seed }) => `seed ${seed}`),
    marker: { size: 6, color: faint(color, 0.5) },
    hovertemplate: `${plain(effect.name)}<br>%{text}: %{x:+.4~g}<extra></extra>`,
  };
  if (effect.mean === null) return [seeds];
  const interval = effect.ci === null ? [] : [{ type: 'scatter', mode: 'lines', x: effect.ci, y: [row, row], line: { width: 2, color, dash: effect.style.dash }, hoverinfo: 'skip' }];
  const point = { type: 'scatter', mode: 'markers', x: [effect.mean], y: [row], marker: { size: 10, color, line: { width: 1.5, color: theme.paper } }, hovertemplate: words };
  return [seeds, ...interval, point];
}

function drawing({ effects, xTitle }: EffectChartProps): Draw {
  return (theme, width) => {
    const font = `${FONT_SIZE}px ${theme.font}`;
    const measure = (text: string): number => textWidth(text, font);
    const names = effects.map(({ name }) => fitted(name, Math.min(NAME_WIDTH, width / 3), measure));
    const left = Math.ceil(Math.max(0, ...names.map(measure))) + 20;
    const shown = effects.flatMap(({ mean, ci, points }) => [...(mean === null ? [] : [mean]), ...(ci ?? []), ...points.map(({ value }) => value)]);
    const [low, high] = padded(extent([[0, ...shown]]) ?? [-1, 1]);
    const beside = { showarrow: false, yref: 'y', yanchor: 'middle' };
    return {
      traces: effects.flatMap((effect, row) => tracesOf(effect, row, theme)),
      layout: {
        ...baseLayout(theme),
        margin: { l: left, r: 64, t: MARGIN.top, b: MARGIN.bottom },
        hovermode: 'closest',
        hoverdistance: 40,
        xaxis: { ...baseAxis(theme, xTitle), range: [low, high], ticks: 'outside', ticklen: 4, tickcolor: theme.lineStrong, zeroline: true, zerolinecolor: theme.ink, zerolinewidth: 1 },
        yaxis: { ...baseAxis(theme, ''), range: [effects.length - 0.5, -0.5], fixedrange: true, showticklabels: false, tickvals: effects.map((_, row) => row), showgrid: true },
        annotations: [
          { showarrow: false, xref: 'x', yref: 'paper', x: 0, y: 1, yanchor: 'bottom', text: 'baseline', font: { size: 11, color: theme.inkSoft } },
          ...effects.flatMap((effect, row) => (effect.mean === null ? [{ ...beside, xref: 'x', x: 0, y: row, xanchor: 'left', xshift: 8, text: 'no pairs', font: { size: 11, color: theme.inkSoft } }] : [])),
          ...effects.flatMap((effect, row) => [
            { ...beside, xref: 'paper', x: 0, y: row, xanchor: 'right', xshift: -8, text: plain(names[row] ?? ''), hovertext: plain(effect.name), font: { size: FONT_SIZE, color: theme.ink } },
            { ...beside, xref: 'paper', x: 1, y: row, xanchor: 'left', xshift: 8, text: `n = ${effect.n}`, font: { size: 11, color: theme.inkSoft } },
          ]),
        ],
      },
    };
  };
}

function numbers({ effects, xTitle, label }: EffectChartProps): ChartTable {
  return {
    caption: label,
    columns: ['Variant', xTitle, 'n', 'Seed by seed'],
    rows: effects.map((effect) => [
      effect.name,
      differenceText(effect),
      String(effect.n),
      effect.points.map(({ seed, value }) => `seed ${seed}: ${formatSigned(value, decimalsAlone(value))}`).join('; '),
    ]),
  };
}

export function EffectChart({ effects, xTitle, label, exportName }: EffectChartProps) {
  const draw = useMemo(() => drawing({ effects, xTitle, label, exportName }), [effects, xTitle, label, exportName]);
  return <Chart draw={draw} table={() => numbers({ effects, xTitle, label, exportName })} label={label} exportName={exportName} height={effects.length * ROW + MARGIN.top + MARGIN.bottom} axes={xTitle} />;
}
