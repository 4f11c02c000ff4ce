/** Tells states of withheld files apart without giving away what they hold. */
import { createHmac, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { atomicWriteWith } from '../files/atomic-write';
import { sha256File } from '../files/hash';

const KEY_FILE = 'withheld.key';
const KEY_BYTES = 32;
/** Files up to this many bytes are read; larger ones are told apart by size and time. */
const READ_BYTES = 32 * 2 ** 20;

/**
 * The key of a workspace's digests: 32 random bytes, made with the first file that is withheld. It is in no bundle,
 * report or export, so that nobody who has a digest can try out what the file may have held.
 * @param makes whether a missing one is written down; else one is answered that is good for nothing but this time
 */
export async function withheldKey(workspace: string, makes: boolean): Promise<Buffer> {
  const file = path.join(workspace, KEY_FILE);
  const known = await readFile(file).catch(() => null);
  if (known?.length === KEY_BYTES) return known;
  const key = randomBytes(KEY_BYTES);
  if (makes) {
    await atomicWriteWith(file, async (handle) => {
      await handle.chmod(0o600);
      await handle.writeFile(key);
    });
  }
  return key;
}

/**
 * HMAC-SHA-256 over names and contents, hex: equal for equal files under one key, and of no meaning under another.
 * @param root the top of the code, absolute
 * @param names relative to it, with `/`; sorted
 */
export async function digestWithheld(root: string, names: readonly string[], key: Buffer): Promise<string> {
  const digest = createHmac('sha256', key);
  for (const name of names) digest.update(`${JSON.stringify(name)} ${await contentOf(path.join(root, ...name.split('/')))}\n`);
  return digest.digest('hex');
}

async function contentOf(file: string): Promise<string> {
  const info = await stat(file).catch(() => null);
  if (info === null || !info.isFile()) return 'no file';
  if (info.size > READ_BYTES) return `${info.size} bytes of ${info.mtimeMs}`;
  return sha256File(file).catch(() => 'unreadable');
}
