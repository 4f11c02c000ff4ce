/** By which metric runs are compared: the one they declared, one that a person chose, or the one that most of them have. */
import type { CommandConfig } from '../config/command';
import { higherIsBetter, METRIC_NAMES, testLabel, unitOf, type MetricName } from '../config/metrics';
import type { Config } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { kindOf, type RunManifest, type TrainingManifest } from '../events/manifest';
import type { RunRow, Store } from '../store/types';
import { testMetrics } from './results';

/** A metric of the test split at the selected checkpoint, which trainings declare. */
interface TestYardstick {
  readonly kind: 'test';
  readonly metric: MetricName;
  readonly by: 'declared' | 'chosen';
}

/** A series that a command or a logged run has. */
interface SeriesYardstick {
  readonly kind: 'series';
  readonly key: string;
  readonly goal: 'minimize' | 'maximize';
  readonly value: 'last' | 'best';
  readonly by: 'declared' | 'chosen' | 'most-common';
}

export type Yardstick = TestYardstick | SeriesYardstick;

/** `test accuracy`, `val_loss`, `val_loss (best)`. */
export function labelOf(yardstick: Yardstick): string {
  if (yardstick.kind === 'test') return testLabel(yardstick.metric);
  return yardstick.value === 'best' ? `${yardstick.key} (best)` : yardstick.key;
}

export function isHigherBetter(yardstick: Yardstick): boolean {
  return yardstick.kind === 'test' ? higherIsBetter(yardstick.metric) : yardstick.goal === 'maximize';
}

/** Why this metric and this direction, where the runs do not say; a sentence. */
export function remarkOf(yardstick: Yardstick): string | null {
  if (yardstick.by === 'declared') return null;
  if (yardstick.kind === 'test') return `The ${labelOf(yardstick)} was asked for; the runs declare another metric.`;
  const chosen = yardstick.by === 'chosen' ? `${yardstick.key} was asked for` : `No run declares a metric, so ${yardstick.key}, which most runs have, stands for it`;
  return `${chosen}: the latest value of each finished run; that ${yardstick.goal === 'maximize' ? 'higher' : 'lower'} is better is taken from its name.`;
}

/** What a config declares; null for a command that declares nothing. */
export function declaredOf(config: Pick<Config, 'model' | 'selection'> | Pick<CommandConfig, 'task' | 'selection'>): Yardstick | null {
  if ('model' in config) return { kind: 'test', metric: config.selection.metric, by: 'declared' };
  const { selection } = config;
  return selection === undefined ? null : { kind: 'series', key: selection.metric, goal: selection.goal, value: selection.value, by: 'declared' };
}

/** What a manifest declares; null for a run that declares nothing. */
export function declaredBy(manifest: RunManifest): Yardstick | null {
  return manifest.kind === 'logged' ? null : declaredOf(manifest.config);
}

const MORE_IS_BETTER = /acc|auc|f1|precision|recall|\br2|score|bleu|rouge|\bmap\b|iou|dice|psnr|ssim|reward|return|correct|win/iu;

/** The direction that a metric's name suggests; a loss or an error where it suggests none. */
function goalByName(key: string): SeriesYardstick['goal'] {
  return MORE_IS_BETTER.test(key) && !/loss|err/iu.test(key) ? 'maximize' : 'minimize';
}

/** Series about the machine, not the result. */
const ABOUT_MACHINE = /^system[/.]/u;

/** Keys of the runs' series, those of most runs first, then by name. */
export function commonKeys(store: Store, runs: readonly RunRow[]): string[] {
  return mostCommon(runs.map(({ runId }) => store.latestMetrics(runId).map(({ key }) => key)));
}

/** The same of the keys that each run has. */
export function mostCommon(keys: readonly (readonly string[])[]): string[] {
  const counts = new Map<string, number>();
  for (const key of keys.flat()) counts.set(key, (counts.get(key) ?? 0) + 1);
  const rank = (key: string): number => (ABOUT_MACHINE.test(key) ? 1 : 0);
  return [...counts].toSorted(([a, left], [b, right]) => rank(a) - rank(b) || right - left || (a < b ? -1 : 1)).map(([key]) => key);
}

/**
 * @param metric what a person chose: a test metric by its label or by its name in a config, or the key of a series
 * @throws RepriseError METRICS_DIFFER where the runs declare different ones, METRIC_NOT_FOUND where no run has the chosen one, or none has any
 */
export function yardstickFor(store: Store, runs: readonly RunRow[], metric: string | undefined): Yardstick {
  const declared = new Map<string, Yardstick>();
  for (const run of runs) {
    const own = run.kind === 'logged' ? null : declaredBy(store.manifest(run.runId));
    if (own !== null) declared.set(JSON.stringify(own), own);
  }
  const [first, ...others] = declared.values();
  if (metric !== undefined) {
    // Asking for what is declared anyway changes nothing.
    if (first !== undefined && others.length === 0 && (labelOf(first) === metric || (first.kind === 'series' && first.key === metric))) return first;
    const known = commonKeys(store, runs);
    // A series that goes by the bare name of a metric comes first.
    const trained = measuredMetrics(store, runs, 'test.').find((name) => metric === testLabel(name) || metric === `test.${name}` || (metric === name && !known.includes(metric)));
    if (trained !== undefined) return first?.kind === 'test' && first.metric === trained && others.length === 0 ? first : { kind: 'test', metric: trained, by: 'chosen' };
    if (!known.includes(metric)) {
      throw new RepriseError('METRIC_NOT_FOUND', `No run has a metric ${JSON.stringify(metric)}.`, { kind: 'input', hint: known.length === 0 ? 'The runs have logged no metric.' : `Known: ${known.slice(0, 20).join(', ')}.` });
    }
    return { kind: 'series', key: metric, goal: goalByName(metric), value: 'last', by: 'chosen' };
  }
  if (others.length > 0) {
    throw new RepriseError('METRICS_DIFFER', `The runs declare different metrics (${[...declared.values()].map(labelOf).join(', ')}) and cannot be compared by one.`, { kind: 'inconclusive', hint: 'Name the metric to compare them by.' });
  }
  if (first !== undefined) return first;
  // Runs that did not get as far as logging anything are told as missing cells.
  const key = commonKeys(store, runs)[0] ?? 'metric';
  return { kind: 'series', key, goal: goalByName(key), value: 'last', by: 'most-common' };
}

/** Metrics that any of the trainings among the runs has a series of. @param prefix `test.`, `validation.` */
export function measuredMetrics(store: Store, runs: readonly RunRow[], prefix: string): MetricName[] {
  const keys = new Set(runs.flatMap(({ kind, runId }) => (kind === 'training' ? store.latestMetrics(runId).map(({ key }) => key) : [])));
  return METRIC_NAMES.filter((name) => keys.has(`${prefix}${name}`));
}

/** The unit of a metric of trainings; empty where their tasks differ in it. */
export function unitIn(store: Store, runs: readonly (RunRow | null)[], metric: MetricName): string {
  const variants = new Set(runs.flatMap((run) => (run?.kind === 'training' ? (store.listedRun(run.runId).variantHash ?? []) : [])));
  const configs = [...variants].flatMap((hash) => store.variantConfig(hash) ?? []);
  const units = new Set(configs.flatMap((config) => ('task' in config ? [] : [unitOf(metric, config)])));
  return units.size === 1 ? ([...units][0] ?? '') : '';
}

/** The value of a finished run; null where it has none. NaN and infinities are values of a series. */
export function valueOf(store: Store, run: RunRow, yardstick: Yardstick): number | null {
  if (run.status !== 'finished') return null;
  if (yardstick.kind === 'test') {
    const test = testMetrics(store, run);
    // Weights of a diverged training still put every example into some class; that share says nothing.
    return test !== null && Number.isFinite(test.loss) ? (test[yardstick.metric] ?? null) : null;
  }
  const latest = store.latestMetrics(run.runId).find(({ key }) => key === yardstick.key);
  if (latest === undefined) return null;
  if (yardstick.value === 'last') return latest.value;
  return (yardstick.goal === 'maximize' ? latest.max : latest.min) ?? Number.NaN;
}

/** Why a run has no value. */
export function missingReason(store: Store, run: RunRow | null, yardstick: Yardstick): string {
  if (run === null) return 'no run';
  if (run.status === 'finished' && yardstick.kind === 'test') {
    const test = testMetrics(store, run);
    return test !== null && Number.isFinite(test.loss) ? `has no ${labelOf(yardstick)}` : 'training diverged: the test loss is not a finite number';
  }
  if (run.status === 'finished' && yardstick.kind === 'series') return `has no ${yardstick.key}`;
  if (run.status === 'failed') return `failed: ${run.errorMessage ?? run.errorCode ?? 'unknown reason'}`;
  return run.status;
}

/** A run's own declared metric with its value, as lists show it. */
export function declaredValue(store: Store, run: RunRow): { readonly name: string; readonly value: number } | null {
  const declared = run.kind === 'logged' ? null : declaredBy(store.manifest(run.runId));
  const value = declared === null ? null : valueOf(store, run, declared);
  return declared === null || value === null ? null : { name: labelOf(declared), value };
}

/** Whether a manifest is that of a training. */
export function isTraining(manifest: RunManifest): manifest is TrainingManifest {
  return kindOf(manifest) === 'training';
}
