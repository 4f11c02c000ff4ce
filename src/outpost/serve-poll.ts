/** What was appended to the files of runs. Looks at sizes only, so that hundreds of runs are asked about in one request. */
import { closeSync, constants, existsSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { ATTEMPT_FILES, COMMAND_FILES } from '../events/command-files';
import { RUN_FILES } from '../events/manifest';
import { WORKER_LOG } from '../execution/local/local-spawn';
import { filesIn, newEventFiles } from './event-files';
import { OUTPOST_FILES, runFolderThere } from './layout';
import { PIECE, type Input, type Output } from './protocol';
import { forget, isCarried } from './serve-life';

/** A working copy may hold many files: it is searched this often at most, milliseconds. */
const SEARCH_MS = 2000;
/** Runs after which other requests get their turn. */
const AT_ONCE = 20;

type Polled = Output<'poll'>['runs'][number];

interface Sized {
  /** From the run's folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
}

export class Poller {
  readonly #base: string;
  readonly #searched = new Map<string, { readonly at: number; readonly files: readonly string[] }>();
  /** The run that had no room in the answer before: it is the first of the next one. */
  #next: string | null = null;

  constructor(base: string) {
    this.#base = base;
  }

  async poll({ runs }: Input<'poll'>): Promise<{ readonly value: Output<'poll'>; readonly body: Buffer }> {
    const first = Math.max(0, runs.findIndex(({ runId }) => runId === this.#next));
    this.#next = null;
    const answered: Polled[] = [];
    const bodies: Buffer[] = [];
    let room = PIECE;
    for (const [index, run] of [...runs.slice(first), ...runs.slice(0, first)].entries()) {
      if (index % AT_ONCE === AT_ONCE - 1) await setImmediate();
      const { polled, pieces, isWhole } = this.#pollRun(run, room);
      answered.push(polled);
      bodies.push(...pieces);
      room -= pieces.reduce((sum, { length }) => sum + length, 0);
      if (!isWhole) this.#next ??= run.runId;
    }
    return { value: { time: Date.now(), more: this.#next !== null, runs: answered }, body: Buffer.concat(bodies) };
  }

  #pollRun({ runId, offsets }: Input<'poll'>['runs'][number], room: number): { readonly polled: Polled; readonly pieces: Buffer[]; readonly isWhole: boolean } {
    const folder = runFolderThere(this.#base, runId);
    if (!existsSync(folder)) {
      this.#searched.delete(runId);
      forget(folder);
      return { polled: { runId, isThere: false, isAlive: null, pieces: [] }, pieces: [], isWhole: true };
    }
    // Before the words: what a process said while it lived is heard by whoever hears that it does not.
    const isAlive = isCarried(folder);
    const pieces: Buffer[] = [];
    const polled: Polled['pieces'] = [];
    let isWhole = true;
    for (const { path: name, bytes } of this.#filesOf(runId, folder, offsets)) {
      const known = offsets[name] ?? 0;
      // A shorter one is another file.
      const offset = bytes < known ? 0 : known;
      if (bytes === offset && bytes >= known) continue;
      const piece = readPiece(path.join(folder, name), offset, Math.min(room, bytes - offset));
      if (piece === null) continue;
      room -= piece.length;
      if (piece.length > 0 || bytes === 0) {
        polled.push({ path: name, offset, bytes: piece.length });
        pieces.push(piece);
      }
      // What follows from it must not come before it.
      if (offset + piece.length < bytes) {
        isWhole = false;
        break;
      }
    }
    // An end is told with the last words alone.
    return { polled: { runId, isThere: true, isAlive: isWhole ? isAlive : null, pieces: polled }, pieces, isWhole };
  }

  /**
   * In the order they are told, with the sizes they had in the opposite one: words tell of what is in the records before
   * them, and records of what is in files.
   */
  #filesOf(runId: string, folder: string, offsets: Readonly<Record<string, number>>): Sized[] {
    const sized = (name: string): Sized[] => {
      const info = lstatSync(path.join(folder, name), { throwIfNoEntry: false });
      return info?.isFile() === true ? [{ path: name, bytes: info.size }] : [];
    };
    const last = [OUTPOST_FILES.words, RUN_FILES.events].flatMap(sized).reverse();
    // With a last word all is told.
    if (last.some(({ path: name, bytes }) => name === OUTPOST_FILES.words && bytes > (offsets[name] ?? 0))) this.#searched.delete(runId);
    const names = readdirSync(folder, { withFileTypes: true });
    const first = names.flatMap((entry) => {
      if (entry.isDirectory() && /^attempt-\d+$/u.test(entry.name)) return [...filesIn(path.join(folder, entry.name), `${entry.name}/`, (name) => name !== ATTEMPT_FILES.program)];
      if (entry.isDirectory() && entry.name === COMMAND_FILES.work) return this.#eventFiles(runId, folder);
      return entry.isFile() && (entry.name === OUTPOST_FILES.log || entry.name === WORKER_LOG || /^slurm.*\.out$/u.test(entry.name)) ? [entry.name] : [];
    });
    return [...first.flatMap(sized), ...last];
  }

  #eventFiles(runId: string, folder: string): readonly string[] {
    const known = this.#searched.get(runId);
    const now = performance.now();
    if (known !== undefined && now - known.at < SEARCH_MS) return known.files;
    const files = newEventFiles(folder);
    this.#searched.set(runId, { at: performance.now(), files });
    return files;
  }
}

/** Null where the file is gone, cannot be read, or was replaced by a link. */
function readPiece(file: string, offset: number, bytes: number): Buffer | null {
  let handle: number;
  try {
    handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch {
    return null;
  }
  try {
    const piece = Buffer.allocUnsafe(bytes);
    return piece.subarray(0, readSync(handle, piece, 0, bytes, offset));
  } catch {
    return null;
  } finally {
    closeSync(handle);
  }
}
