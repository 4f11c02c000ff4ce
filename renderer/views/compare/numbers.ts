/** A comparison's numbers as its table shows them, and what its words are made from. */
import type { ComparisonView } from '../../../src/api/rows';
import { decimalsAlone, decimalsFor, decimalsForDifference, formatFixed, formatSigned } from '../../../src/analysis/format';

export type ComparedVariant = ComparisonView['variants'][number];
type Interval = readonly [number, number];

function halfWidth(ci: Interval | null): number | null {
  return ci === null ? null : (ci[1] - ci[0]) / 2;
}

/** `0.9713`, `0.0021`: the mean and half the width of its interval; one part where there is no interval, null without a value. */
export function meanParts({ mean, sd, ci }: Pick<ComparedVariant, 'mean' | 'sd' | 'ci'>): readonly string[] | null {
  if (mean === null) return null;
  const half = halfWidth(ci);
  const decimals = decimalsFor(half) ?? decimalsFor(sd) ?? decimalsAlone(mean);
  return half === null ? [formatFixed(mean, decimals)] : [formatFixed(mean, decimals), formatFixed(half, decimals)];
}

/** `+0.0120`, `−0.0010`, `+0.0250`: the mean difference and the ends of its interval; null without pairs. */
export function deltaParts({ mean, ci }: { readonly mean: number | null; readonly ci: Interval | null }): readonly string[] | null {
  if (mean === null) return null;
  const decimals = decimalsFor(halfWidth(ci)) ?? decimalsForDifference(mean);
  return [mean, ...(ci ?? [])].map((value) => formatSigned(value, decimals));
}

/** An adjusted p-value. */
export function pText(p: number | null): string {
  if (p === null) return '–';
  return p < 0.001 ? '< 0.001' : formatFixed(p, 3);
}

export interface AlignedColumn {
  /** Parts of each row, padded so that the decimal points of each part line up when it stands to the right; null as given. */
  readonly rows: readonly (readonly string[] | null)[];
  /** Digits each part takes; a point counts half. */
  readonly widths: readonly number[];
}

/** As wide as a digit where digits are of one width; as wide as a point. */
const FIGURE_SPACE = '\u2007';
const POINT_SPACE = '\u2008';

function decimalsOf(text: string): number {
  const point = text.indexOf('.');
  return point < 0 ? 0 : text.length - point - 1;
}

/** Lines up a column whose cells have up to three numbers. */
export function align(rows: readonly (readonly string[] | null)[]): AlignedColumn {
  const parts = Math.max(0, ...rows.map((row) => row?.length ?? 0));
  const decimals = Array.from({ length: parts }, (_, part) => Math.max(0, ...rows.map((row) => decimalsOf(row?.[part] ?? ''))));
  const padded = rows.map((row) =>
    row === null
      ? null
      : row.map((text, part) => {
          const own = decimalsOf(text);
          const most = decimals[part] ?? 0;
          return text + (own === 0 && most > 0 ? POINT_SPACE : '') + FIGURE_SPACE.repeat(most - own);
        }),
  );
  const width = (text: string): number => text.length - (/[.\u2008]/u.test(text) ? 0.5 : 0);
  return { rows: padded, widths: decimals.map((_, part) => Math.max(0, ...padded.map((row) => width(row?.[part] ?? '')))) };
}

/** Seed by seed: variant − baseline, where both have a value. */
export function pairedDifferences(variant: ComparedVariant, baseline: ComparedVariant | undefined): { readonly seed: number; readonly value: number }[] {
  const base = new Map(baseline?.values.map(({ seed, value }) => [seed, value]));
  return variant.values.flatMap(({ seed, value }) => {
    // A run without a seed is in no pair.
    const other = seed === null ? undefined : base.get(seed);
    return seed === null || other === undefined ? [] : [{ seed, value: value - other }];
  });
}

/** Variants that are compared with the baseline, largest difference first; those without one last. */
export function byEffect(variants: readonly ComparedVariant[]): { readonly variant: ComparedVariant; readonly place: number }[] {
  return variants
    .map((variant, place) => ({ variant, place }))
    .filter(({ variant }) => variant.delta !== null)
    .toSorted((left, right) => (right.variant.delta?.mean ?? -Infinity) - (left.variant.delta?.mean ?? -Infinity) || left.place - right.place);
}

type MissingCell = ComparisonView['missing'][number];

/** What the engine says of a cell whose run may still end well. */
const PENDING: ReadonlySet<string> = new Set(['queued', 'running', 'interrupted']);

export interface Progress {
  readonly finished: number;
  readonly total: number;
  /** Cells whose runs wait, run or were interrupted. */
  readonly pending: number;
  /** Cells that will stay without a value unless somebody does something. */
  readonly lost: readonly MissingCell[];
}

export function progressOf({ variants, missing }: ComparisonView): Progress {
  const finished = variants.reduce((sum, { n }) => sum + n, 0);
  const lost = missing.filter(({ reason }) => !PENDING.has(reason));
  return { finished, total: finished + missing.length, pending: missing.length - lost.length, lost };
}

/** What stands behind the name of a metric or curve. */
export function unitText(unit: string): string {
  return unit === '' ? '' : ` (${unit})`;
}

/** `95%`. */
export function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}
