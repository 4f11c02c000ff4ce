/** Deleting runs, and taking that back: they lie in the workspace's trash for 30 days. */
import { Button } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { create } from 'zustand';
import { plural } from '../../format';
import { complain, say } from '../../notice';
import { call } from '../../state/answers';

/** Ids of the runs that were deleted together. */
type Deletion = readonly string[];

/** Newest last. */
export const useDeletions = create<{ readonly done: readonly Deletion[]; readonly undone: readonly Deletion[] }>(() => ({ done: [], undone: [] }));

const noticeOf = (deletion: Deletion): string => `deleted ${deletion[0] ?? ''} ${deletion.length}`;

function tell(deletion: Deletion): void {
  notifications.show({
    id: noticeOf(deletion),
    autoClose: 10_000,
    withBorder: true,
    closeButtonProps: { 'aria-label': 'Close' },
    message: (
      <span className="runs-deleted">
        {plural(deletion.length, 'run')} deleted
        <Button size="compact-sm" variant="subtle" onClick={() => void undoDeletion(deletion)}>
          Undo
        </Button>
      </span>
    ),
  });
}

async function remove(runs: readonly string[]): Promise<Deletion> {
  const { deleted } = await call('runs.delete', { runs: [...runs] });
  if (deleted.length > 0) tell(deleted);
  return deleted;
}

/** @returns whether they are gone */
export async function deleteRuns(runs: readonly string[]): Promise<boolean> {
  try {
    const deletion = await remove(runs);
    if (deletion.length > 0) useDeletions.setState(({ done }) => ({ done: [...done, deletion], undone: [] }));
    return true;
  } catch (error) {
    complain('The runs could not be deleted', error);
    return false;
  }
}

/** Brings back the runs that were deleted together; without an argument, those deleted last. */
export async function undoDeletion(deletion: Deletion | undefined = useDeletions.getState().done.at(-1)): Promise<void> {
  if (deletion === undefined) return;
  try {
    const { restored } = await call('runs.restore', { runs: [...deletion] });
    useDeletions.setState(({ done, undone }) => ({ done: done.filter((other) => other !== deletion), undone: [...undone, deletion] }));
    notifications.hide(noticeOf(deletion));
    say(`${plural(restored.length, 'run')} restored`);
  } catch (error) {
    complain('The runs could not be restored', error);
  }
}

/** Deletes again what was brought back last. */
export async function redoDeletion(): Promise<void> {
  const deletion = useDeletions.getState().undone.at(-1);
  if (deletion === undefined) return;
  try {
    const again = await remove(deletion);
    useDeletions.setState(({ done, undone }) => ({ done: again.length > 0 ? [...done, again] : done, undone: undone.filter((other) => other !== deletion) }));
  } catch (error) {
    complain('The runs could not be deleted', error);
  }
}
