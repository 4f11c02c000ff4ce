import type { ReactElement } from 'react';
import { Menu } from '@mantine/core';
import { go } from '../../state/place';
import { writeReport } from '../../report';

/** What `MoreMenu` is once it can be opened. */
export function MoreActions({ button, experiment }: { readonly button: ReactElement; readonly experiment: string | null }) {
  return (
    <Menu position="bottom-end" width={208} offset={4}>
      <Menu.Target>{button}</Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => go({ view: 'import', path: null })}>Import runs…</Menu.Item>
        {experiment !== null && (
          <>
            <Menu.Item onClick={() => go({ view: 'export-runs', target: experiment, name: experiment })}>Export runs…</Menu.Item>
            <Menu.Item onClick={() => void writeReport(experiment, experiment)}>Write report…</Menu.Item>
          </>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
