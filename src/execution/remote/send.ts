/** Brings to a machine what its runs need: data, models, code and inputs, each once however many runs share it. */
import { open, readFile, rm, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, posix } from 'node:path';
import type { ExecutorConfig } from '../../config/executor';
import { bytesOf } from '../../config/facts';
import { RepriseError } from '../../errors/errors';
import { RUN_FILES, type CommandManifest } from '../../events/manifest';
import { parseSnapshot, snapshotObjects } from '../../events/snapshot';
import { filesBelow } from '../../files/files-below';
import { objectPath } from '../../files/objects';
import { inputThere, OUTPOST_FILES, type OutpostOrder } from '../../outpost/layout';
import { PIECE } from '../../outpost/protocol';
import type { AttemptEnd, CommandOrder, Order } from '../executor';
import { WORKER_LOG } from '../local/local-spawn';
import type { Link } from './link';

/** Bytes of small files that are written with one request. */
const MOST_AT_ONCE = 8 * 2 ** 20;
/** Files that are under way at once. */
const AT_ONCE = 16;
const OWNER_ONLY = 0o600;

/** Whatever nobody asked for may be removed there after some days: that it is there is believed no longer than this. */
const BELIEVED_MS = 3_600_000;

/** Problems of an attempt that did not find what had been sent. */
const GONE: ReadonlySet<string> = new Set(['OBJECT_MISSING', 'INPUT_MISSING', 'SNAPSHOT_MISSING']);

/** An order as the outpost reads it, with the run's own description. */
export interface Parcel {
  readonly order: Order;
  readonly there: OutpostOrder;
}

export class Sender {
  readonly #link: Link;
  readonly #workspace: string;
  /** What is there, or on its way. */
  readonly #objects = new Map<string, Promise<void>>();
  readonly #inputs = new Map<string, Promise<void>>();
  /** Code states of which all is there. */
  readonly #states = new Map<string, Promise<void>>();
  /** Since when, as performance.now() tells. */
  #since = 0;

  constructor(link: Link, workspace: string) {
    this.#link = link;
    this.#workspace = workspace;
  }

  /**
   * Sends what an order needs and is not there.
   * @param env variables of the place: those of the executor's config, devices, secrets
   * @throws RepriseError MACHINE_UNREACHABLE, INPUT_MISSING, OBJECT_…
   */
  async ready(order: Order, env: Readonly<Record<string, string>> = {}): Promise<OutpostOrder> {
    const { runId, attempt, manifest, command, dataFile } = order;
    if (performance.now() - this.#since >= BELIEVED_MS) this.#forget();
    const { executor } = manifest.config;
    const common = { runId, attempt, memoryBytes: memoryOf(executor), ...(executor.kind === 'local' || executor.secrets === undefined ? {} : { secrets: executor.secrets }) };
    if (manifest.kind === 'command') {
      if (command === null) throw new Error('An attempt that was begun before is not sent again.');
      return { ...common, work: await this.#command(manifest, command, order.tell), env: { ...command.env, ...env } };
    }
    const data = basename(dataFile ?? '');
    await Promise.all([this.#object(data), ...(manifest.model === undefined ? [] : [this.#object(manifest.model.sha256)])]);
    return { ...common, work: { kind: 'training', data }, env: { ...env } };
  }

  /** Puts descriptions and orders into the folders of runs, of many at once. */
  async place(parcels: readonly Parcel[]): Promise<void> {
    let files: { readonly runId: string; readonly name: string; readonly mode: number; readonly bytes: number }[] = [];
    let bodies: Buffer[] = [];
    let length = 0;
    const flush = async (): Promise<void> => {
      if (files.length > 0) await this.#link.call('writeRuns', { files }, Buffer.concat(bodies));
      [files, bodies, length] = [[], [], 0];
    };
    for (const { order, there } of parcels) {
      // Of an attempt before, whose folder there may be gone: by their lengths it is told what of the new ones is here.
      for (const name of [OUTPOST_FILES.words, OUTPOST_FILES.log, WORKER_LOG]) await rm(join(order.runFolder, name), { force: true });
      const contents = [
        [RUN_FILES.manifest, 0o644, await readFile(join(order.runFolder, RUN_FILES.manifest))],
        // Last: what is complete has an order.
        [OUTPOST_FILES.order, OWNER_ONLY, Buffer.from(`${JSON.stringify(there)}\n`)],
      ] as const;
      for (const [name, mode, bytes] of contents) {
        files.push({ runId: order.runId, name, mode, bytes: bytes.length });
        bodies.push(bytes);
        length += bytes.length;
      }
      if (length >= MOST_AT_ONCE) await flush();
    }
    await flush();
  }

  /** Forgets what is there where an attempt did not find it: somebody emptied the machine's folder. */
  hear(end: AttemptEnd | 'detached'): void {
    if (end === 'detached' || end.problem === null || !GONE.has(end.problem.code)) return;
    this.#forget();
  }

  #forget(): void {
    for (const known of [this.#objects, this.#inputs, this.#states]) known.clear();
    this.#since = performance.now();
  }

  async #command(manifest: CommandManifest, command: CommandOrder, tell: Order['tell']): Promise<OutpostOrder['work']> {
    const { code } = manifest.provenance;
    if (code === undefined || code === null) throw new RepriseError('CODE_NOT_CAPTURED', 'The code of the command could not be recorded, so it cannot be sent.', { kind: 'input', hint: 'Put the config into the folder of its code, best a git repository.' });
    await once(this.#states, code.snapshot, () => this.#state(code.snapshot));
    const { base } = await this.#link.hello();
    const inputs: Record<string, string> = {};
    for (const { path, fingerprint } of manifest.inputs) {
      const place = command.inputs[path];
      if (fingerprint === null || place === undefined) continue;
      // The program names it by that path: where it is the same there, on a shared file system, it needs no sending.
      if (isAbsolute(path)) {
        await tell({ type: 'message', level: 'warning', text: `The input ${path} is read at that very path on ${this.#link.name}: name it by a path from the config's folder to have it sent.` });
        continue;
      }
      await once(this.#inputs, fingerprint, () => this.#input(fingerprint, place));
      inputs[path] = inputThere(base, fingerprint, basename(place));
    }
    return {
      kind: 'command',
      command: command.command,
      timeLimitMs: command.timeLimitMs,
      graceMs: command.graceMs,
      outputLimit: command.outputLimit,
      snapshot: code.snapshot,
      folder: code.folder,
      cwd: command.cwd,
      inputs,
      parameterFile: command.parameterFile,
    };
  }

  async #state(snapshot: string): Promise<void> {
    const list = await readFile(objectPath(this.#workspace, snapshot), 'utf8');
    const objects = snapshotObjects(parseSnapshot(list));
    const { value } = await this.#link.call('missing', { objects: [...new Set(objects)], inputs: [] });
    for (let from = 0; from < value.objects.length; from += AT_ONCE) await Promise.all(value.objects.slice(from, from + AT_ONCE).map((sha256) => this.#object(sha256, true)));
    await this.#object(snapshot);
  }

  #object(sha256: string, isMissing = false): Promise<void> {
    return once(this.#objects, sha256, async () => {
      if (!isMissing && (await this.#link.call('missing', { objects: [sha256], inputs: [] })).value.objects.length === 0) return;
      await inPieces(objectPath(this.#workspace, sha256), (offset, total, piece) => this.#link.call('putObject', { sha256, offset, total }, piece));
    });
  }

  async #input(fingerprint: string, place: string): Promise<void> {
    const { value } = await this.#link.call('missing', { objects: [], inputs: [fingerprint] });
    if (value.inputs.length === 0) return;
    const name = basename(place);
    const send = async (file: string, path: string): Promise<void> => {
      const { mode } = await stat(file);
      const executable = (mode & 0o111) !== 0;
      await inPieces(file, (offset, total, piece) => this.#link.call('putInput', { fingerprint, path, offset, total, executable }, piece));
    };
    if ((await stat(place)).isDirectory()) {
      // The same files that its fingerprint is made of: also what links lead to.
      const files = await filesBelow(place);
      for (let from = 0; from < files.length; from += AT_ONCE) await Promise.all(files.slice(from, from + AT_ONCE).map(({ file, name: inner }) => send(file, posix.join(name, inner))));
    } else await send(place, name);
    await this.#link.call('sealInput', { fingerprint });
  }
}

/** Does something once for a key; what failed is tried again the next time. */
function once(known: Map<string, Promise<void>>, key: string, work: () => Promise<void>): Promise<void> {
  const before = known.get(key);
  if (before !== undefined) return before;
  const doing = work().catch((error: unknown) => {
    known.delete(key);
    throw error;
  });
  known.set(key, doing);
  return doing;
}

async function inPieces(file: string, put: (offset: number, total: number, piece: Buffer) => Promise<unknown>): Promise<void> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(PIECE, size)));
    for (let offset = 0; ; ) {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
      await put(offset, size, buffer.subarray(0, bytesRead));
      offset += bytesRead;
      if (offset >= size) return;
      if (bytesRead === 0) throw new RepriseError('INPUT_CHANGED', `The file ${file} became shorter while it was sent.`, { kind: 'input', hint: 'Start the run again once nobody writes it any more.' });
    }
  } finally {
    await handle.close();
  }
}

function memoryOf(executor: ExecutorConfig): number | null {
  return executor.memory === undefined ? null : bytesOf(executor.memory);
}
