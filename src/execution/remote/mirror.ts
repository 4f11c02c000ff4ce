/** Brings here what the runs of a machine write there while they write it: one look for all of them. */
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { posix } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Collecting } from '../../config/machine';
import { RepriseError } from '../../errors/errors';
import { COMMAND_FILES } from '../../events/command-files';
import { RUN_FILES } from '../../events/manifest';
import { OUTPOST_FILES } from '../../outpost/layout';
import type { Output } from '../../outpost/protocol';
import { wordsOf, type OutpostWord } from '../../outpost/words';
import type { Order } from '../executor';
import { collect } from './collect';
import { appendPiece, bytesHere, fetchFile, fileHere, isOfHost } from './fetch';
import { mayPass, type Link } from './link';
import { TrainingLog } from './training-log';

/** What is heard of a run. Called in order; must not throw. */
export interface Hears {
  /** What the outpost wrote down; when a host begins to listen, all from the start. Everything the run wrote before is here then. */
  word(word: OutpostWord): void;
  /** Whether the outpost's process lives; null where that cannot be told. */
  alive?(isAlive: boolean | null): void;
  /** The machine does not answer, and does again. */
  lost?(): void;
  found?(): void;
  /** What is written there cannot be taken in here: nobody could tell any more what becomes of the run. */
  failed(error: unknown): void;
}

export interface Follower {
  /** Brings here all that was written until now. @throws RepriseError MACHINE_UNREACHABLE */
  catchUp(): Promise<void>;
  /** Brings what is fetched at the end, and removes what is needed no more there. @throws RepriseError MACHINE_UNREACHABLE */
  collect(): Promise<void>;
  stop(): void;
}

interface Following {
  readonly order: Order;
  readonly hears: Hears;
  /** Set with the first look. */
  log: TrainingLog | null;
  /** Bytes of each file that are here; null before the first look. */
  offsets: Map<string, number> | null;
  /** Characters of the outpost's last line that are not a line yet. */
  words: string;
  isLost: boolean;
  isOver: boolean;
}

type Look = Output<'poll'>['runs'][number];

/** Silence of a machine that is worth a word. */
const LOST_MS = 10_000;
/** A machine that is away is asked so often, at most. */
const AWAY_MS = 5000;

export interface MirrorOptions {
  /** Milliseconds between two looks. */
  readonly pollMs: number;
  readonly collect: Collecting;
}

export class Mirror {
  readonly #link: Link;
  readonly #of: MirrorOptions;
  readonly #following = new Set<Following>();
  #looking: Promise<void> | null = null;
  #loop: Promise<void> | null = null;
  #wake = new AbortController();

  constructor(link: Link, options: MirrorOptions) {
    this.#link = link;
    this.#of = options;
  }

  /** Begins to bring what a run writes, from where an earlier host came to. */
  follow(order: Order, hears: Hears): Follower {
    const following: Following = { order, hears, log: null, offsets: null, words: '', isLost: false, isOver: false };
    this.#following.add(following);
    if (this.#loop === null) this.#loop = this.#keepLooking().finally(() => (this.#loop = null));
    this.#wake.abort();
    return {
      catchUp: () => this.#catchUp(),
      collect: () => collect(this.#link, order, this.#of.collect),
      stop: () => {
        following.isOver = true;
        this.#following.delete(following);
        if (this.#following.size === 0) this.#wake.abort();
      },
    };
  }

  async #keepLooking(): Promise<void> {
    let silentSince: number | null = null;
    while (this.#following.size > 0) {
      const since = performance.now();
      try {
        await this.#catchUp();
        silentSince = null;
      } catch {
        silentSince ??= since;
        if (performance.now() - silentSince >= LOST_MS) this.#lose();
      }
      this.#wake = new AbortController();
      await sleep(silentSince === null ? this.#of.pollMs : Math.max(this.#of.pollMs, AWAY_MS), undefined, { signal: this.#wake.signal }).catch(() => undefined);
    }
  }

  #lose(): void {
    for (const following of this.#following) {
      if (following.isLost) continue;
      following.isLost = true;
      following.hears.lost?.();
    }
  }

  #find(): void {
    for (const following of this.#following) {
      if (!following.isLost) continue;
      following.isLost = false;
      following.hears.found?.();
    }
  }

  /** Looks until there is nothing more. A look that is under way may have begun too early: another follows it. */
  async #catchUp(): Promise<void> {
    await this.#looking?.catch(() => undefined);
    this.#looking ??= this.#lookAtAll().finally(() => (this.#looking = null));
    await this.#looking;
  }

  async #lookAtAll(): Promise<void> {
    for (let more = true; more; ) {
      const all = [...this.#following];
      if (all.length === 0) return;
      await this.#begin(all.filter(({ offsets }) => offsets === null));
      const runs = all.map(({ order, offsets, log }) => ({ runId: order.runId, offsets: { ...Object.fromEntries(offsets ?? []), ...(log === null ? {} : { [RUN_FILES.events]: log.offset }) } }));
      const { value, body } = await this.#link.call('poll', { runs }, undefined, { patienceMs: AWAY_MS });
      // Before what it has to say.
      this.#find();
      const byRun = new Map(all.map((following) => [following.order.runId, following]));
      let at = 0;
      const taken: Promise<boolean>[] = [];
      for (const look of value.runs) {
        const following = byRun.get(look.runId);
        const length = look.pieces.reduce((sum, { bytes }) => sum + bytes, 0);
        if (following !== undefined) taken.push(this.#take(following, look, body.subarray(at, at + length)));
        at += length;
      }
      // Where none could be taken in, asking again at once would bring the same.
      more = (await Promise.all(taken)).some(Boolean) && value.more;
    }
  }

  /** Finds out how far an earlier host came. */
  async #begin(fresh: readonly Following[]): Promise<void> {
    if (fresh.length === 0) return;
    const { aheadMs } = await this.#link.hello();
    for (const following of fresh) {
      const { order } = following;
      const { runId, runFolder } = order;
      if (order.manifest.kind !== 'command') following.log = new TrainingLog({ order, aheadMs, fetch: ({ file, sha256 }) => fetchFile(this.#link, { runId, runFolder, path: file, sha256 }) });
      following.offsets = await offsetsHere(runFolder);
      this.#hearAgain(following);
    }
  }

  /** @returns whether all could be taken in */
  async #take(following: Following, { pieces, isAlive, isThere }: Look, body: Buffer): Promise<boolean> {
    const { order, log, offsets, hears } = following;
    let at = 0;
    try {
      for (const { path, offset, bytes } of pieces) {
        const piece = body.subarray(at, at + bytes);
        at += bytes;
        if (following.isOver) return false;
        if (path === RUN_FILES.events) {
          if (log !== null && offset === log.offset) await log.take(piece);
          continue;
        }
        await appendPiece(order.runFolder, path, offset, piece);
        offsets?.set(path, offset + bytes);
        if (path === OUTPOST_FILES.words) this.#hear(following, piece.toString());
      }
      if (!following.isOver) hears.alive?.(isThere ? isAlive : false);
      return true;
    } catch (error) {
      // Anything else would be the same the next time.
      if (!mayPass(error) && !(error instanceof RepriseError && error.code === 'LINK_CLOSED')) hears.failed(error);
      return false;
    }
  }

  #hearAgain(following: Following): void {
    const file = fileHere(following.order.runFolder, OUTPOST_FILES.words);
    try {
      this.#hear(following, readFileSync(file, 'utf8').slice(0, following.offsets?.get(OUTPOST_FILES.words) ?? 0));
    } catch {
      // Nothing was heard of it yet.
    }
  }

  #hear(following: Following, text: string): void {
    const all = following.words + text;
    const end = all.lastIndexOf('\n') + 1;
    following.words = all.slice(end);
    for (const word of wordsOf(all.slice(0, end))) following.hears.word(word);
  }
}

/** Bytes that are here of the files which are brought while a run goes on; of its outputs, which may be many, none is. */
async function offsetsHere(runFolder: string): Promise<Map<string, number>> {
  const offsets = new Map<string, number>();
  const entries = await readdir(runFolder, { recursive: true, withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    const path = posix.join(...entry.parentPath.slice(runFolder.length).split(/[/\\]/u), entry.name);
    // But for TensorBoard's.
    const isOutput = path.startsWith(`${COMMAND_FILES.work}/`) && !entry.name.includes('tfevents');
    if (isOutput || isOfHost(path)) continue;
    offsets.set(path, await bytesHere(runFolder, path));
  }
  return offsets;
}
