/** The user's settings: `settings.json` in the app's data folder. */
import type { Settings } from '../src/api/shell';
import { hasShape, readJsonFile, writeJsonFile } from './json-file';

const DEFAULTS: Settings = { theme: 'system', notifications: true, trackingServer: false };

const THEMES: readonly unknown[] = ['system', 'light', 'dark'] satisfies Settings['theme'][];

const isBoolean = (value: unknown): boolean => typeof value === 'boolean';

const isSettings = (value: unknown): value is Settings => hasShape<Settings>(value, { theme: (theme) => THEMES.includes(theme), notifications: isBoolean, trackingServer: isBoolean });

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** The settings that the file holds, or the usual ones; an older file lacks the newer settings. */
export function readSettings(file: string): Settings {
  const settings: unknown = { ...DEFAULTS, ...readJsonFile(file, isObject, DEFAULTS) };
  return isSettings(settings) ? settings : DEFAULTS;
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
    const { theme, notifications, trackingServer } = this.value;
    this.value = { theme: part.theme ?? theme, notifications: part.notifications ?? notifications, trackingServer: part.trackingServer ?? trackingServer };
    this.onChange(this.value);
    // One write after the other, so that the last change is the one that stays.
    const write = this.written.catch(() => {}).then(() => writeJsonFile(this.file, this.value));
    this.written = write;
    await write;
    return this.value;
  }
}
