/** Use case: curves of an experiment's variants, mean and band over seeds. */
import { setImmediate } from 'node:timers/promises';
import { formatCount } from '../analysis/format';
import type { Input, Output } from '../api/contract';
import type { CurveKey, CurvesView } from '../api/views';
import { alignCurves, onePerStep } from '../analysis/align';
import { bandOf, type Curve } from '../analysis/band';
import { pick, thinnedIndices } from '../analysis/thin';
import { METRIC_NAMES, type MetricName } from '../config/metrics';
import type { RunRow, Store } from '../store/types';
import { arrange, seedOfColumn, type Arrangement } from './arrange';
import type { EngineContext } from './context';
import { commonKeys, measuredMetrics, unitIn } from './yardstick';

type Variant = Arrangement['variants'][number];

/** How many of the curves left out are named one by one. */
const NAMED = 12;

/** What every training is validated by. */
const VALIDATION = 'validation.';
/** Norms of a training: of its gradients, where they are told, and of its weights. */
const NORMS = /^train\.\w+Norm$/u;
/** A longer series of a command or a logged run is read in buckets. */
const MOST_POINTS = 100_000;
const BUCKETS = 10_000;

interface Read extends Curve {
  /** Whether a value is the mean of several points. */
  readonly averaged: boolean;
}

/** The metric of the validation split that a key names. */
function validatedBy(key: CurveKey): MetricName | undefined {
  return METRIC_NAMES.find((name) => key === `${VALIDATION}${name}`);
}

function trainingCurve(store: Store, runId: string, key: CurveKey): Curve {
  if (key === 'train.loss' || key === 'train.learningRate') return store.series(runId, key);
  const metric = validatedBy(key);
  if (metric === undefined) return onePerStep(store.points(runId, key));
  const points = store.metrics(runId).flatMap((row) => (row.split === 'validation' && row[metric] !== undefined ? [{ step: row.step, value: row[metric] }] : []));
  return { steps: Float64Array.from(points, ({ step }) => step), values: Float64Array.from(points, ({ value }) => value) };
}

function curveOf(store: Store, run: RunRow, key: CurveKey): Read {
  if (run.kind === 'training') return { ...trainingCurve(store, run.runId, key), averaged: false };
  const length = store.latestMetrics(run.runId).find((latest) => latest.key === key)?.points ?? 0;
  if (length <= MOST_POINTS) return { ...onePerStep(store.points(run.runId, key)), averaged: false };
  const { toSteps, mean } = store.seriesWindow(run.runId, key, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, BUCKETS);
  return { ...onePerStep({ steps: toSteps, values: mean }), averaged: true };
}

interface Chosen {
  readonly curves: readonly Curve[];
  /** `seed 2 of sgd: failed`, for each seed that is not in the mean; a note for one that is, with gaps. */
  readonly leftOut: readonly string[];
  readonly notes: readonly string[];
}

/** Whether a training failed because a number in it was none any more. */
function hasDiverged({ status, errorCode }: RunRow): boolean {
  return status === 'failed' && errorCode === 'TRAINING_DIVERGED';
}

/**
 * The curves a variant's mean is taken over: its finished runs; while it has none, those that are under way. A
 * diverged run would make the mean of the others unreadable, so it is left out and named; where all diverged, they
 * are shown as far as they go.
 */
function chooseCurves(store: Store, variant: Variant, seeds: readonly number[], key: CurveKey): Chosen {
  const leftOut: string[] = [];
  const notes: string[] = [];
  const named = (index: number): string => {
    const seed = seedOfColumn(seeds[index] ?? -1);
    return `${seed === null ? 'a run without a seed' : `seed ${seed}`} of ${variant.name}`;
  };
  const runs = variant.runs.flatMap((run, index): { run: RunRow; index: number }[] => {
    if (run !== null) return [{ run, index }];
    // The column of a run without a seed belongs to one variant.
    if (seedOfColumn(seeds[index] ?? -1) !== null) leftOut.push(`${named(index)}: no run`);
    return [];
  });
  const finished = runs.filter(({ run }) => run.status === 'finished' || hasDiverged(run));
  const underWay = finished.length > 0 ? [] : runs.filter(({ run }) => (run.status === 'running' || run.status === 'interrupted') && (run.stepsDone > 0 || run.kind !== 'training'));
  const shown = finished.length > 0 ? finished : underWay;
  for (const { run, index } of runs) if (!shown.some((one) => one.run === run)) leftOut.push(`${named(index)}: ${run.status}`);
  if (underWay.length > 0) notes.push(`${variant.name}: not finished, drawn up to the step that all its running seeds have reached`);

  const read = shown.map(({ run, index }) => {
    const curve = curveOf(store, run, key);
    const broken = curve.values.findIndex((value) => !Number.isFinite(value));
    return { curve, index, broken: broken < 0 && hasDiverged(run) ? curve.values.length : broken };
  });
  const sound = read.filter(({ broken, curve, index }) => {
    if (curve.steps.length === 0) leftOut.push(`${named(index)}: has no ${key}`);
    return broken < 0 && curve.steps.length > 0;
  });
  const broken = read.filter((one) => one.broken >= 0);
  for (const { curve, broken: first, index } of broken) {
    const step = curve.steps[first];
    const when = step === undefined ? `diverged after the last ${key}` : `diverged, ${key} is not a finite number from step ${step} on`;
    if (sound.length > 0) leftOut.push(`${named(index)}: ${when}`);
    else notes.push(`${named(index)}: ${when}, shown as a gap`);
  }
  const used = sound.length > 0 ? sound : broken;
  if (used.some(({ curve }) => curve.averaged)) notes.push(`${variant.name}: long series, each value the mean of a stretch of points`);
  const { curves, carried } = alignCurves(used.map(({ curve }) => curve));
  if (carried) notes.push(`${variant.name}: its runs logged at different steps; between two of its points a run counts with the last one, from where all have begun to where the first ends`);
  return { curves, leftOut, notes };
}

function listed(entries: readonly string[]): string {
  const more = entries.length - NAMED;
  return `${entries.slice(0, NAMED).join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}

interface Told {
  readonly counts: readonly number[];
  readonly thinned: readonly { readonly name: string; readonly shown: number; readonly of: number }[];
  readonly leftOut: readonly string[];
  readonly notes: readonly string[];
}

function methodOf({ counts, thinned, leftOut, notes }: Told): string {
  const most = Math.max(0, ...counts);
  const least = Math.min(...counts.filter((n) => n > 0));
  const seeds = most === least ? `${most} seed${most === 1 ? '' : 's'}` : `${least} to ${most} seeds`;
  const parts = [most === 0 ? 'No variant has a curve yet' : most === 1 ? 'One seed a variant: no mean, no band' : `Mean of ${seeds} a variant at each step, band = 95% t interval of that mean${least === 1 ? ' (none for a single seed)' : ''}`];
  const [first, ...others] = thinned;
  if (first !== undefined) {
    const alike = others.every(({ of }) => of === first.of);
    const largest = thinned.reduce((large, one) => (one.of > large.of ? one : large), first);
    parts.push(`${alike ? '' : 'up to '}${formatCount(largest.of)} steps thinned to ${formatCount(largest.shown)} after averaging; first, last, smallest and largest of each stretch are kept`);
  }
  if (notes.length > 0) parts.push(listed(notes));
  if (leftOut.length > 0) parts.push(`left out: ${listed(leftOut)}`);
  return `${parts.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join('. ')}.`;
}

/** Series that curves can be drawn of, those of most runs first. */
function keysOf(store: Store, variants: readonly Variant[]): string[] {
  const runs = variants.flatMap((variant) => variant.runs.filter((run) => run !== null));
  const others = runs.filter(({ kind }) => kind !== 'training');
  const trainings = runs.filter(({ kind }) => kind === 'training');
  const norms = commonKeys(store, trainings).filter((key) => NORMS.test(key));
  const trained = runs.length === 0 || trainings.length > 0 ? ['train.loss', ...measuredMetrics(store, runs, VALIDATION).map((name) => `${VALIDATION}${name}`), ...norms] : [];
  return [...trained, ...commonKeys(store, others)];
}

/** @throws RepriseError EXPERIMENT_NOT_FOUND, METRICS_DIFFER */
export async function compareCurves({ store }: EngineContext, input: Input<'compare.curves'>): Promise<Output<'compare.curves'>> {
  const { variants, seeds } = arrange(store, input.experiment);
  const told = { counts: [] as number[], thinned: [] as { name: string; shown: number; of: number }[], leftOut: [] as string[], notes: [] as string[] };
  const views: CurvesView['variants'] = [];
  for (const variant of variants) {
    const { curves, leftOut, notes } = chooseCurves(store, variant, seeds, input.key);
    const band = bandOf(curves);
    const kept = thinnedIndices(band.mean, input.points);
    const edges = curves.length < 2 ? [] : kept;
    views.push({ name: variant.name, n: curves.length, steps: pick(band.steps, kept), mean: pick(band.mean, kept), low: pick(band.low, edges), high: pick(band.high, edges) });
    told.counts.push(curves.length);
    if (kept.length < band.steps.length) told.thinned.push({ name: variant.name, shown: kept.length, of: band.steps.length });
    told.leftOut.push(...leftOut);
    told.notes.push(...notes);
    // A long series takes a while; other calls have their turn in between.
    await setImmediate();
  }
  const unit = input.key === 'train.loss' ? 'loss' : validatedBy(input.key);
  return { key: input.key, unit: unit === undefined ? '' : unitIn(store, variants.flatMap(({ runs }) => runs), unit), method: methodOf(told), keys: keysOf(store, variants), variants: views };
}
