/** Makes a stored code state again in an empty folder, offline. */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chmod, copyFile, lstat, mkdir, readdir, readlink, rename, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { RepriseError } from '../errors/errors';
import type { Snapshot, SnapshotFile } from '../events/snapshot';
import { sha256File } from '../files/hash';
import { objectPath } from '../files/objects';
import { staysInside } from './inside';
import { inParallel } from './parallel';
import { readObject, readSnapshot } from './snapshot';

const WRITERS = 8;
/** Files up to this size are held in memory while they are checked. */
const WHOLE_BYTES = 4 * 2 ** 20;
/** Device names of Windows, with or without an extension. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/iu;

/** Equal for names that some file system takes for one: case and Unicode composition set aside. */
const folded = (name: string): string => name.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');

/** Why a part of a name may not be written on a system, or null. */
function partProblem(part: string, platform: NodeJS.Platform): string | null {
  if (part === '' || part === '.' || part === '..') return 'does not stay in its folder';
  // Signs that HFS+ and APFS leave out of a name would hide `.git`.
  if (/^(?:\.git|git~\d+)(?:[. ]*|:.*)$/u.test(folded(part).replace(/[\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu, ''))) return "is a repository's own";
  if (platform !== 'win32') return null;
  if (DEVICE.test(part)) return 'is a device of Windows';
  if (/[. ]$/u.test(part)) return 'ends with a dot or a space, which Windows drops';
  // oxlint-disable-next-line no-control-regex
  return /[\u0000-\u001f<>:"|?*]/u.test(part) ? 'has a character that Windows does not allow' : null;
}

function nameProblem(name: string, platform: NodeJS.Platform): string | null {
  if (name.includes('\0') || name.includes('\ufffd')) return 'is not a name of a file';
  if (name.startsWith('/')) return 'is absolute';
  if (platform === 'win32' && (name.includes('\\') || /^[A-Za-z]:/u.test(name))) return 'is absolute or has a backslash';
  for (const part of name.split('/')) {
    const problem = partProblem(part, platform);
    if (problem !== null) return problem;
  }
  return null;
}

/**
 * The first reason not to write a snapshot out: a name that leaves the folder, that this system reads otherwise, two
 * that it takes for one, or a file that stands where another needs a folder (or a link a folder). Null where it is safe.
 */
export function snapshotProblem(snapshot: Snapshot, platform: NodeJS.Platform = process.platform): string | null {
  const ignoresCase = platform === 'win32' || platform === 'darwin';
  const keyOf = (name: string): string => (ignoresCase ? folded(name) : name);
  const files = new Set<string>();
  const folders = new Map<string, string>();
  for (const { path: name } of snapshot.files) {
    const problem = nameProblem(name, platform);
    if (problem !== null) return `${JSON.stringify(name)} ${problem}`;
    if (files.has(keyOf(name))) return `${JSON.stringify(name)} is there twice${ignoresCase ? ', where case does not count' : ''}`;
    files.add(keyOf(name));
    for (let end = name.indexOf('/'); end !== -1; end = name.indexOf('/', end + 1)) {
      const folder = name.slice(0, end);
      const known = folders.get(keyOf(folder));
      if (known !== undefined && known !== folder) return `${JSON.stringify(folder)} is the same folder as ${JSON.stringify(known)} where case does not count`;
      folders.set(keyOf(folder), folder);
    }
  }
  const both = [...folders].find(([key]) => files.has(key));
  return both === undefined ? null : `${JSON.stringify(both[1])} is both a file and a folder`;
}

function refuse(problem: string): RepriseError {
  return new RepriseError('SNAPSHOT_UNSAFE', `The code state cannot be restored here: ${problem}.`, { kind: 'input', hint: 'Nothing was written. Restore it on the system it was recorded on, if you trust where it comes from.' });
}

const modeOf = ({ mode }: SnapshotFile): number => (mode === 'executable' ? 0o755 : 0o644);

async function writeOut(workspace: string, folder: string, file: SnapshotFile): Promise<void> {
  const target = path.join(folder, ...file.path.split('/'));
  try {
    if (file.mode === 'link') {
      const leads = (await readObject(workspace, file.sha256)).toString('utf8');
      if (!staysInside(file.path, leads)) throw refuse(`the link ${JSON.stringify(file.path)} leads outside`);
      await symlink(leads, target);
      return;
    }
    if (file.bytes <= WHOLE_BYTES) {
      await writeFile(target, await readObject(workspace, file.sha256), { flag: 'wx', mode: modeOf(file) });
      return;
    }
    // EXCL, like wx: two names that this file system takes for one must not become one file.
    await copyFile(objectPath(workspace, file.sha256), target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } catch (cause) {
    if (cause instanceof RepriseError) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw refuse(`this file system takes ${JSON.stringify(file.path)} and another file for one`);
    if (code === 'ENOENT') throw new RepriseError('OBJECT_MISSING', `The object ${file.sha256} (${file.path}) is not in the workspace.`, { kind: 'system', hint: 'Restore objects/ from a backup.', cause });
    throw cause;
  }
  if ((await sha256File(target)) !== file.sha256) {
    throw new RepriseError('OBJECT_HASH_MISMATCH', `The object ${file.sha256} (${file.path}) of the workspace is damaged.`, { kind: 'system', hint: 'Restore it from a backup.' });
  }
  // Objects may be read-only; a working copy is not.
  await chmod(target, modeOf(file));
}

/**
 * Makes the recorded state in `target`, which must not be there or be an empty folder; on an error nothing is left.
 * Every byte is checked against its hash; links are made last, so that nothing is written through one.
 * @throws RepriseError TARGET_NOT_EMPTY, SNAPSHOT_UNSAFE, SNAPSHOT_INVALID, OBJECT_MISSING, OBJECT_HASH_MISMATCH
 */
export async function restoreSnapshot(workspace: string, sha256: string, target: string): Promise<Snapshot> {
  const snapshot = await readSnapshot(workspace, sha256);
  const problem = snapshotProblem(snapshot);
  if (problem !== null) throw refuse(problem);
  const entries = await readdir(target).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new RepriseError('TARGET_NOT_EMPTY', `${target} cannot be used as a folder.`, { kind: 'input', hint: 'Name a folder that does not exist yet.', cause: error });
  });
  if (entries !== null && entries.length > 0) throw new RepriseError('TARGET_NOT_EMPTY', `${target} is not empty.`, { kind: 'input', hint: 'Name an empty folder, or one that does not exist yet.' });
  const parent = path.dirname(path.resolve(target));
  await mkdir(parent, { recursive: true });
  const folder = path.join(parent, `.${path.basename(target)}.${randomUUID()}.tmp`);
  try {
    await mkdir(folder);
    const folders = new Set(snapshot.files.map(({ path: name }) => path.posix.dirname(name)));
    for (const name of folders) await mkdir(path.join(folder, ...name.split('/')), { recursive: true });
    await inParallel(snapshot.files.filter(({ mode }) => mode !== 'link'), WRITERS, (file) => writeOut(workspace, folder, file));
    for (const file of snapshot.files) if (file.mode === 'link') await writeOut(workspace, folder, file);
    if (entries !== null) await rmdir(target);
    await rename(folder, target);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
  return snapshot;
}

/**
 * Adds what a snapshot had to leave out from the folder it was taken of, for a program that runs here and now: secrets
 * by a copy, files past a limit and links by a link to where they are. Never for what leaves this machine.
 * @returns the names that were added; what is gone meanwhile is not among them
 */
export async function completeFromSource(snapshot: Snapshot, source: string, target: string): Promise<string[]> {
  const added: string[] = [];
  for (const { path: name, reason } of snapshot.withheld) {
    if (nameProblem(name, process.platform) !== null) continue;
    const [from, to] = [path.join(source, ...name.split('/')), path.join(target, ...name.split('/'))];
    const info = await lstat(from).catch(() => null);
    if (info === null) continue;
    await mkdir(path.dirname(to), { recursive: true });
    if (info.isSymbolicLink()) await symlink(path.resolve(path.dirname(from), await readlink(from)), to);
    else if (reason === 'size' || info.isDirectory()) await symlink(from, to);
    else if (info.isFile() && (await access(from, constants.R_OK).then(() => true, () => false))) await copyFile(from, to, constants.COPYFILE_EXCL);
    else continue;
    added.push(name);
  }
  return added;
}
