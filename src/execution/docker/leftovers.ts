/** Containers that a host which died could neither tell of nor remove: they are found by their labels. */
import type { Order } from '../executor';
import type { Engine } from './client';
import { LABELS } from './container';

/** Before a new attempt: nothing of an earlier one is wanted any more. */
export async function removeLeftovers({ docker }: Engine, { runId, workspace }: Pick<Order, 'runId' | 'workspace'>): Promise<void> {
  const left = await docker.listContainers({ all: true, filters: { label: [`${LABELS.run}=${runId}`, `${LABELS.workspace}=${workspace}`] } });
  for (const { Id } of left) await docker.getContainer(Id).remove({ force: true, v: true });
}
