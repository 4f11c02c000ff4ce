/** The palette: every command that can be used now, found by typing. */
import { useEffect, useMemo } from 'react';
import { createSpotlight, Spotlight, type SpotlightActionData } from '@mantine/spotlight';
import { commandIds } from '../../src/api/commands';
import { command, run, shortcutText, useCommands } from '../state/commands';
import '@mantine/spotlight/styles.layer.css';

const [spotlight, control] = createSpotlight();

/** @param asked how many times it was asked for: each time it opens */
export function Palette({ asked }: { readonly asked: number }) {
  const actions = useCommands((state) => state.actions);
  useEffect(() => {
    if (asked > 0) control.open();
  }, [asked]);
  const entries = useMemo(
    () =>
      commandIds
        .filter((id) => actions.has(id) && id !== 'view.palette')
        .map((id): SpotlightActionData => {
          const { title, words, shortcut } = command(id);
          return {
            id,
            label: title.replace(/…$/u, ''),
            ...(words === undefined ? {} : { keywords: words.split(' ') }),
            ...(shortcut === undefined ? {} : { rightSection: <kbd className="palette-keys">{shortcutText(shortcut)}</kbd> }),
            onClick: () => void run(id),
          };
        }),
    [actions],
  );
  return <Spotlight title="Find a command" store={spotlight} actions={entries} nothingFound="No command of that name" shortcut={null} maxHeight={400} scrollable limit={50} overlayProps={{ blur: 0, backgroundOpacity: 0.3 }} transitionProps={{ duration: 0 }} searchProps={{ placeholder: 'Find a command', 'aria-label': 'Find a command' }} />;
}
