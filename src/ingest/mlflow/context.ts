/** What the routes of the API work with. */
import type { RunSearch, RunsFound } from '../../store/search';
import type { RunRow, Store } from '../../store/types';
import type { ExperimentInfo, RunData, TrackingStore } from '../../store/tracking';
import { invalid, missing } from './errors';
import type { Turns } from './turns';

/** The store as the API sees it. */
export type MlflowStore = Store & TrackingStore & { search(search: RunSearch): RunsFound };

export interface MlflowContext {
  readonly store: MlflowStore;
  readonly turns: Turns;
  /** The command run whose program speaks; null for everybody else. */
  readonly commandRun: string | null;
  /** Told after the run changed. */
  readonly onRun: (runId: string) => void;
  /** Told after runs or experiments came, went or came back. */
  readonly onRuns: () => void;
}

/** What a record of names that people chose has under one of them; `constructor` is one like any other. */
export function entryOf<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** An experiment that may be deleted. @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export function experimentOf({ store }: MlflowContext, id: string): ExperimentInfo {
  const experiment = store.experiment({ id });
  if (experiment === null) throw missing(`No experiment with ID ${id} exists.`);
  return experiment;
}

/** An experiment that is not deleted. @throws MlflowError RESOURCE_DOES_NOT_EXIST, INVALID_PARAMETER_VALUE */
export function activeExperimentOf(context: MlflowContext, id: string): ExperimentInfo {
  const experiment = experimentOf(context, id);
  if (experiment.deletedAt !== null) throw invalid(`The experiment ${id} ("${experiment.name}") is deleted; restore it first.`);
  return experiment;
}

/** The id of the experiment that a run says it belongs to. @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export function experimentIdOf({ store }: MlflowContext, name: string): string {
  const experiment = store.experiment({ name });
  if (experiment === null) throw missing(`Could not find experiment with name '${name}'`);
  return experiment.experimentId;
}

/** A run that may be deleted. @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export function runOf({ store }: MlflowContext, runId: string): RunData {
  const [run] = store.runData([runId]);
  if (run === undefined) throw noRun(runId);
  return run;
}

function noRun(runId: string): Error {
  return missing(`Run with id=${runId} not found.`);
}

/**
 * A run that can be written to.
 * @throws MlflowError RESOURCE_DOES_NOT_EXIST; INVALID_PARAMETER_VALUE where it is deleted or a Reprise worker writes its log
 */
export function writableRunOf({ store }: MlflowContext, runId: string): RunRow {
  const [run] = store.getRuns([runId]);
  if (run === undefined) {
    const [deleted] = store.runData([runId]);
    if (deleted === undefined) throw noRun(runId);
    throw invalid(`The run ${runId} is deleted; restore it first.`);
  }
  if (run.kind === 'training') throw invalid(`The run ${runId} is trained by Reprise: only its own worker writes to it.`);
  return run;
}
