/** Captures files that git neither tracks nor ignores. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readlink } from 'node:fs/promises';
import path from 'node:path';
import { sha256Bytes } from '../files/hash';
import type { GitState } from '../events/provenance';
import { count, listed } from './sentences';
import { isSecretName, secretIn } from './secrets';

type Untracked = GitState['untracked'][number];

/** Bytes of one file, and of all together, whose content is kept. */
const CONTENT_LIMIT = 1024 * 1024;
const TOTAL_LIMIT = 10 * 1024 * 1024;
/** Bytes that are read to be hashed: more would hold up the start of a run for seconds. */
const HASH_LIMIT = 256 * 1024 * 1024;
/** Files that are looked at: a forgotten environment folder has ten thousands. */
const FILE_LIMIT = 2000;

/** UTF-8 text as it is, anything else in base64. */
function encode(bytes: Buffer): Pick<Untracked, 'content' | 'encoding'> {
  if (!bytes.includes(0)) {
    try {
      // The mark at the start of some files is content: without ignoreBOM it would be dropped.
      return { content: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), encoding: 'utf8' };
    } catch {
      // Not UTF-8.
    }
  }
  return { content: bytes.toString('base64'), encoding: 'base64' };
}

type Found = { readonly bytes: Buffer; readonly executable: boolean } | { readonly size: number; readonly sha256: string; readonly executable: boolean } | 'too large' | 'not a file';

/** Reads a file without following a link; whole when small, else as its hash. `budget` bytes may be read. */
async function readUntracked(file: string, budget: number): Promise<Found> {
  // NONBLOCK: a pipe that took the file's place must not hold us up.
  const handle = await open(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  try {
    const info = await handle.stat();
    if (!info.isFile()) return 'not a file';
    const executable = process.platform !== 'win32' && (info.mode & 0o100) !== 0;
    if (info.size > budget) return 'too large';
    if (info.size <= CONTENT_LIMIT) {
      const bytes = await handle.readFile();
      if (bytes.length <= CONTENT_LIMIT) return { bytes, executable };
      return { size: bytes.length, sha256: sha256Bytes(bytes), executable };
    }
    const hash = createHash('sha256');
    let size = 0;
    for await (const chunk of handle.createReadStream({ autoClose: false, highWaterMark: 1 << 20 })) {
      hash.update(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size > budget) return 'too large';
    }
    return { size, sha256: hash.digest('hex'), executable };
  } finally {
    await handle.close();
  }
}

/** Where a link leads, unless that would name a folder of this machine. */
async function targetOf(link: string): Promise<string> {
  const target = await readlink(link).catch(() => 'elsewhere');
  return path.isAbsolute(target) ? 'an absolute path' : target;
}

/**
 * Size, hash and, where small, content of the untracked files `names` (with `/`, relative to `root`). What is left
 * out is named in `problems`: secrets, links, large files, files that vanished meanwhile.
 */
export async function captureUntracked(root: string, names: readonly string[], problems: string[]): Promise<Untracked[]> {
  const files: Untracked[] = [];
  const left = { secret: [] as string[], vanished: [] as string[], odd: [] as string[], hashOnly: [] as string[], unhashed: [] as string[], executable: [] as string[], nested: [] as string[] };
  let content = 0;
  let budget = HASH_LIMIT;
  for (const name of names.slice(0, FILE_LIMIT)) {
    const file = path.join(root, ...name.split('/'));
    if (name.endsWith('/')) {
      left.nested.push(name);
      continue;
    }
    if (isSecretName(name)) {
      left.secret.push(name);
      continue;
    }
    let found: Found;
    try {
      found = await readUntracked(file, budget);
    } catch {
      const link = await lstat(file).then((info) => info.isSymbolicLink(), () => null);
      if (link === true) left.odd.push(`${name} (a link to ${await targetOf(file)})`);
      else if (link === false) left.odd.push(`${name} (unreadable)`);
      else left.vanished.push(name);
      continue;
    }
    if (found === 'not a file') left.odd.push(`${name} (no ordinary file)`);
    else if (found === 'too large') left.unhashed.push(name);
    else if ('bytes' in found) {
      const { bytes } = found;
      budget -= bytes.length;
      const secret = secretIn(bytes.toString('latin1'));
      if (secret !== null) {
        left.secret.push(`${name} (shows ${secret})`);
        continue;
      }
      const fits = content + bytes.length <= TOTAL_LIMIT;
      if (fits) content += bytes.length;
      else left.hashOnly.push(name);
      if (found.executable) left.executable.push(name);
      files.push({ path: name, bytes: bytes.length, sha256: sha256Bytes(bytes), ...(fits ? encode(bytes) : { content: null }) });
    } else {
      budget -= found.size;
      left.hashOnly.push(name);
      if (found.executable) left.executable.push(name);
      files.push({ path: name, bytes: found.size, sha256: found.sha256, content: null });
    }
  }
  const note = (list: readonly string[], sentence: (names: string) => string): void => {
    if (list.length > 0) problems.push(sentence(listed(list)));
  };
  note(left.secret, (list) => `Withheld because they may hold secrets, untracked: ${list}.`);
  note(left.hashOnly, (list) => `Only the hash is recorded of untracked files past 1 MiB each or 10 MiB in all: ${list}.`);
  note(left.unhashed, (list) => `Not recorded because of their size, untracked: ${list}.`);
  note(left.nested, (list) => `Repositories inside the repository are not recorded: ${list}.`);
  note(left.odd, (list) => `Not recorded, untracked: ${list}.`);
  note(left.vanished, (list) => `Untracked files that vanished while the code state was recorded: ${list}.`);
  note(left.executable, (list) => `Untracked files are recorded without their mode; make these executable after restoring them: ${list}.`);
  if (names.length > FILE_LIMIT) {
    problems.push(`Of ${count(names.length, 'untracked file')} only the first ${String(FILE_LIMIT)} are recorded; list what does not belong to the code in .gitignore.`);
  }
  return files;
}
