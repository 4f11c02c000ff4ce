/** Runs: made, changed, read, deleted and brought back. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { StateRecord } from '../../events/records';
import { activeExperimentOf, experimentIdOf, experimentOfCommand, runOf, refuseUnwritable, type MlflowContext } from './context';
import { runEntity, runInfoEntity, RUN_NAME_TAG, STATE_OF } from './entities';
import { invalid } from './errors';
import { optionalText, runRef, tags, text, timestamp } from './fields';
import { tagRecords } from './logging';

export const createRunRequest = z.object({
  experiment_id: text.default('0'),
  user_id: z.string().default(''),
  run_name: optionalText,
  start_time: timestamp.optional(),
  tags,
});
export const runRequest = runRef;
export const updateRunRequest = z.intersection(
  runRef.transform((runId) => ({ runId })),
  z.object({ status: z.enum(['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED']).optional(), end_time: timestamp.optional(), run_name: optionalText }),
);

export async function createRun(context: MlflowContext, request: z.infer<typeof createRunRequest>) {
  const { store } = context;
  const experiment = experimentOfNew(context, request.experiment_id);
  // 32 hexadecimal digits are what clients expect of an id.
  const runId = randomUUID().replaceAll('-', '');
  const { [RUN_NAME_TAG]: tagged, ...others } = Object.fromEntries(request.tags.map((tag) => [tag.key, tag.value]));
  if (request.run_name !== undefined && tagged !== undefined && request.run_name !== tagged) {
    throw invalid(`Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='${request.run_name}', mlflow.runName='${tagged}').`);
  }
  const now = Date.now();
  const startedAt = request.start_time ?? now;
  const name = request.run_name ?? tagged ?? `run-${runId.slice(0, 8)}`;
  await store.createRun({ format: 1, kind: 'logged', runId, experiment, createdAt: startedAt, source: { system: 'mlflow', id: runId, from: null }, user: request.user_id });
  await store.append(runId, [{ type: 'state', status: 'running', startedAt, name }, ...tagRecords(others)]);
  context.onRun(runId);
  context.onRuns();
  return { run: runEntity(runOf(context, runId), experimentIdOf(context, experiment), []) };
}

/** Where the program of a command chooses none (`0`), its further runs, such as nested ones, go where its own is. */
function experimentOfNew(context: MlflowContext, id: string): string {
  return (id === '0' ? experimentOfCommand(context) : null) ?? activeExperimentOf(context, id).name;
}

export function getRun(context: MlflowContext, runId: string) {
  const data = runOf(context, runId);
  return { run: runEntity(data, experimentIdOf(context, data.run.experiment), context.store.datasets(runId)) };
}

/** How a command ends is told by its process: what its program says of it is heard, and changes nothing. */
export async function updateRun(context: MlflowContext, { runId, status, end_time: endedAt, run_name: name }: z.infer<typeof updateRunRequest>) {
  const kind = refuseUnwritable(context, runId);
  const change: StateRecord = { type: 'state', ...(name === undefined ? {} : { name }), ...(kind === 'logged' ? stateOf(status, endedAt) : {}) };
  if (Object.keys(change).length > 1) {
    await context.store.append(runId, [change]);
    context.onRun(runId);
  }
  const data = runOf(context, runId);
  return { run_info: runInfoEntity(data, experimentIdOf(context, data.run.experiment)) };
}

/** A run that goes on has no end, even where the client repeats the one it had. */
function stateOf(status: keyof typeof STATE_OF | undefined, endedAt: number | undefined): Partial<StateRecord> {
  switch (status) {
    case undefined:
      return endedAt === undefined ? {} : { endedAt };
    case 'RUNNING':
    case 'SCHEDULED':
      return { status: STATE_OF[status], endedAt: null };
    default:
      return { status: STATE_OF[status], endedAt: endedAt ?? Date.now() };
  }
}

export async function deleteRun(context: MlflowContext, runId: string) {
  runOf(context, runId);
  await context.store.trashRuns([runId]);
  context.onRuns();
  return {};
}

export async function restoreRun(context: MlflowContext, runId: string) {
  if (runOf(context, runId).deletedAt === null) return {};
  await context.store.restoreRuns([runId]);
  context.onRuns();
  return {};
}
