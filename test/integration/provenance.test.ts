/** Provenance of real git repositories: captured whole, restored byte for byte, and nothing hostile executed. */
import { existsSync } from 'node:fs';
import { chmod, lstat, mkdir, readFile, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { doctorResult } from '../../src/api/rows';
import { doctor } from '../../src/engine/doctor';
import type { GitState } from '../../src/events/provenance';
import { sha256Bytes } from '../../src/files/hash';
import { captureProvenance } from '../../src/provenance/capture';
import { captureCode } from '../../src/provenance/git-state';
import { readObject, readSnapshot } from '../../src/provenance/snapshot';
import { age, git, useRepository } from '../helpers/repository';

const packageRoot = join(import.meta.dirname, '../..');
const fixture = useRepository();
const { beside, captured, commitAll, makeInner, patchOf, write } = fixture;

/** Path → content hash and mode of every file that git does not ignore. */
async function tree(folder: string): Promise<Record<string, string>> {
  const names = (await git(folder, 'ls-files', '-z', '--cached', '--others', '--exclude-standard')).split('\0').filter((name) => name !== '');
  const entries: [string, string][] = [];
  for (const name of new Set(names)) {
    const file = join(folder, name);
    const info = await lstat(file).catch(() => null);
    if (info === null || !info.isFile()) continue;
    entries.push([name, `${sha256Bytes(await readFile(file))} ${(info.mode & 0o100) !== 0 ? 'x' : '-'}`]);
  }
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** What REPRODUCE.md tells people to do: clone, check out, apply the patch, put the untracked files back. */
async function restore(state: GitState): Promise<string> {
  const folder = beside('restored');
  if (state.commit === null) {
    await mkdir(folder);
    await git(folder, 'init', '-q');
  } else {
    await git(fixture.base, 'clone', '-q', '--no-checkout', fixture.repository, folder);
    await git(folder, 'checkout', '-q', '--detach', state.commit);
  }
  expect(state.patch).toBeNull();
  if (state.patchObject != null) {
    await writeFile(beside('patch'), await patchOf(state));
    await git(folder, 'apply', '--whitespace=nowarn', beside('patch'));
  }
  for (const file of state.untracked) {
    expect(file).toMatchObject({ content: null, stored: true });
    const bytes = await readObject(fixture.workspace, file.sha256);
    expect(bytes.length).toBe(file.bytes);
    await mkdir(dirname(join(folder, file.path)), { recursive: true });
    await writeFile(join(folder, file.path), bytes);
  }
  return folder;
}

const random = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (Math.imul(index + 7, 2_654_435_761) >>> 13) & 0xff);

describe('the code state', () => {
  it('of a clean repository is its commit, branch and remote', async () => {
    await write('a.txt', 'a\n');
    const commit = await commitAll();
    await git(fixture.repository, 'remote', 'add', 'origin', 'https://me:hunter22@git.example.org/a.git');
    // A new time on the same content is no change.
    await age(join(fixture.repository, 'a.txt'));
    await git(fixture.repository, 'remote', 'add', 'mirror', 'git@git.example.org:b.git');
    await git(fixture.repository, 'tag', 'v1');
    await git(fixture.repository, 'tag', '-a', '-m', 'paper', 'paper');
    const { git: state, problems } = await captured();
    expect(problems).toEqual([]);
    expect(state).toEqual({
      commit,
      branch: 'main',
      remote: 'https://git.example.org/a.git',
      remotes: [{ name: 'origin', url: 'https://git.example.org/a.git' }, { name: 'mirror', url: 'git@git.example.org:b.git' }],
      tags: ['paper', 'v1'],
      describe: 'paper',
      dirty: false,
      patch: null,
      patchObject: null,
      untracked: [],
      submodules: [],
    });
  });

  it('names the remote of the branch before origin', async () => {
    await write('a.txt', 'a\n');
    await commitAll();
    await git(fixture.repository, 'remote', 'add', 'origin', 'git@git.example.org:a.git');
    await git(fixture.repository, 'remote', 'add', 'fork.x', 'git@git.example.org:fork.git');
    await git(fixture.repository, 'config', 'branch.main.remote', 'fork.x');
    expect((await captured()).git.remote).toBe('git@git.example.org:fork.git');
  });

  it('restores staged, unstaged, deleted, binary, Latin-1, mode, CRLF and untracked changes to the same tree', async () => {
    await write('keep.txt', 'keep\n');
    await write('edit.txt', 'one\ntwo\nthree\n');
    await write('gone.txt', 'gone\n');
    await write('data.bin', random(5000));
    await write('latin.txt', Buffer.from('caf\xe9\n', 'latin1'));
    await write('run.sh', '#!/bin/sh\n');
    await write('crlf.txt', 'a\r\nb\r\n');
    await write('dir/ümlaut und leer.txt', 'ä\n');
    await write('unstaged-only', 'x');
    await write('.gitignore', 'ignored/\n*.log\n');
    const commit = await commitAll();
    await write('edit.txt', 'one\n2\nthree');
    await rm(join(fixture.repository, 'gone.txt'));
    await write('data.bin', random(5001).reverse());
    await write('latin.txt', Buffer.from('caf\xe9 cr\xe8me\n', 'latin1'));
    await chmod(join(fixture.repository, 'run.sh'), 0o755);
    await write('crlf.txt', 'a\r\nc\r\n');
    await write('dir/ümlaut und leer.txt', 'ö\n');
    await write('staged.txt', 'first\n');
    await write('empty', '');
    await git(fixture.repository, 'add', '-A');
    // What lies on disk counts, not what was staged before.
    await write('staged.txt', 'second\n');
    await git(fixture.repository, 'rm', '-q', '--cached', 'unstaged-only');
    await write('new file.py', 'print("ü")\n');
    await write('bom.csv', '\ufeffa,b\n');
    await write('sub/new.bin', random(300));
    await write('sub/latin.txt', Buffer.from('\xe9', 'latin1'));
    await write('ignored/x', 'x');
    await write('a.log', 'x');
    const { git: state, problems } = await captured();
    expect(problems).toEqual([]);
    expect(state).toMatchObject({ commit, branch: 'main', remote: null, dirty: true });
    expect(state.untracked.map(({ path }) => path)).toEqual(['bom.csv', 'new file.py', 'sub/latin.txt', 'sub/new.bin', 'unstaged-only']);
    // As it is kept in run.json.
    const kept = JSON.parse(JSON.stringify(state)) as GitState;
    const before = await tree(fixture.repository);
    expect(Object.keys(before)).toHaveLength(15);
    expect(await tree(await restore(kept))).toEqual(before);
  });

  it('does not depend on settings for people', async () => {
    await write('a/b.txt', 'one\n');
    await write('z.txt', 'z\n');
    await commitAll();
    await write('a/b.txt', 'two\n');
    await write('z.txt', 'zz\n');
    const plain = await captured();
    for (const [key, value] of [['diff.noprefix', 'true'], ['diff.mnemonicPrefix', 'true'], ['color.ui', 'always'], ['diff.context', '0'], ['status.showUntrackedFiles', 'no'], ['diff.renames', 'copies'], ['core.quotePath', 'false'], ['status.branch', 'true']]) {
      await git(fixture.repository, 'config', key ?? '', value ?? '');
    }
    await write('new', 'n');
    const set = await captured(join(fixture.repository, 'a'));
    expect(set.git.patchObject).toEqual(plain.git.patchObject);
    expect(set.git.untracked).toHaveLength(1);
    expect(set.code.folder).toBe('a');
    expect(await patchOf(plain.git)).toContain('diff --git a/a/b.txt b/a/b.txt');
  });

  it('ignores variables that lead git elsewhere', async () => {
    await write('a.txt', 'a\n');
    const commit = await commitAll();
    process.env['GIT_DIR'] = join(fixture.base, 'nowhere');
    process.env['GIT_INDEX_FILE'] = join(fixture.base, 'nowhere');
    process.env['EDITOR'] = 'false';
    try {
      expect((await captured()).git.commit).toBe(commit);
    } finally {
      delete process.env['GIT_DIR'];
      delete process.env['GIT_INDEX_FILE'];
      delete process.env['EDITOR'];
    }
  });

  it('of a detached head has no branch', async () => {
    await write('a.txt', 'a\n');
    await commitAll();
    await git(fixture.repository, 'checkout', '-q', '--detach');
    expect((await captured()).git).toMatchObject({ branch: null, dirty: false });
  });

  it.each(['sha1', 'sha256'])('before the first commit (%s) is a patch against nothing', async (format) => {
    await rm(join(fixture.repository, '.git'), { recursive: true });
    await git(fixture.repository, 'init', '-q', `--object-format=${format}`);
    await write('staged.txt', 'a\n');
    await git(fixture.repository, 'add', '-A');
    await write('new.txt', 'b\n');
    const { git: state, problems } = await captured();
    expect(state).toMatchObject({ commit: null, branch: 'main', dirty: true });
    expect(problems.join()).toContain('no commit yet');
    expect(await tree(await restore(state))).toEqual(await tree(fixture.repository));
    await rm(beside('restored'), { recursive: true });
  });

  it('holds the files of submodules, with what is changed in them', async () => {
    const inner = await makeInner();
    await git(fixture.repository, 'submodule', '--quiet', 'add', inner, 'lib/inner');
    await commitAll();
    const commit = (await git(inner, 'rev-parse', 'HEAD')).trim();
    expect(await captured()).toMatchObject({ git: { dirty: false, patchObject: null, submodules: [{ path: 'lib/inner', commit, dirty: false }] }, problems: [] });
    await writeFile(join(fixture.repository, 'lib/inner/x.txt'), 'y');
    const dirty = await captured();
    expect(dirty.git).toMatchObject({ dirty: true, patchObject: null, submodules: [{ path: 'lib/inner', commit, dirty: true }] });
    // Its files are part of the code.
    const { files } = await readSnapshot(fixture.workspace, dirty.code.snapshot);
    expect(files.find(({ path }) => path === 'lib/inner/x.txt')).toMatchObject({ sha256: sha256Bytes('y') });
    expect(dirty).toMatchObject({ code: { complete: true }, problems: [] });
    await git(join(fixture.repository, 'lib/inner'), 'commit', '-qam', 'd');
    expect(await patchOf((await captured()).git)).toContain('Subproject commit');
  });

  it('names an unfinished merge', async () => {
    await write('a.txt', 'a\n');
    await commitAll();
    await git(fixture.repository, 'checkout', '-q', '-b', 'other');
    await write('a.txt', 'b\n');
    await commitAll();
    await git(fixture.repository, 'checkout', '-q', 'main');
    await write('a.txt', 'c\n');
    await commitAll();
    await git(fixture.repository, 'merge', '-q', 'other').catch(() => '');
    const { git: state, problems } = await captured();
    expect(problems).toEqual(['A merge is unfinished; recorded is what lies on disk of: a.txt.']);
    expect(await patchOf(state)).toContain('+<<<<<<<');
    expect(await tree(await restore(state))).toEqual(await tree(fixture.repository));
  });

  it('leaves out folders that are no code, and limits size', async () => {
    await write('a.txt', 'a\n');
    await write('huge.txt', 'a');
    await commitAll();
    await write('workspace/runs/1/run.json', '{}');
    expect((await captureCode({ folder: fixture.repository, workspace: join(fixture.repository, 'workspace') })).git).toMatchObject({ dirty: false, untracked: [] });
    expect((await captureCode({ folder: fixture.repository, workspace: fixture.workspace, exclude: [join(fixture.repository, 'workspace')] })).git).toMatchObject({ dirty: false, untracked: [] });
    await rm(join(fixture.repository, 'workspace'), { recursive: true });
    await write('large.bin', Buffer.alloc(1000, 7));
    for (let part = 0; part < 5; part += 1) await write(`part-${part}`, Buffer.alloc(400, 65 + part));
    await write('huge.txt', Buffer.alloc(21 * 1024 * 1024, 66));
    await write('a.txt', 'b\n');
    const { git: state, code, problems } = await captureCode({ folder: fixture.repository, workspace: fixture.workspace, limits: { fileBytes: 900, totalBytes: 1300, files: 7, hashBytes: 1100 } });
    expect(problems).toEqual([
      'Left out of the patch because they are larger than 20 MiB: huge.txt.',
      'The capture of the code is incomplete: not stored because of their size: huge.txt (is larger than 900 bytes), large.bin (is larger than 900 bytes), part-3 (is past the first 1300 bytes), part-4 (is past the first 7 files).',
    ]);
    const { withheld } = await readSnapshot(fixture.workspace, code?.snapshot ?? '');
    // Two states that differ in what is left out are told apart as far as it is cheap.
    expect(withheld.map(({ path, trace }) => [path, trace])).toEqual([['huge.txt', undefined], ['large.bin', sha256Bytes(Buffer.alloc(1000, 7))], ['part-3', undefined], ['part-4', undefined]]);
    expect(code).toMatchObject({ files: 4, complete: false });
    expect(state?.untracked.map(({ path }) => path)).toEqual(['part-0', 'part-1', 'part-2']);
    const patch = await patchOf(state as GitState);
    expect(patch).toContain('a/a.txt');
    expect(patch).not.toContain('huge.txt');
  });

  it('cuts nothing out of a patch past the limit but leaves it out', async () => {
    for (const name of ['a', 'b']) await write(name, '');
    await commitAll();
    const lines = Array.from({ length: 200_000 }, (_, index) => `${String(index).padStart(9, '0')}: ${'x'.repeat(60)}\n`).join('');
    for (const name of ['a', 'b']) await write(name, lines);
    const { git: state, problems } = await captured();
    expect(state).toMatchObject({ dirty: true, patchObject: null });
    expect(problems.join()).toContain('patch larger than 20 MiB');
  });

  it('says that there is none outside a repository, in a bare one, and without the folder', async () => {
    const outside = beside('outside');
    await mkdir(outside);
    const capture = (folder: string) => captureCode({ folder, workspace: fixture.workspace });
    expect(await capture(outside)).toEqual({ git: null, code: null, problems: ["The config's folder is in no git repository, so the code state is not recorded."] });
    expect((await capture(join(outside, 'missing'))).problems).toEqual(["The config's folder does not exist, so no code state is recorded."]);
    await git(outside, 'init', '-q', '--bare', 'bare');
    expect((await capture(join(outside, 'bare'))).git).toBeNull();
    const path = process.env['PATH'];
    process.env['PATH'] = outside;
    try {
      expect(await capture(fixture.repository)).toEqual({ git: null, code: null, problems: ['git is not installed, so the code state is not recorded.'] });
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('holds repositories inside and modes, and names links that lead out', async () => {
    await write('a.txt', 'a\n');
    await commitAll();
    await symlink('/etc/hostname', join(fixture.repository, 'link'));
    await mkdir(join(fixture.repository, 'nested'));
    await git(join(fixture.repository, 'nested'), 'init', '-q');
    await writeFile(join(fixture.repository, 'nested/x'), 'x');
    await write('tool.sh', '#!/bin/sh\n');
    await chmod(join(fixture.repository, 'tool.sh'), 0o755);
    const { git: state, code, problems } = await captured();
    expect(state.untracked.map(({ path }) => path)).toEqual(['tool.sh']);
    expect(state.submodules).toEqual([{ path: 'nested', commit: null, dirty: true }]);
    const { files } = await readSnapshot(fixture.workspace, code.snapshot);
    expect(files.map(({ path, mode }) => [path, mode])).toEqual([['a.txt', 'file'], ['nested/x', 'file'], ['tool.sh', 'executable']]);
    expect(problems).toEqual(['The capture of the code is incomplete: links that do not stay in the folder are not stored: link (leads to an absolute path).']);
  });

  it('survives files that come and go meanwhile', async () => {
    await write('a.txt', 'a\n');
    await commitAll();
    const state = { busy: true };
    const churn = (async () => {
      for (let turn = 0; state.busy; turn += 1) {
        await write(`temporary-${turn % 50}`, 'x'.repeat(turn % 1000));
        await rm(join(fixture.repository, `temporary-${(turn + 25) % 50}`), { force: true });
        await write('a.txt', `${turn}\n`);
      }
    })();
    try {
      for (let turn = 0; turn < 8; turn += 1) expect((await captured()).git.dirty).toBe(true);
    } finally {
      state.busy = false;
      await churn;
    }
  });
});

describe('provenance', () => {
  it('is complete and checked against the environment spec', async () => {
    await write('a.txt', 'a\n');
    await commitAll();
    await write('a.txt', 'b\n');
    await write('new', 'n');
    const options = { code: { folder: fixture.repository, workspace: fixture.workspace }, environment: { node: '>=20', memoryGb: 1_000_000 }, packageRoot, repriseVersion: '9.9.9' };
    const provenance = await captureProvenance(options);
    expect(provenance).toMatchObject({
      versions: { reprise: '9.9.9', node: process.versions.node, electron: null, v8: process.versions.v8 },
      os: { platform: process.platform, arch: process.arch },
      lockfileHash: sha256Bytes(await readFile(join(packageRoot, 'package-lock.json'))),
      git: { branch: 'main', dirty: true },
      problems: [],
    });
    expect(provenance.environmentCheck.map(({ item, ok }) => [item, ok])).toEqual([['node', true], ['memoryGb', false]]);
    expect(provenance.cpu.cores).toBeGreaterThan(0);
    expect(provenance.memoryBytes).toBeGreaterThan(1e8);
    expect(provenance.os.name).not.toBe('');
    expect(JSON.parse(JSON.stringify(provenance))).toEqual(provenance);
  });
});

describe('doctor', () => {
  it('finds what is needed here and leaves nothing behind', async () => {
    const workspace = beside('workspace');
    const unmade = await doctor({ workspace, packageRoot, repriseVersion: '1.2.3' });
    expect(doctorResult.parse(unmade)).toEqual(unmade);
    expect(existsSync(workspace)).toBe(false);
    await mkdir(workspace);
    const view = await doctor({ workspace, packageRoot, repriseVersion: '1.2.3' });
    expect(view.ok, JSON.stringify(view)).toBe(true);
    expect(view.checks.map(({ name }) => name)).toEqual(['Reprise', 'Node.js', 'ONNX Runtime', 'SQLite', 'git', 'Processor', 'Memory', 'Workspace', 'Disk', 'Display', 'Electron', 'Docker', 'Slurm', 'GPU', 'Execution providers']);
    for (const check of view.checks) expect(check.hint === null).toBe(check.status === 'ok');
    expect(await readdir(workspace)).toEqual([]);
  });

  it('says no when the workspace cannot be one, and warns without git', async () => {
    const file = beside('file');
    await writeFile(file, '');
    const path = process.env['PATH'];
    process.env['PATH'] = fixture.base;
    try {
      const view = await doctor({ workspace: join(file, 'inside'), packageRoot, repriseVersion: '1.2.3' });
      expect(view.ok).toBe(false);
      expect(view.checks.filter(({ status }) => status === 'missing').map(({ name }) => name)).toEqual(['Workspace']);
      expect(view.checks.find(({ name }) => name === 'git')?.status).toBe('warning');
    } finally {
      process.env['PATH'] = path;
    }
  });
});
