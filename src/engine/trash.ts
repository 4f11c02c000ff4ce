/** Use cases: runs into the workspace's trash, and out of it. */
import type { Input, Output } from '../api/contract';
import { openStore } from '../store/open';
import type { PurgePlan } from '../store/tracking';
import { hostScheduler, type EngineContext } from './context';

/** @throws RepriseError WORKSPACE_READ_ONLY, RUN_NOT_FOUND, RUN_ACTIVE; nothing is deleted then */
export async function deleteRuns(context: EngineContext, input: Input<'runs.delete'>): Promise<Output<'runs.delete'>> {
  hostScheduler(context);
  const deleted = await context.store.trashRuns([...new Set(input.runs.map((run) => context.store.getRun(run).runId))]);
  if (deleted.length > 0) context.emit('changed', { what: 'runs' });
  return { deleted };
}

/** Brings runs back; those that are not in the trash are left out. @throws RepriseError WORKSPACE_READ_ONLY */
export async function restoreRuns(context: EngineContext, input: Input<'runs.restore'>): Promise<Output<'runs.restore'>> {
  hostScheduler(context);
  const restored = await context.store.restoreRuns([...new Set(input.runs)]);
  if (restored.length > 0) context.emit('changed', { what: 'runs' });
  return { restored };
}

export async function planTrash({ store }: EngineContext): Promise<Output<'trash.plan'>> {
  return viewOf(await store.planPurge());
}

/**
 * Removes every deleted run of a workspace for good. Only where nothing else is at work: an object that somebody has just
 * found in place, and will name in a moment, must not go.
 * @throws RepriseError WORKSPACE_IN_USE, WORKSPACE_READ_ONLY, STORE_…
 */
export async function emptyTrash(workspace: string): Promise<Output<'trash.plan'>> {
  const store = await openStore(workspace, { mode: 'host' });
  try {
    return viewOf(await store.purge());
  } finally {
    store.close();
  }
}

function viewOf({ runs, objects, bytes }: PurgePlan): Output<'trash.plan'> {
  return { runs: [...runs], objects: objects.length, bytes };
}
