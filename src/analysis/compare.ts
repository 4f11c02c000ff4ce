/** Variants against their baseline, paired by seed, with intervals that hold together. */
import { formatFixed } from './format';
import { studentTTwoSided } from './student-t';
import { pearson, summarize, type Interval, type Summary } from './summary';

export interface ComparisonInput {
  readonly metric: string;
  readonly higherIsBetter: boolean;
  /** Baseline first. A seed without a value, or with one that is not finite, is a missing cell. */
  readonly variants: readonly {
    readonly name: string;
    readonly values: ReadonlyMap<number, number>;
    /** Why a seed has no value, where the caller knows. */
    readonly reasons?: ReadonlyMap<number, string>;
    /** What else a reader must know before trusting the difference to the baseline; joins the warning. Not used for the baseline itself. */
    readonly remarks?: readonly string[];
  }[];
  /** The planned seeds. */
  readonly seeds: readonly number[];
  /** Who chose the first variant as baseline: a study, or nobody, so that the oldest config stands for it. The method says the latter. */
  readonly baselineBy?: 'study' | 'oldest';
}

/** A variant's difference to the baseline (variant − baseline) over the seeds that both have. */
export interface Delta {
  /** Pairs. */
  readonly n: number;
  /** null without pairs. */
  readonly mean: number | null;
  /** Simultaneous interval; null for fewer than 2 pairs. */
  readonly ci: Interval | null;
  /** Pearson's correlation of the pairs; null for fewer than 3 pairs or where one side does not vary. */
  readonly correlation: number | null;
  /** Adjusted like the interval: min(1, m·p) of the two-sided paired t test over m contrasts. Below 0.05 exactly where the interval excludes 0. */
  readonly pValue?: number;
  /** What a reader must know before trusting the difference and its interval. */
  readonly warning?: string;
}

export interface ComparedVariant extends Summary {
  readonly name: string;
  /** null for the baseline. */
  readonly delta: Delta | null;
}

export interface MissingCell {
  readonly variant: string;
  readonly seed: number;
  readonly reason: string;
}

export interface Comparison {
  readonly metric: string;
  readonly higherIsBetter: boolean;
  /** How the numbers were made, in words for the reader. */
  readonly method: string;
  readonly confidence: number;
  /** Differences to the baseline that the simultaneous intervals cover together. */
  readonly contrasts: number;
  /** All seeds of the table: the planned ones, then any other that has a value. */
  readonly seeds: readonly number[];
  readonly variants: readonly ComparedVariant[];
  readonly missing: readonly MissingCell[];
}

const CONFIDENCE = 0.95;

function percent(share: number): string {
  return `${Number((share * 100).toFixed(2))}%`;
}

function deltaSentences(contrasts: number, deltas: readonly Delta[]): string[] {
  const intervals = deltas.filter(({ ci }) => ci !== null).length;
  const parts = ['Differences to the baseline are variant − baseline, paired by seed over the seeds that both have.'];
  if (intervals === 0) {
    parts.push(contrasts === 1 ? 'There are fewer than 2 pairs, so no interval can be given.' : 'Each has fewer than 2 pairs, so no interval can be given.');
    return parts;
  }
  const each = percent(1 - (1 - CONFIDENCE) / contrasts);
  if (contrasts === 1) parts.push(`Their interval is the ${percent(CONFIDENCE)} interval of the paired t test.`);
  else if (intervals === contrasts) parts.push(`Their ${contrasts} intervals are simultaneous: with ${percent(CONFIDENCE)} confidence all hold at once (paired t with Bonferroni's correction, each at ${each}).`);
  else parts.push(`${intervals} of ${contrasts} have an interval, the others fewer than 2 pairs. Intervals are corrected for all ${contrasts} planned differences: with ${percent(CONFIDENCE)} confidence all given hold at once (paired t with Bonferroni's correction, each at ${each}).`);
  parts.push('Each contrast uses the SD of its own differences, so variants may differ in variance; the differences are taken to be about normal.');
  if (deltas.some(({ correlation }) => correlation !== null)) parts.push('r is the correlation of the pairs: pairing helps where it is positive.');
  return parts;
}

/** Only what the table holds is described: with one seed there is neither an SD nor an interval. */
function methodOf({ metric, higherIsBetter, baselineBy }: ComparisonInput, contrasts: number, variants: readonly ComparedVariant[]): string {
  const what = `${metric} (${higherIsBetter ? 'higher' : 'lower'} is better)`;
  const most = variants.reduce((largest, { n }) => Math.max(largest, n), 0);
  const parts: string[] = [];
  if (most >= 2) {
    parts.push(`Mean of ${what} over seeds; SD over seeds (n − 1); ${percent(CONFIDENCE)} Student t interval of each mean, taken by itself.`);
    if (variants.some(({ n }) => n === 1)) parts.push('A variant with one value has neither SD nor interval.');
  } else if (most === 1) parts.push(`Value of ${what} of at most one seed a variant: there is neither an SD nor an interval.`);
  else parts.push(`No variant has a value of ${what}.`);
  if (contrasts > 0 && baselineBy === 'oldest') parts.push('No study declares a baseline, so the oldest config stands for it.');
  const deltas = variants.flatMap(({ delta }) => (delta === null ? [] : [delta]));
  if (deltas.some(({ n }) => n > 0)) parts.push(...deltaSentences(contrasts, deltas));
  if (most >= 2) parts.push('All intervals describe the variation between training seeds; the error from the finite test set is not in them.');
  else if (most === 1) parts.push('Nothing here tells how much another seed or another test set would change the values.');
  return parts.join(' ');
}

/**
 * Pairwise differences. Where they differ by rounding alone (0.97 − 0.95 against 0.96 − 0.94) they are made equal:
 * otherwise the last bits of shares such as accuracies would pass for a spread, and give an interval of width 1e-16.
 */
function differences(left: readonly number[], right: readonly number[]): number[] {
  const all = left.map((value, pair) => value - (right[pair] ?? Number.NaN));
  const size = [...left, ...right].reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const [first = 0] = all;
  return all.every((value) => Math.abs(value - first) <= 8 * Number.EPSILON * size) ? all.map(() => first) : all;
}

function warningOf(pairs: number, correlation: number | null, spread: number | null, remarks: readonly string[]): string | undefined {
  // Joined by semicolons and closed by whoever shows them.
  const parts = remarks.map((remark) => remark.replace(/\.$/u, ''));
  if (pairs === 0) parts.push('no seed has both values, so there is no difference to report');
  else if (pairs === 1) parts.push('one pair: no interval can be given');
  else if (pairs === 2) parts.push('two pairs: the interval is very wide and the correlation cannot be estimated');
  if (pairs >= 2 && spread === 0) parts.push('all differences are equal: the interval has no width and does not show the uncertainty');
  if (correlation !== null && correlation <= 0) parts.push(`the pairs are not positively correlated (r = ${formatFixed(correlation, 2)}): pairing by seed costs power here`);
  return parts.length === 0 ? undefined : parts.join('; ');
}

/**
 * Compares variants by one metric over seeds.
 *
 * The m contrasts (variant − baseline) get paired t intervals at confidence 1 − 0.05/m each, so that all m
 * cover their true differences at once with probability ≥ 0.95 (Bonferroni's inequality; no assumption on how the
 * contrasts depend on each other, and none of equal variances, which Dunnett's pooled form would need).
 * m counts every variant that was planned, so a variant that failed does not narrow the others' intervals.
 */
export function compareVariants(input: ComparisonInput): Comparison {
  const planned = [...new Set(input.seeds)];
  const extra = [...new Set(input.variants.flatMap(({ values }) => [...values.keys()]))].filter((seed) => !planned.includes(seed)).toSorted((a, b) => a - b);
  const seeds = [...planned, ...extra];
  const contrasts = Math.max(0, input.variants.length - 1);
  const confidence = contrasts === 0 ? CONFIDENCE : 1 - (1 - CONFIDENCE) / contrasts;

  const missing: MissingCell[] = [];
  const finite = input.variants.map(({ name, values, reasons, remarks = [] }) => {
    const present = new Map<number, number>();
    for (const seed of seeds) {
      const value = values.get(seed);
      if (value !== undefined && Number.isFinite(value)) present.set(seed, value);
      else missing.push({ variant: name, seed, reason: reasons?.get(seed) ?? (value === undefined ? 'no value' : `the metric is ${Number.isNaN(value) ? 'not a number' : 'infinite'}`) });
    }
    return { name, present, remarks };
  });

  const [baseline] = finite;
  const variants = finite.map(({ name, present, remarks }, index): ComparedVariant => {
    const own = { name, ...summarize([...present.values()], CONFIDENCE) };
    if (index === 0 || baseline === undefined) return { ...own, delta: null };
    const shared = seeds.filter((seed) => present.has(seed) && baseline.present.has(seed));
    const left = shared.map((seed) => present.get(seed) ?? Number.NaN);
    const right = shared.map((seed) => baseline.present.get(seed) ?? Number.NaN);
    const { n, mean, sd, ci } = summarize(differences(left, right), confidence);
    const correlation = pearson(left, right);
    const warning = warningOf(n, correlation, sd, remarks);
    const p = mean === null || sd === null || sd === 0 ? null : Math.min(1, contrasts * studentTTwoSided((mean * Math.sqrt(n)) / sd, n - 1));
    return { ...own, delta: { n, mean, ci, correlation, ...(p === null ? {} : { pValue: p }), ...(warning === undefined ? {} : { warning }) } };
  });
  return { metric: input.metric, higherIsBetter: input.higherIsBetter, method: methodOf(input, contrasts, variants), confidence: CONFIDENCE, contrasts, seeds, variants, missing };
}
