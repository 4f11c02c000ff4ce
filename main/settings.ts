/** The user's settings: `settings.json` in the app's data folder. */
import type { Settings } from '../src/api/shell';
import { hasShape, readJsonFile, writeJsonFile } from './json-file';

const DEFAULTS: Settings = { theme: 'system', notifications: true };

const THEMES: readonly unknown[] = ['system', 'light', 'dark'] satisfies Settings['theme'][];

const isSettings = (value: unknown): value is Settings => hasShape<Settings>(value, { theme: (theme) => THEMES.includes(theme), notifications: (notifications) => typeof notifications === 'boolean' });

/** The settings that the file holds, or the usual ones. */
export function readSettings(file: string): Settings {
  return readJsonFile(file, isSettings, DEFAULTS);
}

export class SettingsFile {
  private value: Settings;
  private written: Promise<void> = Promise.resolve();

  constructor(
    private readonly file: string,
    private readonly onChange: (settings: Settings) => void,
  ) {
    this.value = readSettings(file);
  }

  get current(): Settings {
    return this.value;
  }

  /** Holds at once, whether or not it can be written. @throws where it cannot be written */
  async change(part: Partial<{ readonly [K in keyof Settings]: Settings[K] | undefined }>): Promise<Settings> {
    this.value = { theme: part.theme ?? this.value.theme, notifications: part.notifications ?? this.value.notifications };
    this.onChange(this.value);
    // One write after the other, so that the last change is the one that stays.
    const write = this.written.catch(() => {}).then(() => writeJsonFile(this.file, this.value));
    this.written = write;
    await write;
    return this.value;
  }
}
