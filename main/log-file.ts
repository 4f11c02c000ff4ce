/** The app's log: what the main process, the engine and the workers say, in two files of at most 5 MB. */
import { mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const LIMIT_BYTES = 5_000_000;

export class LogFile {
  private readonly previous: string;
  private size = 0;
  private waiting = '';
  private writing: Promise<void> | null = null;

  /** @param file its folder is made; when it is full it becomes `file` with `.1` before its extension, in place of the one before */
  constructor(
    readonly file: string,
    private readonly limit = LIMIT_BYTES,
  ) {
    this.previous = file.replace(/(\.[^.]*)?$/u, '.1$1');
    try {
      mkdirSync(dirname(file), { recursive: true });
      this.size = statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    } catch {
      // Without a log the app is still of use.
    }
  }

  /** Never fails and never waits: a full disk must not end the app over its log. */
  write(text: string): void {
    this.waiting += text;
    this.writing ??= this.drain();
  }

  /** Settles when all that was written has reached the file. */
  async flush(): Promise<void> {
    while (this.writing !== null) await this.writing;
  }

  private async drain(): Promise<void> {
    // What this turn still writes goes with it, and the field is set before it is cleared.
    await Promise.resolve();
    while (this.waiting !== '') {
      const text = this.waiting;
      this.waiting = '';
      await this.append(text).catch(() => {});
    }
    this.writing = null;
  }

  private async append(text: string): Promise<void> {
    const bytes = Buffer.byteLength(text);
    if (this.size > 0 && this.size + bytes > this.limit) this.rotate();
    await appendFile(this.file, text);
    this.size += bytes;
  }

  private rotate(): void {
    // Whatever becomes of it: a file that somebody removed, or holds open, must not stop what comes after.
    this.size = 0;
    try {
      rmSync(this.previous, { force: true });
      renameSync(this.file, this.previous);
    } catch {
      // The next lines go to the same file; it is tried again when as much has been written.
    }
  }
}
