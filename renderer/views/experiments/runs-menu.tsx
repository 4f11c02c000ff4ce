/** What can be done with the selected runs, at the pointer or the row. */
import { Menu } from '@mantine/core';
import { copy } from '../../notice';
import type { RunListRow } from '../../../src/api/views';
import { go } from '../../state/place';
import type { RunActions } from './inspector';

// Not by keys: the one that opens it would close it.
const MOUSE = ['mousedown', 'touchstart'];

export interface RunsMenuProps {
  readonly at: { readonly x: number; readonly y: number };
  readonly rows: readonly RunListRow[];
  readonly actions: RunActions;
  readonly onClose: () => void;
}

export function RunsMenu({ at, rows, actions, onClose }: RunsMenuProps) {
  const [first] = rows;
  const one = rows.length === 1 ? first : undefined;
  const counted = (verb: string): string => (rows.length === 1 ? verb : `${verb} ${rows.length}`);
  return (
    <Menu opened onClose={onClose} position="bottom-start" offset={0} withinPortal={false} floatingStrategy="fixed" width={224} clickOutsideEvents={MOUSE}>
      <Menu.Target>
        <button type="button" className="runs-menu-anchor" tabIndex={-1} aria-label="Actions for the selected runs" style={{ left: at.x, top: at.y }} />
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item disabled={one === undefined} onClick={() => one !== undefined && go({ view: 'run', run: one.run.runId })}>
          Open run
        </Menu.Item>
        <Menu.Item disabled={actions.compare === null} onClick={actions.compare ?? undefined}>
          {counted('Compare side by side')}
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item disabled={actions.cancel === null} onClick={actions.cancel ?? undefined}>
          {counted('Cancel')}
        </Menu.Item>
        <Menu.Item disabled={actions.retry === null} onClick={actions.retry ?? undefined}>
          {counted('Retry')}
        </Menu.Item>
        <Menu.Item disabled={one === undefined || one.run.weightsHash === null} onClick={() => one !== undefined && void copy(one.run.weightsHash ?? '', 'weights hash')}>
          Copy weights hash
        </Menu.Item>
        <Menu.Item disabled={one === undefined} onClick={() => one !== undefined && void copy(one.run.runId, 'run id')}>
          Copy run id
        </Menu.Item>
        <Menu.Divider />
        <Menu.Item disabled={actions.remove === null} className="runs-menu-delete" onClick={actions.remove ?? undefined}>
          {counted('Delete')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
