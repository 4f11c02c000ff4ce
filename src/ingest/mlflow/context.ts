/** What the routes of the API work with. */
import type { RunKind } from '../../events/manifest';
import type { Store } from '../../store/types';
import type { ExperimentInfo, RunData } from '../../store/tracking';
import { invalid, missing } from './errors';
import type { Turns } from './turns';

export interface MlflowContext {
  readonly store: Store;
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

/** The experiment of the command run whose program speaks; null for everybody else. */
export function experimentOfCommand({ store, commandRun }: MlflowContext): string | null {
  return commandRun === null ? null : (store.getRuns([commandRun])[0]?.experiment ?? null);
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
 * The kind of a run that can be written to.
 * @throws MlflowError RESOURCE_DOES_NOT_EXIST; INVALID_PARAMETER_VALUE where it is deleted or trained by Reprise
 */
export function refuseUnwritable({ store }: MlflowContext, runId: string): Exclude<RunKind, 'training'> {
  const run = store.lifecycleOf(runId);
  if (run === null) throw noRun(runId);
  if (run.deletedAt !== null) throw invalid(`The run ${runId} is deleted; restore it first.`);
  if (run.kind === 'training') throw invalid(`The run ${runId} is trained by Reprise: what it logs comes from its own worker.`);
  return run.kind;
}
