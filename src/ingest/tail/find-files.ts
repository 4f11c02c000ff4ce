/** Finding files that come into a tree of folders, again and again, at little cost. */
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders in which no program keeps its logs, some of them very large. */
const PASSED_OVER: ReadonlySet<string> = new Set(['.git', 'node_modules', '__pycache__', '.venv', 'venv', 'site-packages', '.cache']);
const DEEPEST = 12;
/** A folder that changed this long ago can be trusted to show a further change by a new time. */
const SETTLED_MS = 2000;

interface Seen {
  readonly mtimeMs: number;
  /** Whether `mtimeMs` tells of every change after it was read. */
  readonly settled: boolean;
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

export class FileFinder {
  private readonly seen = new Map<string, Seen>();

  constructor(
    private readonly root: string,
    private readonly accepts: (name: string) => boolean,
    private readonly enters: (name: string) => boolean = () => true,
  ) {}

  /** Paths below the root with `/`, sorted. Links are not followed; what cannot be read is passed over. */
  async find(): Promise<string[]> {
    const found: string[] = [];
    await this.look('', 0, found);
    return found.toSorted();
  }

  private async look(folder: string, depth: number, found: string[]): Promise<void> {
    const content = await this.contentOf(folder);
    if (content === null) return;
    const under = (name: string): string => (folder === '' ? name : `${folder}/${name}`);
    for (const name of content.files) found.push(under(name));
    if (depth < DEEPEST) for (const name of content.folders) await this.look(under(name), depth + 1, found);
  }

  private async contentOf(folder: string): Promise<Seen | null> {
    const path = join(this.root, folder);
    try {
      const { mtimeMs } = await stat(path);
      const before = this.seen.get(folder);
      if (before !== undefined && before.settled && before.mtimeMs === mtimeMs) return before;
      const entries: Dirent[] = await readdir(path, { withFileTypes: true });
      const now: Seen = {
        mtimeMs,
        settled: Date.now() - mtimeMs > SETTLED_MS,
        folders: entries.filter((entry) => entry.isDirectory() && !PASSED_OVER.has(entry.name) && this.enters(entry.name)).map(({ name }) => name),
        files: entries.filter((entry) => entry.isFile() && this.accepts(entry.name)).map(({ name }) => name),
      };
      this.seen.set(folder, now);
      return now;
    } catch {
      this.seen.delete(folder);
      return null;
    }
  }
}
