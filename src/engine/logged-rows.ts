/** What lists show of logged runs, which have no config: parameters as leaves, and a series that stands for the metric that they do not declare. */
import type { RunListRow } from '../api/views';
import type { RunData } from '../store/tracking';
import type { ListedRun, Store } from '../store/types';
import { mostCommon } from './yardstick';

/** So many of the newest runs tell which parameters and metrics there are. */
const LOOKED_AT = 20;

/** The logged runs among the newest of an experiment, or of all. */
export function newestLogged(store: Store, experiment: string | undefined): RunData[] {
  const { rows } = store.listPage(experiment === undefined ? {} : { experiment }, { by: 'created', descending: true }, 0, LOOKED_AT);
  return store.runData(rows.flatMap(({ run }) => (run.kind === 'logged' ? [run.runId] : [])));
}

/** The series that most of the runs have; null where they have none. */
export function standIn(runs: readonly RunData[]): string | null {
  return mostCommon(runs.map(({ metrics }) => metrics.map(({ key }) => key)))[0] ?? null;
}

/** A number where the text is one in the shape that we write; else the text. */
function valueOf(text: string): string | number {
  const number = Number(text);
  return Number.isFinite(number) && String(number) === text ? number : text;
}

/** Parameters by the paths that those of commands have: `params.lr`. */
export function leavesOfLogged({ params }: RunData): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(params).map(([name, text]) => [`params.${name}`, valueOf(text)]));
}

/** Metric and leaves of the logged runs of a page, by id. */
export function describeLogged(store: Store, rows: readonly ListedRun[], experiment: string | undefined, columns: readonly string[]): ReadonlyMap<string, Pick<RunListRow, 'metric' | 'leaves'>> {
  const ids = rows.flatMap(({ run }) => (run.kind === 'logged' ? [run.runId] : []));
  if (ids.length === 0) return new Map();
  const name = standIn(newestLogged(store, experiment));
  return new Map(
    store.runData(ids).map((data) => {
      const latest = data.metrics.find(({ key }) => key === name);
      const leaves = leavesOfLogged(data);
      return [data.run.runId, { metric: name === null || latest === undefined ? null : { name, value: latest.value }, leaves: columns.map((path) => leaves.get(path)) }];
    }),
  );
}
