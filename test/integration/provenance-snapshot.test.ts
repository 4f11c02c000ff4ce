/** Code states in the object store: whole, once each, restored elsewhere to the same bytes, and nothing hostile written. */
import { appendFile, chmod, lstat, mkdir, readFile, readdir, readlink, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/config/hash';
import { snapshotObjects, type Snapshot } from '../../src/events/snapshot';
import { objectPath, putObject } from '../../src/files/objects';
import { captureCode } from '../../src/provenance/git-state';
import { completeFromSource, restoreSnapshot, snapshotProblem } from '../../src/provenance/restore';
import { captureSnapshot, readSnapshot } from '../../src/provenance/snapshot';
import { git, useRepository } from '../helpers/repository';

const fixture = useRepository();
const { beside, captured, commitAll, makeInner, write } = fixture;

/** Path → bytes (of a link: where it leads) and mode of everything below a folder, without git's own files. */
async function contentOf(folder: string, prefix = ''): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(join(folder, prefix), { withFileTypes: true })) {
    const name = prefix + entry.name;
    if (entry.name === '.git') continue;
    if (entry.isDirectory()) Object.assign(found, await contentOf(folder, `${name}/`));
    else if (entry.isSymbolicLink()) found[name] = `→ ${await readlink(join(folder, name))}`;
    else found[name] = `${(await readFile(join(folder, name))).toString('latin1')} ${((await lstat(join(folder, name))).mode & 0o100) === 0 ? '-' : 'x'}`;
  }
  return found;
}

/** Puts a made-up snapshot into the workspace, each file with the same content. */
async function forge(files: Partial<Snapshot['files'][number]>[], content = 'x'): Promise<string> {
  const { sha256, bytes } = await putObject(fixture.workspace, Buffer.from(content));
  const snapshot = { format: 1, files: files.map((file) => ({ path: 'a', mode: 'file', sha256, bytes, ...file })), withheld: [] };
  return (await putObject(fixture.workspace, Buffer.from(canonicalJson(snapshot)))).sha256;
}

describe('a snapshot', () => {
  it('of a dirty repository with a submodule restores elsewhere without it, byte for byte', async () => {
    await write('train.py', 'print(1)\n');
    await write('gone.py', '');
    await write('run.sh', '#!/bin/sh\n');
    await chmod(join(fixture.repository, 'run.sh'), 0o755);
    await write('crlf.txt', 'a\r\nb\r\n');
    await write('data.bin', Uint8Array.from({ length: 4000 }, (_, index) => (index * index) & 0xff));
    await write('.gitignore', 'ignored\n*.log\n');
    await write('deep/er/ü und leer.txt', 'ä');
    await symlink('../train.py', join(fixture.repository, 'deep/link.py'));
    await symlink('deep', join(fixture.repository, 'folder-link'));
    await git(fixture.repository, 'submodule', '--quiet', 'add', await makeInner(), 'lib/inner');
    await commitAll();
    await write('train.py', 'print(2)\n');
    await rm(join(fixture.repository, 'gone.py'));
    await write('new/model.py', 'x = 1\n');
    await write('empty', '');
    await write('lib/inner/x.txt', 'changed');
    await write('lib/inner/new.txt', 'new');
    const before = await contentOf(fixture.repository);
    await write('ignored', 'no');
    await write('a.log', 'no');
    const { code, problems } = await captured();
    expect(problems).toEqual([]);
    expect(code).toMatchObject({ folder: '', complete: true, withheld: [] });
    // The author's folder is gone: what was stored is enough.
    await rename(fixture.repository, beside('away'));
    const target = beside('restored');
    await restoreSnapshot(fixture.workspace, code.snapshot, target);
    expect(await contentOf(target)).toEqual(before);
    expect(Object.keys(before)).toHaveLength(13);
  });

  it('is the same for the same files, wherever and whenever they lie, and another for any change', async () => {
    await write('a.py', 'a\n');
    await write('b.py', 'b\n');
    const first = await captured();
    await utimes(join(fixture.repository, 'a.py'), 1, 1);
    await commitAll();
    expect((await captured()).code.snapshot).toBe(first.code.snapshot);
    for (const change of [() => write('a.py', 'A\n'), () => chmod(join(fixture.repository, 'b.py'), 0o755), () => write('c.py', ''), () => rm(join(fixture.repository, 'a.py'))]) {
      const { snapshot } = (await captured()).code;
      await change();
      expect((await captured()).code.snapshot).not.toBe(snapshot);
    }
  });

  it('tells states apart whose withheld files differ, without their secrets', async () => {
    await write('train.py', `password = "hunt${'er22'}"\nlr = 0.1\n`);
    await write('.env', 'A=1\n');
    const { code } = await captured();
    const { withheld } = await readSnapshot(fixture.workspace, code.snapshot);
    expect(withheld.map(({ path, reason, trace }) => [path, reason, trace === undefined])).toEqual([['.env', 'secret', true], ['train.py', 'secret', false]]);
    await write('train.py', `password = "other${'33'}"\nlr = 0.1\n`);
    await write('.env', 'A=2\n');
    expect((await captured()).code.snapshot).toBe(code.snapshot);
    await write('train.py', `password = "other${'33'}"\nlr = 0.2\n`);
    expect((await captured()).code.snapshot).not.toBe(code.snapshot);
  });

  it('stores a file once and reads only what changed, but notices every change', async () => {
    for (let index = 0; index < 30; index += 1) await write(`m${index}.py`, `x = ${index % 10}\n`);
    const take = () => captureSnapshot({ workspace: fixture.workspace, root: fixture.repository, names: Array.from({ length: 30 }, (_, index) => `m${index}.py`) });
    const first = await take();
    expect(first.read).toBe(30);
    expect(snapshotObjects(first.snapshot)).toHaveLength(10);
    // Files that changed just now may change again within the step of the file system's clock.
    await new Promise((resolve) => setTimeout(resolve, 2600));
    expect((await take()).read).toBe(30);
    expect(await take()).toMatchObject({ read: 0, sha256: first.sha256 });
    // The same size and time of writing: the inode's own time tells.
    const { mtime, atime } = await lstat(join(fixture.repository, 'm3.py'));
    await write('m3.py', 'x = 7\n');
    await utimes(join(fixture.repository, 'm3.py'), atime, mtime);
    const changed = await take();
    expect(changed.read).toBe(1);
    expect(changed.sha256).not.toBe(first.sha256);
    // An object that is gone is put back.
    const lost = first.snapshot.files.find(({ path }) => path === 'm5.py')?.sha256 ?? '';
    await rm(objectPath(fixture.workspace, lost));
    await take();
    expect((await readFile(objectPath(fixture.workspace, lost))).toString()).toBe('x = 5\n');
  });

  it('of a folder without git holds its files, not what tools make', async () => {
    const folder = beside('plain');
    const put = async (name: string): Promise<void> => {
      await mkdir(join(folder, name, '..'), { recursive: true });
      await writeFile(join(folder, name), name);
    };
    for (const name of ['train.py', 'src/model.py', '.venv/pyvenv.cfg', 'env2/pyvenv.cfg', 'env2/lib/x.py', 'src/__pycache__/model.pyc', 'node_modules/a/b.js', 'ws/runs/r/run.json', '.git-lookalike/x']) await put(name);
    const { git: state, code, problems } = await captureCode({ folder, workspace: join(folder, 'ws'), withoutGit: 'capture' });
    expect(state).toBeNull();
    expect(problems).toEqual(["The config's folder is in no git repository; the files of the folder are recorded without their history."]);
    expect((await readSnapshot(join(folder, 'ws'), code?.snapshot ?? '')).files.map(({ path }) => path)).toEqual(['.git-lookalike/x', 'src/model.py', 'train.py']);
    expect(await captureCode({ folder, workspace: join(folder, 'ws') })).toMatchObject({ git: null, code: null });
  });

  it('does not follow a tracked folder that became a link out, nor links out', async () => {
    const outside = beside('outside');
    await mkdir(outside);
    await writeFile(join(outside, 'diary.txt'), 'dear diary');
    await write('notes/diary.txt', 'harmless');
    await write('a.py', 'a');
    await commitAll();
    await rm(join(fixture.repository, 'notes'), { recursive: true });
    await symlink(outside, join(fixture.repository, 'notes'));
    await symlink('../outside', join(fixture.repository, 'up'));
    const { code } = await captured();
    const { files, withheld } = await readSnapshot(fixture.workspace, code.snapshot);
    expect(files.map(({ path }) => path)).toEqual(['a.py']);
    expect(withheld.map(({ path, reason }) => [path, reason])).toEqual([['notes', 'link'], ['notes/diary.txt', 'link'], ['up', 'link']]);
    expect(code.complete).toBe(false);
  });
});

describe('restoring', () => {
  it.each<[string, Partial<Snapshot['files'][number]>[], string]>([
    ['a parent folder', [{ path: '../evil' }], 'does not stay'],
    ['one deep inside', [{ path: 'a/../../evil' }], 'does not stay'],
    ['an absolute path', [{ path: '/tmp/evil' }], 'is absolute'],
    ['an empty part', [{ path: 'a//b' }], 'does not stay'],
    ['a hook', [{ path: '.git/hooks/post-checkout' }], 'repository'],
    ['a hook in disguise', [{ path: 'sub/.G\u200cIT/config' }], 'repository'],
    ['the DOS name of it', [{ path: 'git~1/config' }], 'repository'],
    ['one name twice', [{ path: 'a' }, { path: 'a' }], 'twice'],
    ['a file through a link', [{ path: 'a', mode: 'link' }, { path: 'a/b' }], 'both a file and a folder'],
  ])('refuses %s and writes nothing', async (_, files, problem) => {
    const sha256 = await forge(files);
    const target = beside('hostile');
    await expect(restoreSnapshot(fixture.workspace, sha256, target)).rejects.toMatchObject({ code: 'SNAPSHOT_UNSAFE', message: expect.stringContaining(problem) as string });
    await expect(lstat(target)).rejects.toThrow();
    expect((await readdir(fixture.base)).filter((name) => name.includes('.tmp') || name === 'evil')).toEqual([]);
  });

  it.each(['/etc', '..', 'b/../..', '../../x', 'C:\\x', 'a\\..\\..', ''])('refuses a link to %j', async (leads) => {
    const link = await putObject(fixture.workspace, Buffer.from(leads));
    const sha256 = await forge([{ path: 'deep/a' }, { path: 'a', mode: 'link', sha256: link.sha256, bytes: link.bytes }]);
    await expect(restoreSnapshot(fixture.workspace, sha256, beside('linked'))).rejects.toMatchObject({ code: 'SNAPSHOT_UNSAFE' });
    await expect(lstat(beside('linked'))).rejects.toThrow();
  });

  it('knows what Windows and macOS take for something else', () => {
    const of = (...paths: string[]): Snapshot => ({ format: 1, withheld: [], files: paths.map((path) => ({ path, mode: 'file', sha256: '0'.repeat(64), bytes: 0 })) });
    for (const name of ['aux.py', 'dir/CON', 'COM1.txt', 'a:b', 'a\\b', 'trailing.', 'trailing ', 'what?', 'C:x']) {
      expect(snapshotProblem(of(name), 'win32'), name).not.toBeNull();
      expect(snapshotProblem(of(name), 'linux'), name).toBeNull();
    }
    for (const names of [['Makefile', 'makefile'], ['A/x', 'a/y'], ['caf\u00e9', 'cafe\u0301'], ['readme', 'README/x']]) {
      expect(snapshotProblem(of(...names), 'darwin'), names.join()).not.toBeNull();
      expect(snapshotProblem(of(...names), 'linux'), names.join()).toBeNull();
    }
    expect(snapshotProblem(of('src/a.py', 'src/b.py', '.gitignore', '.github/x.yml'), 'win32')).toBeNull();
  });

  it('notices a damaged or missing object and leaves nothing behind', async () => {
    await write('a.py', 'aaaa');
    await write('b.py', 'bbbb');
    const { code } = await captured();
    const { files } = await readSnapshot(fixture.workspace, code.snapshot);
    const object = objectPath(fixture.workspace, files[0]?.sha256 ?? '');
    await appendFile(object, 'x');
    await expect(restoreSnapshot(fixture.workspace, code.snapshot, beside('damaged'))).rejects.toMatchObject({ code: 'OBJECT_HASH_MISMATCH' });
    await rm(object);
    await expect(restoreSnapshot(fixture.workspace, code.snapshot, beside('damaged'))).rejects.toMatchObject({ code: 'OBJECT_MISSING' });
    await expect(lstat(beside('damaged'))).rejects.toThrow();
    await writeFile(objectPath(fixture.workspace, code.snapshot), '{"format":1,"files":[{}],"withheld":[]}');
    await expect(restoreSnapshot(fixture.workspace, code.snapshot, beside('damaged'))).rejects.toMatchObject({ code: 'OBJECT_HASH_MISMATCH' });
  });

  it('takes an empty folder, and refuses one with files', async () => {
    await write('a.py', 'a');
    const { code } = await captured();
    const target = beside('target');
    await mkdir(target);
    await restoreSnapshot(fixture.workspace, code.snapshot, target);
    expect(await contentOf(target)).toEqual({ 'a.py': 'a -' });
    await expect(restoreSnapshot(fixture.workspace, code.snapshot, target)).rejects.toMatchObject({ code: 'TARGET_NOT_EMPTY' });
    // What a program changes in its working copy changes no object.
    await appendFile(join(target, 'a.py'), 'changed');
    await restoreSnapshot(fixture.workspace, code.snapshot, beside('again'));
    expect(await contentOf(beside('again'))).toEqual({ 'a.py': 'a -' });
  });

  it('can be completed on the machine it was taken on', async () => {
    await write('a.py', 'a');
    await write('.env', 'TOKEN=1');
    await mkdir(beside('data'));
    await writeFile(join(beside('data'), 'x.csv'), 'x');
    await symlink(beside('data'), join(fixture.repository, 'data'));
    const { code } = await captured();
    const target = beside('working copy');
    const snapshot = await restoreSnapshot(fixture.workspace, code.snapshot, target);
    expect(await contentOf(target)).toEqual({ 'a.py': 'a -' });
    expect(await completeFromSource(snapshot, fixture.repository, target)).toEqual(['.env', 'data']);
    expect(await contentOf(target)).toEqual({ 'a.py': 'a -', '.env': 'TOKEN=1 -', data: `→ ${beside('data')}` });
    expect(await readFile(join(target, 'data/x.csv'), 'utf8')).toBe('x');
  });
});
