/** Cells as text: what a run's numbers say, with the decimals they deserve. */
import type { RunView } from '../../../src/api/rows';
import type { RunListRow } from '../../../src/api/views';
import { valueInWords } from '../../../src/ablation/describe';
import { decimalsFor, formatFixed, formatPlain } from '../../../src/analysis/format';
import { higherIsBetter, testMetricOf } from '../../../src/config/metrics';

/** A declared metric: `test accuracy`, or the key of a series. */
export type MetricName = string;

/** `Test accuracy`, `val_loss`; without a name the metric differs from run to run. */
export function metricTitle(name: MetricName | null): string {
  if (name === null) return 'Metric';
  return name.startsWith('test ') ? `Test ${name.slice('test '.length)}` : name;
}

/** Whether the best come first where the larger do; of a series that somebody else named they do, since most are scores. */
export function largerFirst(name: MetricName | null): boolean {
  const metric = name === null ? null : testMetricOf(name);
  return metric === null || higherIsBetter(metric);
}

export interface MeanText {
  readonly mean: string;
  /** `± 0.0021`; null where there is no interval. */
  readonly half: string | null;
}

/** Mean and half-width of a symmetric interval, both with the decimals that the half-width deserves. */
export function meanText(mean: number | null, ci: readonly [number, number] | null): MeanText {
  if (mean === null) return { mean: '–', half: null };
  const half = ci === null ? null : (ci[1] - ci[0]) / 2;
  const decimals = decimalsFor(half);
  if (half === null || decimals === null) return { mean: formatPlain(mean), half: half === 0 ? '± 0' : null };
  return { mean: formatFixed(mean, decimals), half: `± ${formatFixed(half, decimals)}` };
}

/** A config leaf's value; empty where a config has no such leaf. */
export function leafText(value: unknown): string {
  return value === undefined ? '' : valueInWords(value);
}

/** Short names for paths: the last part, with as many parts before it as tell it from the others. A `kind` goes by what it is the kind of. */
export function leafNames(paths: readonly string[]): ReadonlyMap<string, string> {
  const parts = paths.map((path) => path.replace(/(?<=.)\.kind$/u, '').split('.'));
  const tail = (index: number, length: number): string => parts[index]?.slice(-length).join('.') ?? '';
  return new Map(
    paths.map((path, index) => {
      let length = 1;
      while (length < (parts[index]?.length ?? 1) && paths.some((_, other) => other !== index && tail(other, length) === tail(index, length))) length += 1;
      return [path, tail(index, length)];
    }),
  );
}

/** Share done of a run, 0…1; null where the number of steps is not known. */
export function shareDone({ stepsDone, totalSteps }: RunView): number | null {
  return totalSteps === null || totalSteps === 0 ? null : Math.min(1, stepsDone / totalSteps);
}

/** What to do next about a run that did not finish. */
export function nextStep({ status, stepsDone }: Pick<RunView, 'status' | 'stepsDone'>): string | null {
  switch (status) {
    case 'failed':
      return 'Open the run to read its log; then retry it, or change its config.';
    case 'interrupted':
      return 'Retry it: it goes on from its last checkpoint to the same result.';
    case 'cancelled':
      return stepsDone === 0 ? 'Retry it to put it into the queue again.' : 'Retry it: it goes on from its last checkpoint.';
    case 'queued':
    case 'running':
    case 'finished':
      return null;
  }
}

/** Lowest and highest of a metric that all these runs share; null where they have none in common. */
export function metricRange(rows: readonly Pick<RunListRow, 'metric'>[]): { readonly name: MetricName; readonly low: number; readonly high: number; readonly n: number } | null {
  const metrics = rows.flatMap(({ metric }) => (metric === null || Number.isNaN(metric.value) ? [] : [metric]));
  const [first] = metrics;
  if (first === undefined || metrics.some(({ name }) => name !== first.name)) return null;
  const values = metrics.map(({ value }) => value);
  return { name: first.name, low: values.reduce((a, b) => Math.min(a, b)), high: values.reduce((a, b) => Math.max(a, b)), n: values.length };
}
