/** What a host sends once for many runs: objects by their hash, inputs by their fingerprint. */
import { createHash } from 'node:crypto';
import { existsSync, utimesSync } from 'node:fs';
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { RepriseError } from '../errors/errors';
import { syncFolder } from '../files/atomic-write';
import { filesBelow } from '../files/files-below';
import { sha256File } from '../files/hash';
import { objectPath } from '../files/objects';
import type { Input, Output } from './protocol';
import { below } from './serve-paths';

const inputFolder = (base: string, fingerprint: string): string => path.join(base, 'inputs', fingerprint);
/** Of an input until it is whole. */
const partFolder = (base: string, fingerprint: string): string => `${inputFolder(base, fingerprint)}.part`;

/** Who asks for what is there counts on it: that is its last use. */
export function missing(base: string, { objects, inputs }: Input<'missing'>): Output<'missing'> {
  const now = new Date();
  const isThere = (file: string): boolean => {
    try {
      utimesSync(file, now, now);
      return true;
    } catch {
      // Of another user, on a disk that cannot be written, or not there.
      return existsSync(file);
    }
  };
  return { objects: objects.filter((sha256) => !isThere(objectPath(base, sha256))), inputs: inputs.filter((fingerprint) => !isThere(inputFolder(base, fingerprint))) };
}

interface Piece {
  readonly offset: number;
  readonly total: number;
  readonly body: Uint8Array;
}

/** Writes a piece where it belongs, whichever pieces are there. @returns whether it was the last */
async function writePiece(file: string, { offset, total, body }: Piece): Promise<boolean> {
  const end = offset + body.length;
  if (end > total) throw new RepriseError('PIECE_INVALID', `A piece of ${file} goes to byte ${end} of ${total}.`, { kind: 'system' });
  await mkdir(path.dirname(file), { recursive: true });
  // Not emptied when it is opened: pieces may come again, also after the connection broke.
  const handle = await open(file, 'r+').catch(() => open(file, 'w+'));
  try {
    for (let written = 0; written < body.length; ) written += (await handle.write(body, written, body.length - written, offset + written)).bytesWritten;
    if (end === total) {
      await handle.truncate(total);
      await handle.sync();
    }
  } finally {
    await handle.close();
  }
  return end === total;
}

/** @throws RepriseError OBJECT_HASH_MISMATCH once it is whole: it has to be sent anew then */
export async function putObject(base: string, { sha256, offset, total }: Input<'putObject'>, body: Uint8Array): Promise<void> {
  const file = objectPath(base, sha256);
  if (existsSync(file)) return;
  const part = path.join(base, 'objects', `tmp-${sha256}`);
  if (!(await writePiece(part, { offset, total, body }))) return;
  if ((await sha256File(part)) !== sha256) {
    await rm(part, { force: true });
    throw new RepriseError('OBJECT_HASH_MISMATCH', `What was sent as object ${sha256} is something else.`, { kind: 'system', hint: 'It is sent again with the next run.' });
  }
  await mkdir(path.dirname(file), { recursive: true });
  await rename(part, file);
  await syncFolder(path.dirname(file));
}

export async function putInput(base: string, { fingerprint, path: name, offset, total, executable }: Input<'putInput'>, body: Uint8Array): Promise<void> {
  if (existsSync(inputFolder(base, fingerprint))) return;
  const file = below(partFolder(base, fingerprint), name);
  if ((await writePiece(file, { offset, total, body })) && executable) await chmod(file, 0o755);
}

/** @throws RepriseError INPUT_HASH_MISMATCH where what was sent is not what it should be: it has to be sent anew then */
export async function sealInput(base: string, { fingerprint }: Input<'sealInput'>): Promise<void> {
  const sealed = inputFolder(base, fingerprint);
  if (existsSync(sealed)) return;
  const part = partFolder(base, fingerprint);
  const [name, ...others] = await readdir(part).catch(() => []);
  if (name === undefined || others.length > 0 || (await fingerprintOf(path.join(part, name))) !== fingerprint) {
    await rm(part, { recursive: true, force: true });
    throw new RepriseError('INPUT_HASH_MISMATCH', `What was sent as input ${fingerprint} is something else.`, { kind: 'system', hint: 'If the data change while they are sent, wait until they are complete; then start the run again.' });
  }
  await rename(part, sealed);
  await syncFolder(path.dirname(sealed));
}

/** As src/provenance/fingerprint.ts makes it, without what else is recorded of an input. */
async function fingerprintOf(input: string): Promise<string> {
  if (!(await stat(input)).isDirectory()) return sha256File(input);
  const list = createHash('sha256');
  for (const { name, file } of await filesBelow(input)) list.update(`${name}\0${await sha256File(file)}\n`);
  return list.digest('hex');
}
