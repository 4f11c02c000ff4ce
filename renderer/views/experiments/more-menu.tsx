/** What is done with an experiment now and then, and how runs of other programs come in. */
import { ActionIcon, Menu } from '@mantine/core';
import { Ellipsis } from 'lucide-react';
import { go } from '../../state/place';
import { writeReport } from '../../report';

/** @param experiment its name; null: all runs are shown */
export function MoreMenu({ experiment }: { readonly experiment: string | null }) {
  return (
    <Menu position="bottom-end" width={208} offset={4}>
      <Menu.Target>
        <ActionIcon variant="default" size={28} aria-label="More actions">
          <Ellipsis size={16} aria-hidden="true" />
        </ActionIcon>
      </Menu.Target>
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
