/** Use cases of the list of runs: pages, columns, sparklines, thinned series. */
import type { Input, Output } from '../api/contract';
import type { RunListRow, RunSortKey } from '../api/views';
import { overlaps } from '../ablation/paths';
import { pick, thinnedIndices } from '../analysis/thin';
import { sameValue } from '../config/diff';
import type { VariantConfig } from '../config/hash';
import { leavesOf } from '../config/leaves';
import { testLabel } from '../config/metrics';
import { RepriseError } from '../errors/errors';
import { readFilter } from '../filter/read';
import type { ListedRun, RunsFilter, RunsOrder, Store } from '../store/types';
import type { EngineContext } from './context';
import { describeLogged, leavesOfLogged, newestLogged, standIn } from './logged-rows';
import { declaredOf, labelOf, valueOf } from './yardstick';

const MOST_VARYING = 60;
/** Where the parameters of commands and of logged runs stand among the leaves. */
const PARAMS = 'params.';
/** Experiments whose newest study tells which leaves are factors, where none is named. */
const EXPERIMENTS_LOOKED_AT = 20;

export function listRunsPage({ store }: EngineContext, input: Input<'runs.page'>): Output<'runs.page'> {
  const { columns = [], sort, offset, limit, ...filter } = input;
  const page = store.listPage(readText(filter), orderOf(store, sort ?? { by: 'created', descending: true }, filter.experiment), offset, limit);
  const now = Date.now();
  const logged = describeLogged(store, page.rows, filter.experiment, columns);
  return {
    total: Object.values(page.byStatus).reduce((sum, count) => sum + count, 0),
    byStatus: { ...page.byStatus },
    rows: page.rows.map((listed) => {
      const config = listed.variantHash === null ? null : store.variantConfig(listed.variantHash);
      const own = logged.get(listed.run.runId) ?? { metric: metricOf(store, listed), leaves: config === null ? columns.map(() => undefined) : leavesAt(config, columns) };
      return { run: listed.run, ...own, secondsLeft: secondsLeft(listed, now) };
    }),
  };
}

/** Divides what was typed into words and an expression. @throws RepriseError FILTER_INVALID */
export function readText<F extends RunsFilter>({ text, ...filter }: F): RunsFilter {
  const read = readFilter(text ?? '');
  return 'expression' in read ? { ...filter, expression: read.expression } : { ...filter, text: read.words.join(' ') };
}

export function listExperiments({ store }: EngineContext): Output<'experiments.list'> {
  return store.listExperiments().map((row) => ({ ...row, byStatus: { ...row.byStatus } }));
}

/** The first page with the first of the leaves that vary, and what stands around it. */
export function openRuns(context: EngineContext, { experiment, leaves, sort, limit }: Input<'runs.opening'>): Output<'runs.opening'> {
  const filter = experiment === undefined ? {} : { experiment };
  const columns = describeColumns(context, filter);
  const page = listRunsPage(context, { ...filter, columns: columns.varying.slice(0, leaves), ...(sort === undefined ? {} : { sort }), offset: 0, limit });
  return { experiments: listExperiments(context), columns, page };
}

function orderOf(store: Store, { by, descending }: { readonly by: RunSortKey; readonly descending: boolean }, experiment: string | undefined): RunsOrder {
  const series = by === 'metric' ? standIn(newestLogged(store, experiment)) : null;
  if (series !== null) return { by: 'value', name: series, descending };
  if (!isLeafKey(by)) return { by, descending };
  const path = by.slice('config:'.length);
  const values = [...store.variantConfigs(experiment)].flatMap(([hash, config]) => {
    const [value] = leavesAt(config, [path]);
    return value === undefined ? [] : [{ hash, value }];
  });
  // Parameters stand with every run, logged ones among them; but lists among them as texts, which have another order.
  if (path.startsWith(PARAMS) && !values.some(({ value }) => Array.isArray(value))) return { by: 'param', name: path.slice(PARAMS.length), descending };
  values.sort((left, right) => compareValues(left.value, right.value));
  // Equal values share a place, so that the runs that have them are sorted by time.
  const places: Record<string, number> = {};
  let place = 0;
  for (const [index, { hash, value }] of values.entries()) {
    if (index > 0 && !sameValue(values[index - 1]?.value, value)) place += 1;
    places[hash] = place;
  }
  return { by: 'place', places, descending };
}

function isLeafKey(by: RunSortKey): by is `config:${string}` {
  return by.startsWith('config:');
}

/** Numbers by size, lists entry by entry, then by length; anything else as its text. */
function compareValues(left: unknown, right: unknown): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right;
  if (Array.isArray(left) && Array.isArray(right)) {
    for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
      const order = compareValues(left[index], right[index]);
      if (order !== 0) return order;
    }
    return left.length - right.length;
  }
  const [a, b] = [JSON.stringify(left), JSON.stringify(right)];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Flat forms of configs, which never change. */
const flat = new WeakMap<VariantConfig, Map<string, unknown>>();

function flatOf(config: VariantConfig): Map<string, unknown> {
  const leaves = flat.get(config) ?? leavesOf(config);
  flat.set(config, leaves);
  return leaves;
}

/** Values of leaves; undefined where the config has no such leaf. */
export function leavesAt(config: VariantConfig, paths: readonly string[]): unknown[] {
  const leaves = flatOf(config);
  return paths.map((path) => leaves.get(path));
}

/** The declared metric, of a training at the selected checkpoint; null until the run is finished, and where it declares none. */
export function metricOf(store: Store, { run, variantHash, test }: ListedRun): RunListRow['metric'] {
  const config = variantHash === null ? null : store.variantConfig(variantHash);
  if (config === null) return null;
  if ('task' in config) {
    const declared = declaredOf(config);
    const value = declared === null ? null : valueOf(store, run, declared);
    return declared === null || value === null ? null : { name: labelOf(declared), value };
  }
  const { metric } = config.selection;
  const value = test?.[metric];
  return value === undefined ? null : { name: testLabel(metric), value };
}

/**
 * Seconds left of a running run: at the pace of its whole attempt, which changes little from one moment to the next,
 * and going down between two words of the worker. Null where nothing is known. An estimate.
 * @param now milliseconds since 1970
 */
export function secondsLeft({ run, attempt }: ListedRun, now: number): number | null {
  if (run.status !== 'running' || run.totalSteps === null) return null;
  const elapsed = attempt === null ? 0 : (attempt.updatedAt - attempt.startedAt) / 1000;
  const done = attempt === null ? 0 : run.stepsDone - attempt.fromStep;
  const pace = done > 0 && elapsed > 0 ? done / elapsed : run.throughput;
  if (pace === null || !(pace > 0)) return null;
  const silent = attempt === null ? 0 : Math.max(0, now - attempt.updatedAt) / 1000;
  return Math.max(0, (run.totalSteps - run.stepsDone) / pace - silent);
}

/** Which leaves vary among the runs, a study's factors first, and which are the same in all. */
export function describeColumns({ store }: EngineContext, input: Input<'runs.columns'>): Output<'runs.columns'> {
  const configs = [...store.variantConfigs(input.experiment).values()];
  const logged = newestLogged(store, input.experiment);
  const flats = [...configs.map(flatOf), ...logged.map(leavesOfLogged)];
  const seen = new Map<string, { readonly value: unknown; configs: number; varies: boolean }>();
  for (const leaves of flats) {
    for (const [path, value] of leaves) {
      const known = seen.get(path);
      if (known === undefined) seen.set(path, { value, configs: 1, varies: false });
      else {
        known.configs += 1;
        known.varies ||= !sameValue(known.value, value);
      }
    }
  }
  // A leaf that some configs lack varies as well.
  const leaves = [...seen].map(([path, { value, configs: having, varies }]) => ({ path, value, varies: varies || having < flats.length }));
  const varying = leaves.filter((leaf) => leaf.varies).map((leaf) => leaf.path);
  const factors = factorsOf(store, input.experiment);
  const isFactor = (path: string): boolean => factors.some((factor) => overlaps(factor, path));
  const metrics = new Set([...configs.flatMap((config) => ('task' in config ? (config.selection?.metric ?? []) : testLabel(config.selection.metric))), standIn(logged)].filter((name) => name !== null));
  return {
    varying: [...varying.filter(isFactor), ...varying.filter((path) => !isFactor(path))].slice(0, MOST_VARYING),
    constant: leaves.filter((leaf) => !leaf.varies).map(({ path, value }) => ({ path, value })),
    metric: metrics.size === 1 ? ([...metrics][0] ?? null) : null,
  };
}

function factorsOf(store: Store, experiment: string | undefined): string[] {
  const experiments = experiment === undefined ? store.listExperiments().slice(0, EXPERIMENTS_LOOKED_AT).map((row) => row.name) : [experiment];
  const paths = experiments.flatMap((name) => store.latestStudy(name)?.variants ?? []).flatMap((variant) => variant.changes.map((change) => change.path));
  return [...new Set(paths)];
}

/** Training losses for lists. Runs that are gone are left out. */
export function readSparklines({ store }: EngineContext, input: Input<'runs.sparklines'>): Output<'runs.sparklines'> {
  return input.runs.flatMap((id) => {
    const runId = runIdOrNull(store, id);
    if (runId === null) return [];
    const { values } = store.series(runId, 'train.loss');
    return [{ run: id, values: pick(values, evenly(values.length, input.points)) }];
  });
}

function runIdOrNull(store: Store, id: string): string | null {
  try {
    return store.getRun(id).runId;
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'RUN_NOT_FOUND') return null;
    throw error;
  }
}

/** At most `count` places of `total`, at equal distances, the first and the last among them: what a line of a hundred pixels needs. */
function evenly(total: number, count: number): number[] {
  if (total <= count) return Array.from({ length: total }, (_, index) => index);
  return Array.from({ length: count }, (_, index) => Math.round((index * (total - 1)) / (count - 1)));
}

export function readSeries({ store }: EngineContext, input: Input<'runs.series'>): Output<'runs.series'> {
  const { steps, values } = store.series(store.getRun(input.run).runId, input.key);
  if (input.points === undefined) return { steps, values };
  const kept = thinnedIndices(values, input.points);
  return { steps: pick(steps, kept), values: pick(values, kept) };
}
