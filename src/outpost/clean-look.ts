/** What lies in a machine's folder, for the rule that says what may go. Looks only; follows no links. */
import { lstat, open, readdir, readFile, readlink } from 'node:fs/promises';
import path from 'node:path';
import { RUN_FILES } from '../events/manifest';
import { objectPath } from '../files/objects';
import { lifeOf } from '../files/process-identity';
import { inParallel } from '../provenance/parallel';
import type { Found, JobThing, RunThing, Thing, ThingKind } from './clean-rule';
import { OUTPOST_FILES } from './layout';
import { kitName } from './programs';
import { newestStart, readWords } from './run-words';
import { carrierOf } from './serve-life';

const AT_ONCE = 16;
/** Bytes of an object that may be a list of others. */
const LONGEST_LIST = 64 * 2 ** 20;

/** Where removed things wait for their end: what is in it is nobody's any more. */
export const REMOVED = 'removed';
const RUN_ID = /^[\w-]{1,100}$/u;
const HASH = /\b[0-9a-f]{64}\b/gu;

/** What lies in a folder; nothing where there is none, it is a link, or it cannot be read. */
async function entriesOf(folder: string): Promise<{ readonly name: string; readonly isFolder: boolean }[]> {
  try {
    if (!(await lstat(folder)).isDirectory()) return [];
    return (await readdir(folder, { withFileTypes: true })).flatMap((entry) => (entry.isDirectory() || entry.isFile() ? [{ name: entry.name, isFolder: entry.isDirectory() }] : []));
  } catch {
    return [];
  }
}

/** Ids of the runs whose folders are there. */
export async function runsThere(base: string): Promise<string[]> {
  const entries = await entriesOf(path.join(base, 'runs'));
  return entries.flatMap(({ name, isFolder }) => (isFolder && RUN_ID.test(name) ? [name] : []));
}

export async function hasJobs(base: string): Promise<boolean> {
  return (await entriesOf(path.join(base, 'jobs'))).length > 0;
}

interface Measured {
  readonly bytes: number;
  readonly isForeign: boolean;
  /** Of a folder the newest change of itself and of what lies directly in it. */
  readonly lastUse: number;
}

/** Null where it is gone. @param deep whether what an attempt writes into its own folder is use, too */
async function measure(place: string): Promise<Measured | null> {
  const top = await lstat(place).catch(() => null);
  if (top === null) return null;
  let [bytes, isForeign] = [0, process.getuid !== undefined && top.uid !== process.getuid()];
  const waiting = [place];
  for (const folder of top.isDirectory() ? waiting : []) {
    for (const name of await readdir(folder).catch(() => ((isForeign = true), []))) {
      const info = await lstat(path.join(folder, name)).catch(() => null);
      if (info === null) continue;
      if (info.dev !== top.dev) isForeign = true;
      else if (info.isDirectory()) waiting.push(path.join(folder, name));
      else bytes += info.size;
    }
  }
  return { bytes: top.isDirectory() ? bytes : top.size, isForeign, lastUse: await lastUseOf(place) };
}

/**
 * The newest change of a thing: of itself, of what lies in it, and of what an attempt writes. Asking for it does not
 * change it.
 */
export async function lastUseOf(place: string): Promise<number> {
  const top = await lstat(place);
  if (!top.isDirectory()) return top.mtimeMs;
  let last = top.mtimeMs;
  for (const { name, isFolder } of await entriesOf(place)) {
    const inner = path.join(place, name);
    last = Math.max(last, (await lstat(inner).catch(() => null))?.mtimeMs ?? 0);
    if (!isFolder || !/^attempt-\d+$/u.test(name)) continue;
    for (const written of await entriesOf(inner)) last = Math.max(last, (await lstat(path.join(inner, written.name)).catch(() => null))?.mtimeMs ?? 0);
  }
  return last;
}

/** Where a thing lies, below the base folder. */
export function placeOf(base: string, { kind, name }: Pick<Thing, 'kind' | 'name'>): string {
  switch (kind) {
    case 'programs':
      return path.join(base, 'kit', name);
    case 'run':
      return path.join(base, 'runs', name);
    case 'job':
      return path.join(base, 'jobs', name);
    case 'object':
      return objectPath(base, name);
    case 'input':
      return path.join(base, 'inputs', name);
    case 'unfinished':
      return path.join(base, ...name.split('/'));
  }
}

async function thingOf(base: string, kind: ThingKind, name: string): Promise<Thing | null> {
  const measured = await measure(placeOf(base, { kind, name }));
  return measured === null ? null : { kind, name, ...measured };
}

async function textOf(file: string): Promise<string | null> {
  try {
    return (await lstat(file)).isFile() ? await readFile(file, 'utf8') : null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? null : Promise.reject(error);
  }
}

const hashesIn = (text: string): string[] => [...new Set(text.match(HASH))];

/** Null for a folder that is not one of a run. */
async function runOf(base: string, name: string, here: RunThing['here']): Promise<RunThing | null> {
  const folder = path.join(base, 'runs', name);
  const manifest = await textOf(path.join(folder, RUN_FILES.manifest)).catch(() => undefined);
  if (manifest !== undefined && !isRun(manifest, name)) return null;
  const thing = await thingOf(base, 'run', name);
  if (thing === null) return null;
  // The order names nothing that the manifest does not, and is its owner's alone.
  const order = await textOf(path.join(folder, OUTPOST_FILES.order)).catch(() => '');
  return { ...thing, here, hasOrder: order !== null, needs: manifest === undefined ? null : hashesIn(`${manifest}\n${order ?? ''}`), ...carriedOut(folder) };
}

/** What is known of its newest attempt; what cannot be read may be anything. */
function carriedOut(folder: string): Pick<RunThing, 'life' | 'hasEnded' | 'programs'> {
  try {
    const words = readWords(folder);
    const start = newestStart(words);
    const carrier = carrierOf(folder);
    const hasEnded = start !== null && words.some(({ event, attempt }) => event === 'ended' && attempt === start.attempt) && (carrier?.attempt ?? 0) <= start.attempt;
    return { life: carrier === null ? null : lifeOf(carrier.process), hasEnded, programs: start?.programs ?? null };
  } catch {
    return { life: 'unknown', hasEnded: false, programs: null };
  }
}

function isRun(manifest: string | null, name: string): boolean {
  try {
    return (JSON.parse(manifest ?? 'null') as { readonly runId?: unknown } | null)?.runId === name;
  } catch {
    return false;
  }
}

async function jobOf(base: string, name: string): Promise<JobThing | null> {
  const folder = path.join(base, 'jobs', name);
  let [script, runs]: (string | null)[] = [null, null];
  let isReadable = true;
  try {
    [script, runs] = [await textOf(path.join(folder, 'slurm.sh')), await textOf(path.join(folder, 'runs'))];
  } catch {
    isReadable = false;
  }
  if (isReadable && script === null) return null;
  const thing = await thingOf(base, 'job', name);
  if (thing === null) return null;
  return { ...thing, runs: isReadable ? (runs ?? '').split('\n').filter((line) => line !== '') : null, programs: [...(script ?? '').matchAll(/\/kit\/([0-9a-f]{32})\//gu)].map(([, hash = '']) => hash) };
}

/** Programs, objects and inputs, and parts of them. */
async function othersIn(base: string): Promise<Thing[]> {
  const named: { readonly kind: ThingKind; readonly name: string }[] = [];
  for (const { name, isFolder } of await entriesOf(path.join(base, 'kit'))) {
    if (isFolder && /^[0-9a-f]{32}$/u.test(name)) named.push({ kind: 'programs', name });
    else if (isFolder && /^\.[0-9a-f]{32}\.[\w-]+$/u.test(name)) named.push({ kind: 'unfinished', name: `kit/${name}` });
  }
  for (const { name, isFolder } of await entriesOf(path.join(base, 'inputs'))) {
    if (isFolder && /^[0-9a-f]{64}$/u.test(name)) named.push({ kind: 'input', name });
    else if (isFolder && /^[0-9a-f]{64}\.part$/u.test(name)) named.push({ kind: 'unfinished', name: `inputs/${name}` });
  }
  for (const { name, isFolder } of await entriesOf(path.join(base, 'objects'))) {
    if (!isFolder && /^tmp-[0-9a-f]{64}$/u.test(name)) named.push({ kind: 'unfinished', name: `objects/${name}` });
    if (!isFolder || !/^[0-9a-f]{2}$/u.test(name)) continue;
    for (const object of await entriesOf(path.join(base, 'objects', name))) {
      if (!object.isFolder && /^[0-9a-f]{64}$/u.test(object.name) && object.name.startsWith(name)) named.push({ kind: 'object', name: object.name });
    }
  }
  for (const { name } of await entriesOf(path.join(base, REMOVED))) named.push({ kind: 'unfinished', name: `${REMOVED}/${name}` });
  const things = await inParallel(named, AT_ONCE, ({ kind, name }) => thingOf(base, kind, name));
  return things.filter((thing) => thing !== null);
}

/** What an object names, where it is a list of others as a code state is. */
async function listIn(base: string, sha256: string): Promise<readonly string[]> {
  try {
    const file = await open(objectPath(base, sha256));
    try {
      const { size } = await file.stat();
      const first = Buffer.alloc(1);
      if (size > LONGEST_LIST || (await file.read(first, 0, 1, 0)).bytesRead === 0 || first[0] !== 0x7b) return [];
    } finally {
      await file.close();
    }
    return hashesIn(await readFile(objectPath(base, sha256), 'utf8'));
  } catch {
    return [];
  }
}

/** Programs of this folder that processes of this host are. */
async function programsAlive(base: string): Promise<Set<string>> {
  const kits = path.join(base, 'kit') + path.sep;
  const alive = new Set<string>();
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/u.test(pid)) continue;
    const program = await readlink(`/proc/${pid}/exe`).catch(() => '');
    if (program.startsWith(kits)) alive.add(program.slice(kits.length).split(path.sep)[0] ?? '');
  }
  return alive;
}

export interface Asked {
  /** What the workspace that asks says of runs; others are taken for open. */
  readonly runs: Readonly<Record<string, RunThing['here']>>;
  readonly queue: readonly string[] | null;
  readonly days: number;
}

/** @param base absolute, without links */
export async function look(base: string, { runs, queue, days }: Asked): Promise<Found> {
  const others = await othersIn(base);
  // One that came meanwhile is nobody's to remove.
  const found = await inParallel(await runsThere(base), AT_ONCE, (name) => runOf(base, name, Object.hasOwn(runs, name) ? (runs[name] ?? 'open') : 'open'));
  const there = found.filter((run) => run !== null);
  const jobs = await inParallel(await entriesOf(path.join(base, 'jobs')), AT_ONCE, ({ name, isFolder }) => (isFolder && /^[0-9a-f]{16}$/u.test(name) ? jobOf(base, name) : Promise.resolve(null)));
  const lists = new Map<string, readonly string[]>();
  for (const name of new Set(there.flatMap(({ needs }) => needs ?? []))) lists.set(name, await listIn(base, name));
  return { now: Date.now(), days, current: kitName, alive: await programsAlive(base), queue: queue === null ? null : new Set(queue), runs: there, jobs: jobs.filter((job) => job !== null), others, lists };
}
