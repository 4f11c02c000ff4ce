/** Runs that were begun within others, as MLflow's clients nest them. */
import type { RunRow, Store } from '../store/types';
import type { RunData } from '../store/tracking';

/** The tag by which they name the run that they belong to. */
const PARENT_TAG = 'mlflow.parentRunId';

/** What the logged ones among runs have, by id. */
export function loggedData(store: Store, runs: readonly RunRow[]): ReadonlyMap<string, RunData> {
  return new Map(store.runData(runs.flatMap(({ kind, runId }) => (kind === 'logged' ? [runId] : []))).map((data) => [data.run.runId, data]));
}

/** Whether a logged run belongs, over however many others, to one that `holds`. */
export function isWithin(runId: string, logged: ReadonlyMap<string, RunData>, holds: (runId: string) => boolean): boolean {
  const parentOf = (id: string): string | undefined => logged.get(id)?.tags[PARENT_TAG];
  // What a client says may lead in a circle.
  const above = new Set<string>();
  for (let at = parentOf(runId); at !== undefined && !above.has(at); at = parentOf(at)) {
    if (at !== runId && holds(at)) return true;
    above.add(at);
  }
  return false;
}
