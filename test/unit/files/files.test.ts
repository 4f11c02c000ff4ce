import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { atomicWrite, atomicWriteWith } from '../../../src/files/atomic-write';
import { claimFile, claimFileSync, holderHint } from '../../../src/files/claim';
import { sha256Bytes, sha256File } from '../../../src/files/hash';
import { hasObject, objectPath, putObject } from '../../../src/files/objects';
import { identityOf, isAlive, lifeOf, ownIdentity, type ProcessIdentity } from '../../../src/files/process-identity';
import { refuseTarget } from '../../../src/files/targets';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'reprise-files-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const ABC = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';

describe('atomicWrite', () => {
  it('replaces a file and leaves nothing beside it', async () => {
    const file = path.join(folder, 'a.txt');
    await atomicWrite(file, 'one');
    await atomicWrite(file, Uint8Array.of(0x32));
    expect(await readFile(file, 'utf8')).toBe('2');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });

  it('keeps the old content when writing fails half way', async () => {
    const file = path.join(folder, 'a.txt');
    await atomicWrite(file, 'old');
    const failing = atomicWriteWith(file, async (handle) => {
      await handle.writeFile('new but torn');
      throw new Error('disk full');
    });
    await expect(failing).rejects.toThrow('disk full');
    expect(await readFile(file, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a.txt']);
  });
});

describe('refuseTarget', () => {
  const refusal = (code: string): unknown => expect.objectContaining({ code, kind: 'input' });

  it('lets a new file pass, and an old one that may be replaced', async () => {
    const file = path.join(folder, 'a.txt');
    expect(() => refuseTarget(file, false)).not.toThrow();
    await writeFile(file, 'old');
    expect(() => refuseTarget(file, true)).not.toThrow();
    expect(() => refuseTarget(file, false)).toThrow(refusal('FILE_EXISTS'));
  });

  it('never takes a folder, a device, or a place in no folder', async () => {
    await writeFile(path.join(folder, 'a.txt'), '');
    for (const overwrite of [false, true]) {
      expect(() => refuseTarget(folder, overwrite)).toThrow(refusal('FILE_IS_FOLDER'));
      expect(() => refuseTarget(path.join(folder, 'none', 'b.txt'), overwrite)).toThrow(refusal('FOLDER_NOT_FOUND'));
      expect(() => refuseTarget(path.join(folder, 'a.txt', 'b.txt'), overwrite)).toThrow(refusal('FOLDER_NOT_FOUND'));
    }
    if (process.platform !== 'win32') expect(() => refuseTarget('/dev/null', true)).toThrow(refusal('FILE_NOT_REGULAR'));
  });
});

describe('hashes', () => {
  it('give the published SHA-256 of "abc", in memory and from a file', async () => {
    const file = path.join(folder, 'abc');
    await writeFile(file, 'abc');
    expect(sha256Bytes('abc')).toBe(ABC);
    expect(sha256Bytes(Uint8Array.of(0x61, 0x62, 0x63))).toBe(ABC);
    expect(await sha256File(file)).toBe(ABC);
  });
});

describe('objects', () => {
  it('are stored once under their hash, from bytes or a file', async () => {
    const source = path.join(folder, 'source');
    await writeFile(source, 'abc');
    const fromBytes = await putObject(folder, new TextEncoder().encode('abc'));
    const before = await stat(fromBytes.path);
    const fromFile = await putObject(folder, { file: source }, ABC);
    expect(fromFile).toEqual(fromBytes);
    expect(fromBytes).toEqual({ sha256: ABC, path: path.join(folder, 'objects', 'ba', ABC), bytes: 3 });
    expect((await stat(fromBytes.path)).ino).toBe(before.ino);
    expect(await readdir(path.dirname(fromBytes.path))).toEqual([ABC]);
    expect(await readFile(source, 'utf8')).toBe('abc');
  });

  it('that were damaged are replaced', async () => {
    const { path: file } = await putObject(folder, new TextEncoder().encode('abc'));
    await writeFile(file, 'abd');
    expect(await hasObject(folder, ABC)).toBe(false);
    await putObject(folder, new TextEncoder().encode('abc'));
    expect(await readFile(file, 'utf8')).toBe('abc');
    expect(await hasObject(folder, ABC)).toBe(true);
  });

  it('refuse content that is not what was announced, and names that are no hash', async () => {
    await expect(putObject(folder, new TextEncoder().encode('abd'), ABC)).rejects.toMatchObject({ code: 'OBJECT_HASH_MISMATCH' });
    expect(await hasObject(folder, ABC)).toBe(false);
    expect(() => objectPath(folder, '../../etc/passwd')).toThrow(expect.objectContaining({ code: 'OBJECT_NAME_INVALID' }));
  });
});

describe('process identity', () => {
  it('knows this process and tells it from another start of the same id', () => {
    const identity = identityOf(process.pid);
    expect(identity).toMatchObject({ pid: process.pid });
    expect(identityOf(process.pid)).toEqual(identity);
    expect(isAlive(identity!)).toBe(true);
    expect(isAlive({ pid: process.pid, startTime: 'another start' })).toBe(false);
  });

  it('sees a child live and die', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    await once(child, 'spawn');
    const identity = identityOf(child.pid!)!;
    expect(isAlive(identity)).toBe(true);
    expect(identity.startTime).not.toBe(identityOf(process.pid)!.startTime);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(identityOf(child.pid!)).toBeNull();
    expect(isAlive(identity)).toBe(false);
  });

  it('gives null for ids no process can have', () => {
    for (const pid of [0, -1, 1.5, 2 ** 31 - 1]) expect(identityOf(pid)).toBeNull();
  });
});

describe('the life of a process', () => {
  const here = { host: 'lab', namespace: 'pid:[4026531836]', boot: 'boot-1' };
  const container = { host: '3f2a', namespace: 'pid:[4026532179]', boot: 'boot-1' };
  const own = ownIdentity();
  /** This very process, as if it were of that place. */
  const of = (place: object): ProcessIdentity => ({ pid: own.pid, startTime: own.startTime, ...place });

  it.each([
    ['of this place', here, here, 'alive'],
    ['of this place, whose host name changed', { ...here, host: 'old-name' }, here, 'alive'],
    ['of a file of an older version', {}, here, 'alive'],
    ['of a container on this machine, seen from outside', container, here, 'unknown'],
    ['of the machine, seen from a container', here, container, 'unknown'],
    ['of a container with the host name of the machine', { ...container, host: 'lab' }, here, 'unknown'],
    ['of this machine before it started anew', here, { ...here, boot: 'boot-2' }, 'dead'],
    ['of a container of an earlier boot, with the same host name', container, { ...container, boot: 'boot-2' }, 'unknown'],
    ['of another machine', { ...here, host: 'other', boot: 'boot-2' }, here, 'unknown'],
    ['of this machine, where the system has neither namespaces nor boots', { host: 'mac' }, { host: 'mac' }, 'alive'],
    ['of another machine, where the system has neither', { host: 'mac' }, { host: 'mac-2' }, 'unknown'],
    ['of Windows, seen from its Linux', { host: 'lab' }, here, 'unknown'],
  ] as const)('%s', (_, there, place, life) => {
    expect(lifeOf(of(there), place)).toBe(life);
  });

  it('is not over because a start time is not known', async () => {
    expect(lifeOf({ ...own, startTime: 'unknown' })).toBe('unknown');
    expect(isAlive({ ...own, startTime: 'unknown' })).toBe(true);
    expect(lifeOf({ ...own, pid: 2 ** 31 - 1, startTime: 'unknown' })).toBe('dead');
    const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' });
    await once(child, 'exit');
    expect(lifeOf({ ...own, pid: child.pid!, startTime: 'unknown' })).toBe('dead');
  });
});

describe('claims', () => {
  it('are for one at a time, and are given back by their holder alone', async () => {
    const file = path.join(folder, 'lock');
    const results = await Promise.all(Array.from({ length: 5 }, () => claimFile(file)));
    const won = results.find((result) => result.ok);
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    for (const result of results) if (!result.ok) expect(result).toMatchObject({ holder: { process: ownIdentity() }, file });
    expect(await readdir(folder)).toEqual(['lock']);
    await writeFile(file, 'of somebody else');
    if (won?.ok === true) won.claim.release();
    expect(await readFile(file, 'utf8')).toBe('of somebody else');
  });

  it('are taken over from the dead by one of several, and from nobody who may live', async () => {
    const file = path.join(folder, 'lock');
    await writeFile(file, JSON.stringify({ ...ownIdentity(), pid: 2 ** 31 - 1 }));
    const results = await Promise.all(Array.from({ length: 5 }, () => claimFile(file)));
    expect(results.flatMap((result) => (result.ok ? [result.claim.takenOver] : []))).toEqual([true]);
    for (const result of results) if (result.ok) result.claim.release();
    const foreign = { ...ownIdentity(), host: 'elsewhere', namespace: 'pid:[1]', boot: 'another' };
    await writeFile(file, JSON.stringify(foreign));
    expect(claimFileSync(file)).toEqual({ ok: false, holder: expect.objectContaining({ process: foreign, since: null }) as object, file });
    expect(holderHint(foreign, [file], 'Close it.')).toMatch(new RegExp(`"elsewhere".*delete ${file.replaceAll('.', String.raw`\.`)}`));
    expect(await readdir(folder)).toEqual(['lock']);
  });

  it('work under the longest name a file of the workspace can have', async () => {
    const file = path.join(folder, 'x'.repeat(180));
    await writeFile(file, JSON.stringify({ ...ownIdentity(), pid: 2 ** 31 - 1 }));
    const result = claimFileSync(file);
    expect(result).toMatchObject({ ok: true, claim: { takenOver: true } });
    if (result.ok) result.claim.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('remove what killed takers left', async () => {
    const file = path.join(folder, 'lock');
    await writeFile(`${file}.0123456789abcdef`, JSON.stringify({ ...ownIdentity(), pid: 2 ** 31 - 1 }));
    await writeFile(`${file}.backup`, 'of the user');
    const torn = `${file}.${2 ** 31 - 1}.${randomUUID()}.new`;
    await writeFile(torn, '{"pid":');
    await utimes(torn, 0, 0);
    const result = claimFileSync(file);
    if (result.ok) result.claim.release();
    expect(await readdir(folder)).toEqual(['lock.backup']);
  });
});
