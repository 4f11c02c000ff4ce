/**
 * Charts as SVG text. Colours come from CSS classes (`s0`…`s7`, baseline `sb`) so that one drawing serves light,
 * dark and print; differences are also told by dashes and by labels beside the lines.
 */
import { decimalsFor, formatFixed, formatSigned } from '../analysis/format';
import { escapeHtml } from './escape';

/** Colours of the Okabe–Ito palette that are not the baseline's neutral; then the dashes change. */
const HUES = 7;
const DASHES = ['', '6 3', '2 3', '8 3 2 3'];

/** Class and dash of the n-th variant; 0 is the baseline. */
export function seriesStyle(index: number): { readonly name: string; readonly dash: string } {
  if (index === 0) return { name: 'sb', dash: '' };
  return { name: `s${(index - 1) % HUES}`, dash: DASHES[Math.floor((index - 1) / HUES) % DASHES.length] ?? '' };
}

interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

/**
 * Round steps of 1, 2 or 5 times a power of ten, about `count` of them, with as many decimals as they need.
 * @param integers the axis counts something (steps, epochs): no tick lies between two whole numbers
 */
export function niceTicks(low: number, high: number, count: number, integers = false): { value: number; label: string }[] {
  if (!(high > low)) return [{ value: low, label: formatFixed(low, integers ? 0 : (decimalsFor(Math.abs(low)) ?? 0)) }];
  const rough = integers ? Math.max(1, (high - low) / count) : (high - low) / count;
  const power = Math.floor(Math.log10(rough));
  const base = 10 ** power;
  const step = [1, 2, 5, 10].map((factor) => factor * base).find((size) => size >= rough * 0.999_999) ?? 10 * base;
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks: { value: number; label: string }[] = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) ticks.push({ value: n * step, label: formatFixed(n * step, decimals) });
  return ticks;
}

function linear(low: number, high: number, from: number, to: number, count: number, integers = false): Scale {
  const span = high - low || 1;
  return { at: (value) => from + ((value - low) / span) * (to - from), ticks: niceTicks(low, high, count, integers) };
}

function logarithmic(low: number, high: number, from: number, to: number): Scale {
  const inner = linear(Math.log10(low), Math.log10(high), from, to, 4);
  const ticks: { value: number; label: string }[] = [];
  for (let power = Math.ceil(Math.log10(low) - 1e-9); power <= Math.log10(high) + 1e-9; power += 1) {
    const value = 10 ** power;
    ticks.push({ value, label: power < -3 || power > 4 ? `1e${power}`.replace('-', '−') : String(Number(value.toPrecision(1))) });
  }
  return { at: (value) => inner.at(Math.log10(value)), ticks };
}

const n = (value: number): string => String(Math.round(value * 10) / 10);

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Points as an SVG path; a value that is not finite (or not positive on a log axis) leaves a gap, a lone point a dot. */
function path(points: readonly Point[], x: Scale, y: Scale, drawable: (value: number) => boolean): string {
  let text = '';
  let open = false;
  for (const [index, point] of points.entries()) {
    if (!drawable(point.y)) {
      open = false;
      continue;
    }
    text += `${open ? 'L' : 'M'}${n(x.at(point.x))} ${n(y.at(point.y))}`;
    const next = points[index + 1];
    if (!open && (next === undefined || !drawable(next.y))) text += 'h0';
    open = true;
  }
  return text;
}

export interface LineSeries {
  readonly label: string;
  /** Which variant it belongs to: 0 is the baseline. */
  readonly variant: number;
  readonly points: readonly Point[];
  /** Range around the points (smallest and largest of each bucket). */
  readonly band?: readonly { readonly x: number; readonly low: number; readonly high: number }[];
  /** Drawn thin: one seed of several. */
  readonly faint?: boolean;
  /** Written beside the line's end. */
  readonly direct?: boolean;
}

export interface LineChart {
  readonly title: string;
  readonly description: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly series: readonly LineSeries[];
  readonly width?: number;
  readonly height?: number;
  /** Given for panels that share their axes. */
  readonly domain?: Domain;
  readonly dots?: boolean;
}

export interface Domain {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly log: boolean;
}

/** Axes that hold all series. Logarithmic (when allowed) from a ratio of 30 on, where a linear axis would hide the end of training. */
export function domainOf(series: readonly LineSeries[], mayLog: boolean): Domain | null {
  const xs = series.flatMap((entry) => entry.points.map((point) => point.x));
  const ys = series.flatMap((entry) => [...entry.points.map((point) => point.y), ...(entry.band ?? []).flatMap(({ low, high }) => [low, high])]).filter((value) => Number.isFinite(value));
  if (xs.length === 0 || ys.length === 0) return null;
  // reduce, not spread: a series may have more points than a call has arguments.
  const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const most = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const low = least(ys);
  const high = most(ys);
  const log = mayLog && low > 0 && high / low > 30;
  const margin = (high - low || Math.abs(high) || 1) * 0.06;
  const first = least(xs);
  const last = most(xs);
  // Steps count from 0; a first point at the middle of its bucket should not hide that.
  return { x: [first > 0 && first < last * 0.05 ? 0 : first, last], y: log ? [low / 1.15, high * 1.15] : [low >= 0 ? Math.max(0, low - margin) : low - margin, high + margin], log };
}

function svg(width: number, height: number, title: string, description: string, body: string): string {
  return `<svg viewBox="0 0 ${n(width)} ${n(height)}" role="img" aria-label="${escapeHtml(`${title}. ${description}`)}"><title>${escapeHtml(title)}</title>${body}</svg>`;
}

/** Labels pushed apart so that none covers another. */
function spread(places: readonly number[], gap: number, low: number, high: number): number[] {
  const order = places.map((place, index) => ({ place, index })).toSorted((a, b) => a.place - b.place);
  for (let i = 1; i < order.length; i += 1) {
    const above = order[i - 1];
    const here = order[i];
    if (above !== undefined && here !== undefined) here.place = Math.max(here.place, above.place + gap);
  }
  const overflow = Math.max(0, (order.at(-1)?.place ?? low) - high);
  const result = [...places];
  for (const { place, index } of order) result[index] = Math.max(low, place - overflow);
  return result;
}

/** Lines over steps or epochs, labelled at their ends. Empty text when there is nothing to draw. */
export function lineChart(chart: LineChart): string {
  const domain = chart.domain ?? domainOf(chart.series, true);
  if (domain === null) return '';
  const width = chart.width ?? 936;
  const height = chart.height ?? 280;
  const labels = chart.series.filter((entry) => entry.direct === true && entry.points.some((point) => Number.isFinite(point.y)));
  const shorten = (text: string): string => ([...text].length > 34 ? `${[...text].slice(0, 33).join('')}…` : text);
  const right = labels.length === 0 ? 12 : 16 + 6.3 * Math.max(...labels.map(({ label }) => [...shorten(label)].length));
  const left = 52;
  const bottom = height - 38;
  const x = linear(domain.x[0], domain.x[1], left, width - right, width < 400 ? 3 : 6, true);
  const y = domain.log ? logarithmic(domain.y[0], domain.y[1], bottom, 12) : linear(domain.y[0], domain.y[1], bottom, 12, 4);
  const drawable = (value: number): boolean => Number.isFinite(value) && (!domain.log || value > 0);
  const parts: string[] = [];
  for (const { value, label } of y.ticks) parts.push(`<path class="grid" d="M${left} ${n(y.at(value))}H${n(width - right)}"/><text class="tick" x="${left - 8}" y="${n(y.at(value) + 4)}" text-anchor="end">${label}</text>`);
  for (const { value, label } of x.ticks) parts.push(`<text class="tick" x="${n(x.at(value))}" y="${bottom + 16}" text-anchor="middle">${label}</text>`);
  parts.push(`<text class="axis" x="${left}" y="${height - 4}">${escapeHtml(chart.xLabel)}</text>`);
  for (const { band, variant } of chart.series) {
    if (band === undefined) continue;
    const usable = band.filter(({ low, high }) => drawable(low) && drawable(high));
    if (usable.length < 2) continue;
    const top = usable.map(({ x: at, high }) => `${n(x.at(at))} ${n(y.at(high))}`).join('L');
    const under = usable.toReversed().map(({ x: at, low }) => `${n(x.at(at))} ${n(y.at(low))}`).join('L');
    parts.push(`<path class="band ${seriesStyle(variant).name}" d="M${top}L${under}Z"/>`);
  }
  // The baseline last, over the others.
  for (const { points, variant, faint, label } of chart.series.toSorted((a, b) => b.variant - a.variant)) {
    const style = seriesStyle(variant);
    const dash = style.dash === '' ? '' : ` stroke-dasharray="${style.dash}"`;
    parts.push(`<path class="line${faint === true ? ' faint' : ''} ${style.name}"${dash} d="${path(points, x, y, drawable)}"><title>${escapeHtml(label)}</title></path>`);
    if (chart.dots === true) for (const point of points) if (drawable(point.y)) parts.push(`<circle class="dot ${style.name}" cx="${n(x.at(point.x))}" cy="${n(y.at(point.y))}" r="2.2"/>`);
  }
  const ends = labels.map(({ points }) => points.findLast((point) => drawable(point.y)) ?? { x: domain.x[1], y: domain.y[0] });
  const places = spread(ends.map((point) => y.at(point.y)), 14, 12, bottom);
  for (const [index, { label, variant }] of labels.entries()) {
    parts.push(`<text class="label ${seriesStyle(variant).name}" x="${n(width - right + 8)}" y="${n((places[index] ?? 12) + 4)}">${escapeHtml(shorten(label))}</text>`);
  }
  return svg(width, height, chart.title, chart.description, parts.join(''));
}

/** Distance of the middles of two dots side by side, and most pixels by which a stack of dots heightens its row. */
const DOT_GAP = 4.6;
const MOST_STACK = 60;

export interface IntervalRow {
  readonly label: string;
  readonly variant: number;
  readonly mean: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** Single values (the pairs' differences), drawn as faint dots. */
  readonly values: readonly number[];
}

/** Levels at which dots of radius 2 at these places do not cover each other: the lowest free one each, from left to right. */
export function stackLevels(places: readonly number[]): number[] {
  const ends: number[] = [];
  const levels = places.map(() => 0);
  for (const { place, index } of places.map((place, index) => ({ place, index })).toSorted((a, b) => a.place - b.place || a.index - b.index)) {
    const free = ends.findIndex((end) => place - end >= DOT_GAP);
    const level = free < 0 ? ends.length : free;
    ends[level] = place;
    levels[index] = level;
  }
  return levels;
}

/** One row a variant: its difference to the baseline with its interval, and every pair's difference as a dot. */
export function intervalChart(title: string, axis: string, rows: readonly IntervalRow[]): string {
  const all = rows.flatMap((row) => [row.mean, row.low, row.high, ...row.values]).filter((value): value is number => value !== null && Number.isFinite(value));
  if (all.length === 0) return '';
  const width = 936;
  const step = 28;
  const longest = Math.max(...rows.map(({ label }) => [...label].length));
  const left = Math.min(320, 20 + 6.6 * longest);
  const top = 22;
  const low = Math.min(0, ...all);
  const high = Math.max(0, ...all);
  const margin = (high - low || 1) * 0.05;
  const x = linear(low - margin, high + margin, left, width - 16, 6);
  let bottom = top;
  const laid = rows.map((row) => {
    const dots = row.values.filter((value) => Number.isFinite(value)).map((value) => x.at(value));
    const levels = stackLevels(dots);
    const above = Math.max(0, ...levels);
    // A high stack is pressed together: its dots then overlap, but none is hidden.
    const gap = above === 0 ? DOT_GAP : Math.min(DOT_GAP, MOST_STACK / above);
    const middle = bottom + step / 2 - 2;
    bottom += step + above * gap;
    return { row, middle, dots: dots.map((at, index) => ({ at, down: 7 + (levels[index] ?? 0) * gap })) };
  });
  const parts = x.ticks.map(({ value, label }) => `<path class="${Math.abs(value) < 1e-12 ? 'zero' : 'grid'}" d="M${n(x.at(value))} ${top - 6}V${bottom}"/><text class="tick" x="${n(x.at(value))}" y="${bottom + 16}" text-anchor="middle">${Math.abs(value) < 1e-12 ? '0' : value > 0 ? `+${label}` : label}</text>`);
  const shorten = (text: string): string => ([...text].length > 43 ? `${[...text].slice(0, 42).join('')}…` : text);
  for (const { row, middle, dots } of laid) {
    const style = seriesStyle(row.variant);
    const decimals = decimalsFor(row.low === null || row.high === null ? null : (row.high - row.low) / 2) ?? 4;
    const words = row.mean === null ? `${row.label}: no pairs` : `${row.label}: ${formatSigned(row.mean, decimals)}${row.low === null || row.high === null ? '' : ` [${formatSigned(row.low, decimals)}, ${formatSigned(row.high, decimals)}]`}`;
    parts.push(`<g><title>${escapeHtml(words)}</title><text class="label ink" x="${n(left - 12)}" y="${n(middle + 4)}" text-anchor="end">${escapeHtml(shorten(row.label))}</text>`);
    if (row.low !== null && row.high !== null) parts.push(`<path class="whisker ${style.name}" d="M${n(x.at(row.low))} ${n(middle)}H${n(x.at(row.high))}M${n(x.at(row.low))} ${n(middle - 4)}v8M${n(x.at(row.high))} ${n(middle - 4)}v8"/>`);
    for (const { at, down } of dots) parts.push(`<circle class="pair ${style.name}" cx="${n(at)}" cy="${n(middle + down)}" r="2"/>`);
    if (row.mean !== null) parts.push(`<circle class="mean ${style.name}" cx="${n(x.at(row.mean))}" cy="${n(middle)}" r="4"/>`);
    else parts.push(`<text class="tick" x="${n(x.at(0) + 8)}" y="${n(middle + 4)}">no pairs</text>`);
    parts.push('</g>');
  }
  parts.push(`<text class="axis" x="${n(left)}" y="${bottom + 34}">${escapeHtml(axis)}</text>`);
  return svg(width, bottom + 40, title, `One row a variant: its difference${rows.some(({ low: least }) => least !== null) ? ', the interval' : ''}${rows.some(({ values }) => values.length > 0) ? ', and the difference of each pair' : ''}.`, parts.join(''));
}
