/** Settings: how the window looks and tells of things, where the workspace is, which keys do what. */
import { Switch, Button } from '@mantine/core';
import { commandIds, type Menu } from '../../../src/api/commands';
import type { Settings as SettingsValue } from '../../../src/api/shell';
import { shell } from '../../client';
import { Choice } from '../../components/choice';
import { Failure } from '../../components/messages';
import { Section, View } from '../../frame/view';
import { command, shortcutText } from '../../state/commands';
import { useLive } from '../../state/live';
import { changeSettings, useSettings } from '../../state/settings';
import { Trash } from './trash';
import './settings.css';

function Choices({ settings }: { readonly settings: SettingsValue }) {
  return (
    <>
      <Section title="Appearance">
        <Choice
          label="Appearance"
          value={settings.theme}
          onChange={(theme) => void changeSettings({ theme })}
          options={[
            { value: 'system', label: 'As the system' },
            { value: 'light', label: 'Light' },
            { value: 'dark', label: 'Dark' },
          ]}
        />
      </Section>
      <Section title="Notifications">
        <Switch
          label="Tell when a study ends"
          description="Only while the window is not in front."
          checked={settings.notifications}
          onChange={(event) => void changeSettings({ notifications: event.currentTarget.checked })}
        />
      </Section>
      <Section title="Tracking server">
        <Switch
          label="Start with the app"
          description="Where scripts log to as to MLflow; its address stands under Machines."
          checked={settings.trackingServer}
          onChange={(event) => void changeSettings({ trackingServer: event.currentTarget.checked })}
        />
      </Section>
    </>
  );
}

const MENUS: Readonly<Record<Menu, string>> = { file: 'File', edit: 'Edit', view: 'View', go: 'Go', run: 'Run', help: 'Help' };

function Shortcuts() {
  const withKeys = commandIds.flatMap((id) => {
    const { shortcut, title, menu } = command(id);
    return shortcut === undefined ? [] : [{ id, keys: shortcutText(shortcut), title: title.replace(/…$/u, ''), menu: MENUS[menu] }];
  });
  return (
    <Section title="Shortcuts">
      <table className="dense settings-shortcuts" aria-label="Shortcuts">
        <thead>
          <tr>
            <th scope="col">Menu</th>
            <th scope="col">Command</th>
            <th scope="col">Keys</th>
          </tr>
        </thead>
        <tbody>
          {withKeys.map(({ id, keys, title, menu }, index) => (
            <tr key={id}>
              <td className="soft">{withKeys[index - 1]?.menu === menu ? <span className="hidden">{menu}</span> : menu}</td>
              <td>{title}</td>
              <td>
                <kbd className="settings-keys">{keys}</kbd>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

function About() {
  const info = useLive((state) => state.info);
  return (
    <Section title="Reprise">
      <dl className="settings-facts">
        {info !== null && (
          <>
            <div>
              <dt>Version</dt>
              <dd>{info.version}</dd>
            </div>
            <div>
              <dt>Workspace</dt>
              <dd className="mono settings-path">{info.workspace}</dd>
            </div>
          </>
        )}
      </dl>
      <p className="soft settings-note">The workspace is chosen when Reprise starts, with --workspace or REPRISE_WORKSPACE.</p>
      <Button variant="default" size="compact-sm" onClick={() => void shell.showLogs({})}>
        Show logs
      </Button>
    </Section>
  );
}

export function Settings() {
  const settings = useSettings();
  return (
    <View title="Settings">
      <div className="settings-page">
        {settings.isError && <Failure title="The settings could not be read" error={settings.error} onRetry={() => void settings.refetch()} />}
        {settings.data !== undefined && <Choices settings={settings.data} />}
        <Trash />
        <About />
        <Shortcuts />
      </div>
    </View>
  );
}
