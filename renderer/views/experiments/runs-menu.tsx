/** What can be done with the selected runs, at the pointer or the row. */
import { Menu } from '@mantine/core';
import type { RunListRow } from '../../../src/api/views';
import { copy } from '../../notice';
import { runName } from '../../run-status';
import { go } from '../../state/place';
import type { RunAction, RunActions } from './inspector';

// Not by keys: the one that opens it would close it.
const MOUSE = ['mousedown', 'touchstart'];

interface RunsMenuProps {
  readonly at: { readonly x: number; readonly y: number };
  readonly rows: readonly RunListRow[];
  readonly actions: RunActions;
  readonly onClose: () => void;
}

export function RunsMenu({ at, rows, actions, onClose }: RunsMenuProps) {
  const run = rows.length === 1 ? rows[0]?.run : undefined;
  const item = (action: RunAction | null, verb: string) => action !== null && <Menu.Item onClick={action.do}>{rows.length === 1 ? verb : `${verb} ${action.count}`}</Menu.Item>;
  return (
    <Menu opened onClose={onClose} position="bottom-start" offset={0} withinPortal={false} floatingStrategy="fixed" width={208} clickOutsideEvents={MOUSE}>
      <Menu.Target>
        <button type="button" className="runs-menu-anchor" tabIndex={-1} aria-label="Actions for the selected runs" style={{ left: at.x, top: at.y }} />
      </Menu.Target>
      <Menu.Dropdown>
        {run !== undefined && <Menu.Item onClick={() => go({ view: 'run', run: run.runId })}>Open run</Menu.Item>}
        {item(actions.compare, 'Compare')}
        {item(actions.cancel, 'Cancel')}
        {item(actions.retry, 'Retry')}
        {run !== undefined && run.weightsHash !== null && <Menu.Item onClick={() => void copy(run.weightsHash ?? '', 'weights hash')}>Copy weights hash</Menu.Item>}
        {run !== undefined && <Menu.Item onClick={() => void copy(run.runId, 'run id')}>Copy run id</Menu.Item>}
        {run !== undefined && <Menu.Item onClick={() => go({ view: 'export-runs', target: run.runId, name: runName(run) })}>Export run…</Menu.Item>}
        {actions.remove !== null && (
          <>
            <Menu.Divider />
            <Menu.Item className="runs-menu-delete" onClick={actions.remove.do}>
              {rows.length === 1 ? 'Delete' : `Delete ${actions.remove.count}`}
            </Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
