/** The user's settings: `settings.json` in the app's data folder. */
import { settings, type Settings } from '../src/api/shell';
import { readJsonFile, writeJsonFile } from './json-file';

const DEFAULTS: Settings = { theme: 'system', notifications: true };

export class SettingsFile {
  private value: Settings;
  private written: Promise<void> = Promise.resolve();

  constructor(
    private readonly file: string,
    private readonly onChange: (settings: Settings) => void,
  ) {
    this.value = readJsonFile(file, settings, DEFAULTS);
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
