import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { SafeZip } from '../../../src/bundle/zip';
import { freshFolder } from './sample';

let folder: string;
beforeAll(async () => {
  folder = await freshFolder();
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

interface Item {
  readonly name: string;
  readonly mode?: number;
  readonly bytes?: Buffer;
  readonly compress?: boolean;
}

async function makeZip(name: string, items: readonly Item[], edit: (bytes: Buffer) => void = () => undefined): Promise<string> {
  const zip = new ZipFile();
  for (const item of items) zip.addBuffer(item.bytes ?? Buffer.from(item.name), item.name, { mode: item.mode ?? 0o100644, compress: item.compress ?? false });
  zip.end();
  const file = join(folder, `${name}.zip`);
  await pipeline(zip.outputStream, createWriteStream(file));
  const bytes = await readFile(file);
  edit(bytes);
  await writeFile(file, bytes);
  return file;
}

/** Replaces a name by one of the same length wherever it stands: yazl itself refuses unsafe names. */
function rename(bytes: Buffer, from: string, to: string, places: 'all' | 'first' = 'all'): void {
  expect(Buffer.byteLength(from)).toBe(Buffer.byteLength(to));
  let at = bytes.indexOf(from);
  while (at >= 0) {
    bytes.write(to, at);
    at = places === 'first' ? -1 : bytes.indexOf(from, at + 1);
  }
}

const centralHeaders = (bytes: Buffer): number[] => {
  const found: number[] = [];
  for (let at = bytes.indexOf('PK\x01\x02', 0, 'latin1'); at >= 0; at = bytes.indexOf('PK\x01\x02', at + 1, 'latin1')) found.push(at);
  return found;
};

describe('SafeZip.open', () => {
  it('lists and reads an ordinary zip', async () => {
    const zip = await SafeZip.open(await makeZip('good', [{ name: 'b/c.txt' }, { name: 'a.txt', compress: true }]));
    expect(zip.entries).toEqual([{ name: 'a.txt', bytes: 5 }, { name: 'b/c.txt', bytes: 7 }]);
    expect(await zip.readText('b/c.txt')).toBe('b/c.txt');
    expect((await zip.hash('a.txt')).bytes).toBe(5);
    await expect(zip.read('missing')).rejects.toMatchObject({ code: 'BUNDLE_ENTRY_MISSING' });
    await expect(zip.read('b/c.txt', 3)).rejects.toMatchObject({ code: 'BUNDLE_TOO_LARGE' });
    zip.close();
  });

  it.each<[string, string]>([
    ['../evil.txt', 'xx/evil.txt'],
    ['/evil.txt', 'xevil.txt'],
    ['C:/evil.txt', 'xx/evil.txt'],
    ['a\\evil.txt', 'axevil.txt'],
    ['a/../../evil', 'a/xx/xx/evil'],
    ['data/NUL.txt', 'data/xxx.txt'],
  ])('refuses the name %s', async (name, stand) => {
    const file = await makeZip('name', [{ name: stand, bytes: Buffer.from('x') }], (bytes) => rename(bytes, stand, name));
    await expect(SafeZip.open(file)).rejects.toMatchObject({ code: 'BUNDLE_UNSAFE', kind: 'input' });
  });

  it.each<[string, Item[]]>([
    ['a name twice', [{ name: 'a' }, { name: 'a' }]],
    ['names that differ in case', [{ name: 'data/A' }, { name: 'data/a' }]],
    ['names that differ in composition', [{ name: 'data/\u00e9' }, { name: 'data/e\u0301' }]],
    ['a symbolic link', [{ name: 'link', mode: 0o120777, bytes: Buffer.from('/etc/passwd') }]],
    ['a device', [{ name: 'device', mode: 0o020666 }]],
    ['a file that is also a folder', [{ name: 'a' }, { name: 'a/b' }]],
  ])('refuses %s', async (_what, items) => {
    await expect(SafeZip.open(await makeZip('items', items))).rejects.toMatchObject({ code: 'BUNDLE_UNSAFE' });
  });

  it('refuses entries that share bytes', async () => {
    const file = await makeZip('overlap', [{ name: 'a' }, { name: 'b' }], (bytes) => {
      const [first, second] = centralHeaders(bytes);
      bytes.copy(bytes, (second ?? 0) + 42, (first ?? 0) + 42, (first ?? 0) + 46);
    });
    await expect(SafeZip.open(file)).rejects.toMatchObject({ code: 'BUNDLE_UNSAFE', message: expect.stringContaining('shares its bytes') });
  });

  it('refuses an encrypted entry and one of an unknown method', async () => {
    const flag = await makeZip('encrypted', [{ name: 'a', compress: true }], (bytes) => bytes.writeUInt16LE(bytes.readUInt16LE((centralHeaders(bytes)[0] ?? 0) + 8) | 1, (centralHeaders(bytes)[0] ?? 0) + 8));
    await expect(SafeZip.open(flag)).rejects.toMatchObject({ code: 'BUNDLE_UNSAFE', message: expect.stringContaining('encrypted') });
    const method = await makeZip('method', [{ name: 'a' }], (bytes) => bytes.writeUInt16LE(12, (centralHeaders(bytes)[0] ?? 0) + 10));
    await expect(SafeZip.open(method)).rejects.toMatchObject({ code: 'BUNDLE_UNSAFE', message: expect.stringContaining('method 12') });
  });

  it('refuses an entry that its own header calls otherwise', async () => {
    const zip = await SafeZip.open(await makeZip('two-names', [{ name: 'good.txt', bytes: Buffer.from('x') }], (bytes) => rename(bytes, 'good.txt', 'evil.txt', 'first')));
    await expect(zip.read('good.txt')).rejects.toMatchObject({ code: 'BUNDLE_UNSAFE' });
    zip.close();
  });

  it('keeps to the limits on count, size and ratio', async () => {
    const limits = { maxEntries: 2, maxTotalBytes: 10, maxRatio: 250 };
    await expect(SafeZip.open(await makeZip('count', [{ name: 'a' }, { name: 'b' }, { name: 'c' }]), limits)).rejects.toMatchObject({ code: 'BUNDLE_UNSAFE' });
    await expect(SafeZip.open(await makeZip('size', [{ name: 'a', bytes: Buffer.alloc(11) }]), limits)).rejects.toMatchObject({ code: 'BUNDLE_UNSAFE' });
    const bomb = await makeZip('bomb', [{ name: 'zeros', bytes: Buffer.alloc(101 * 2 ** 20), compress: true }]);
    await expect(SafeZip.open(bomb)).rejects.toMatchObject({ code: 'BUNDLE_UNSAFE', message: expect.stringContaining('times their size') });
  });

  it('does not inflate more than an entry announces', async () => {
    const zip = await SafeZip.open(await makeZip('liar', [{ name: 'a', bytes: Buffer.alloc(5000), compress: true }], (bytes) => bytes.writeUInt32LE(10, (centralHeaders(bytes)[0] ?? 0) + 24)));
    await expect(zip.read('a')).rejects.toMatchObject({ code: 'BUNDLE_DAMAGED' });
    zip.close();
  });

  it('says of a file that is no zip, is cut off, is a folder or is not there, which it is', async () => {
    const text = join(folder, 'text.zip');
    await writeFile(text, 'not a zip at all');
    await expect(SafeZip.open(text)).rejects.toMatchObject({ code: 'BUNDLE_NOT_ZIP', kind: 'input' });
    const empty = join(folder, 'empty.zip');
    await writeFile(empty, '');
    await expect(SafeZip.open(empty)).rejects.toMatchObject({ code: 'BUNDLE_NOT_ZIP' });
    const whole = await readFile(await makeZip('whole', [{ name: 'a' }, { name: 'b' }]));
    await writeFile(text, whole.subarray(0, whole.length - 30));
    await expect(SafeZip.open(text)).rejects.toMatchObject({ code: 'BUNDLE_NOT_ZIP' });
    await mkdir(join(folder, 'a-folder'));
    await expect(SafeZip.open(join(folder, 'a-folder'))).rejects.toMatchObject({ code: 'BUNDLE_UNREADABLE' });
    await expect(SafeZip.open(join(folder, 'nowhere.zip'))).rejects.toMatchObject({ code: 'BUNDLE_NOT_FOUND' });
  });

  it('never replaces a file when it unpacks', async () => {
    const zip = await SafeZip.open(await makeZip('extract', [{ name: 'a/b.txt' }]));
    const target = join(folder, 'out');
    await zip.extract('a/b.txt', target);
    expect(await readFile(join(target, 'a', 'b.txt'), 'utf8')).toBe('a/b.txt');
    await expect(zip.extract('a/b.txt', target)).rejects.toMatchObject({ code: 'EEXIST' });
    zip.close();
  });
});
