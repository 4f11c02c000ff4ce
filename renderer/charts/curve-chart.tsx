/** Curves over steps: lines with bands, named at their ends. */
import { useMemo } from 'react';
import type { Spec } from 'plotly.js-strict-dist-min';
import { formatPlain } from '../../src/analysis/format';
import { count } from '../format';
import { Chart, type ChartTable, type Draw } from './chart';
import { fitted, plain, spread, textWidth } from './labels';
import { beyond, fullRanges, logTicks, type Ranges } from './ranges';
import { faint } from './palette';
import { baseAxis, baseLayout, FONT_SIZE, type ChartTheme } from './theme';
import type { CurveChartProps, Line, Mark } from './types';

/** More lines than that get a legend: their ends have no room for names. */
const MOST_LABELS = 8;
const LABEL_GAP = 16;
const LABEL_WIDTH = 168;
/** Between the plot and a line's name: a piece of the line that leads there. */
const LEADER = 20;
const MARGIN = { left: 64, top: 24, bottom: 44 };
/** Share of the axis that counts as its end. */
const EDGE = 0.1;
/** Opacity of a quiet line. */
const QUIET = 0.45;
const TABLE_ROWS = 50;
/** Over so few steps every whole one has a tick: there are no halves. */
const FEW_STEPS = 10;

/** The value at the last step not after `end`; null where the line has none. */
function valueAt({ x, y }: Line, end: number): number | null {
  for (let index = x.length - 1; index >= 0; index -= 1) {
    const value = y[index] ?? Number.NaN;
    if ((x[index] ?? Infinity) <= end && Number.isFinite(value)) return value;
  }
  return null;
}

interface Look {
  readonly theme: ChartTheme;
  readonly legend: boolean;
  /** Lowest value that a logarithmic axis can show, 0 on another. */
  readonly floor: number;
}

function colorOf({ style, quiet }: Line, theme: ChartTheme): string {
  const color = theme.resolve(style.color);
  return quiet === true ? faint(color, QUIET) : color;
}

function linesOf(line: Line, index: number, shortName: string, { theme, legend, floor }: Look): Spec[] {
  const color = colorOf(line, theme);
  const group = { legendgroup: String(index), showlegend: false, hoverinfo: 'skip', mode: 'lines' };
  const edge = { width: 0, color };
  const band = line.band === undefined || line.band.low.length === 0 ? [] : [
    { ...group, x: line.x, y: floor === 0 ? line.band.low : Float64Array.from(line.band.low, (value) => Math.max(value, floor)), line: edge },
    { ...group, x: line.x, y: line.band.high, line: edge, fill: 'tonexty', fillcolor: faint(color, 0.14) },
  ];
  const raw = line.raw === undefined ? [] : [{ ...group, x: line.x, y: line.raw, line: { width: 1, color: faint(theme.resolve(line.style.color), 0.25) } }];
  const name = plain(shortName);
  // The first, mostly the baseline, which the others are read against, lies above them.
  const main = { name, zorder: index === 0 ? 1 : 0, legendgroup: String(index), showlegend: legend, mode: line.x.length === 1 ? 'markers' : 'lines', x: line.x, y: line.y, line: { width: 1.75, color, dash: line.style.dash }, marker: { size: 6, color }, hovertemplate: `%{y:.4~g}<extra>${name}</extra>` };
  return [...band, ...raw, main];
}

/** A band that leaves the axis with its line would cover the others. */
function withoutBand({ name, style, x, y }: Line): Line {
  return { name, style, x, y };
}

/** Names at the ends of the lines, moved apart, each led to by a piece of its line. */
function endLabels(lines: readonly Line[], theme: ChartTheme, logY: boolean, ranges: Ranges, plotHeight: number, names: readonly string[]): { readonly annotations: Spec[]; readonly shapes: Spec[] } {
  const [low, high] = ranges.y;
  const ends = lines.flatMap((line, index) => {
    const value = valueAt(line, ranges.x[1]);
    if (value === null || (logY && value <= 0)) return [];
    const share = ((logY ? Math.log10(value) : value) - low) / (high - low);
    return share < 0 || share > 1 ? [] : [{ line, name: names[index] ?? '', at: share * plotHeight }];
  });
  const centres = spread(ends.map(({ at }) => at), LABEL_GAP, 0, plotHeight);
  const place = (pixels: number): number => pixels / plotHeight;
  return {
    annotations: ends.map(({ name, line }, index) => ({ xref: 'paper', yref: 'paper', x: 1, y: place(centres[index] ?? 0), xanchor: 'left', yanchor: 'middle', xshift: LEADER + 4, showarrow: false, align: 'left', text: plain(name), hovertext: plain(line.name), font: { size: FONT_SIZE, color: theme.ink } })),
    shapes: ends.map(({ line, at }, index) => ({ type: 'path', xref: 'paper', yref: 'paper', xsizemode: 'pixel', xanchor: 1, ysizemode: 'pixel', yanchor: 0, path: `M2,${at}L8,${centres[index] ?? at}L${LEADER},${centres[index] ?? at}`, line: { width: 1.75, color: colorOf(line, theme), dash: line.style.dash } })),
  };
}

/** Words at an end of the axis stand inside it, where nothing cuts them off. */
function anchorOf(x: number, [low, high]: Ranges['x']): 'left' | 'center' | 'right' {
  const share = (x - low) / (high - low);
  if (share < EDGE) return 'left';
  return share > 1 - EDGE ? 'right' : 'center';
}

function markParts(marks: readonly Mark[], theme: ChartTheme, ranges: Ranges): { readonly annotations: Spec[]; readonly shapes: Spec[] } {
  return {
    annotations: marks.map(({ x, text }) => ({ xref: 'x', yref: 'paper', x, xanchor: anchorOf(x, ranges.x), y: 1, yanchor: 'bottom', showarrow: false, text: plain(text), font: { size: 11, color: theme.inkSoft } })),
    shapes: marks.map(({ x }) => ({ type: 'line', xref: 'x', yref: 'paper', x0: x, x1: x, y0: 0, y1: 1, line: { width: 1, color: theme.inkSoft, dash: 'dot' } })),
  };
}

/** An axis that does not show all says so. */
function farNote(far: readonly Line[], theme: ChartTheme): Spec[] {
  if (far.length === 0) return [];
  return [{ xref: 'paper', yref: 'paper', x: 0, y: 1, xanchor: 'left', yanchor: 'bottom', showarrow: false, text: `Beyond this axis: ${plain(far.map(({ name }) => name).join(', '))}`, font: { size: 11, color: theme.inkSoft } }];
}

function drawing({ lines, xTitle, yTitle, logY = false, marks = [], height = 320 }: CurveChartProps): Draw {
  return (theme, width, zoom) => {
    const font = `${FONT_SIZE}px ${theme.font}`;
    const measure = (text: string): number => textWidth(text, font);
    const labelled = lines.length <= MOST_LABELS;
    const names = lines.map(({ name }) => fitted(name, Math.min(LABEL_WIDTH, width / 4), measure));
    const right = labelled ? Math.ceil(Math.max(0, ...names.map(measure))) + LEADER + 12 : 16;
    const ranges = zoom ?? fullRanges(lines, logY);
    const ends = labelled ? endLabels(lines, theme, logY, ranges, height - MARGIN.top - MARGIN.bottom, names) : { annotations: [], shapes: [] };
    const lead = markParts(marks, theme, ranges);
    const far = logY ? [] : beyond(lines);
    const look = { theme, legend: lines.length > MOST_LABELS, floor: logY ? 10 ** (ranges.y[0] - 1) : 0 };
    return {
      traces: lines.flatMap((line, index) => linesOf(far.includes(line) ? withoutBand(line) : line, index, names[index] ?? line.name, look)),
      layout: {
        ...baseLayout(theme),
        margin: { l: MARGIN.left, r: right, t: MARGIN.top, b: MARGIN.bottom },
        hovermode: 'x unified',
        showlegend: lines.length > MOST_LABELS,
        legend: { traceorder: 'normal', itemclick: false, itemdoubleclick: false, font: { size: 11 } },
        xaxis: { ...baseAxis(theme, xTitle), range: ranges.x, ...(ranges.x[1] - ranges.x[0] <= FEW_STEPS ? { tick0: 0, dtick: 1 } : {}), showgrid: false, ticks: 'outside', ticklen: 4, tickcolor: theme.lineStrong, showline: true, tickformat: ',~g', unifiedhovertitle: { text: `${xTitle} %{x:,~g}` }, spikecolor: theme.inkSoft, spikethickness: 1, spikedash: 'dot' },
        yaxis: { ...baseAxis(theme, yTitle), type: logY ? 'log' : 'linear', range: ranges.y, zeroline: !logY && ranges.y[0] < 0 && ranges.y[1] > 0, zerolinecolor: theme.lineStrong, ...(logY ? logTicks(ranges.y) : {}) },
        annotations: [...ends.annotations, ...lead.annotations, ...farNote(far, theme)],
        shapes: [...lead.shapes, ...ends.shapes],
      },
    };
  };
}

/** All lines at up to 50 of the steps that any of them has. */
function numbers({ lines, xTitle, label }: CurveChartProps): ChartTable {
  const steps = [...new Set(lines.flatMap(({ x }) => Array.from(x)))].toSorted((a, b) => a - b);
  const every = Math.ceil(steps.length / TABLE_ROWS);
  const shown = steps.filter((_, index) => index % every === 0 || index === steps.length - 1);
  const places = lines.map(({ x }) => new Map(Array.from(x, (step, index) => [step, index])));
  return {
    caption: every > 1 ? `${label}: ${shown.length} of ${count(steps.length)} steps` : label,
    columns: [xTitle, ...lines.map(({ name }) => name)],
    rows: shown.map((step) => [
      count(step),
      ...lines.map(({ y, band }, index) => {
        const place = places[index]?.get(step);
        if (place === undefined) return '–';
        const low = band?.low[place];
        const high = band?.high[place];
        const value = formatPlain(y[place] ?? Number.NaN);
        return low === undefined || high === undefined || Number.isNaN(low) ? value : `${value} [${formatPlain(low)}, ${formatPlain(high)}]`;
      }),
    ]),
  };
}

export function CurveChart({ lines, xTitle, yTitle, logY, marks, label, exportName, height, onRange }: CurveChartProps) {
  const draw = useMemo(() => drawing({ lines, xTitle, yTitle, logY, marks, height, label, exportName }), [lines, xTitle, yTitle, logY, marks, height, label, exportName]);
  return <Chart draw={draw} table={() => numbers({ lines, xTitle, yTitle, label, exportName })} label={label} exportName={exportName} height={height ?? 320} axes={`${yTitle} ${String(logY)}`} {...(onRange === undefined ? {} : { onRange })} />;
}
