/** Repositories that would run programs or leak secrets while their state is captured. */
import { existsSync } from 'node:fs';
import { appendFile, chmod, cp, mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sha256Bytes } from '../../src/files/hash';
import { captureCode } from '../../src/provenance/git-state';
import { age, git, useRepository } from '../helpers/repository';

const fixture = useRepository();
const { beside, captured, commitAll, makeInner, patchOf, write } = fixture;

describe('secrets', () => {
  it('are withheld from the patch and the untracked files, and named', async () => {
    const key = `-----BEGIN RSA ${'PRIVATE KEY'}-----\nMIIsecretsecret\n-----END RSA ${'PRIVATE KEY'}-----\n`;
    const token = `ghp${'_'}${'q1'.repeat(18)}`;
    await write('config.py', 'a = 1\n');
    await write('other.py', 'a = 1\n');
    await write('.env', 'A=1\n');
    await write('forced.dat', 'x\n');
    await write('.gitattributes', '*.dat binary\n');
    await commitAll();
    await write('config.py', `a = 1\nt = "${token}"\n`);
    await write('other.py', 'a = 2\n');
    await write('.env', 'A=hunter22\n');
    await write('forced.dat', key);
    await write('.env.local', 'PASSWORD=hunter22\n');
    await write('keys/id_rsa', 'hunter22');
    await write('notes.txt', key);
    await write('credentials.json', '{"a": "hunter22"}');
    await write('fine.txt', 'fine');
    const { git: state, problems } = await captured();
    expect(problems).toEqual([
      'The capture of the code is incomplete: withheld because they may hold secrets: .env (its name says that it holds secrets), .env.local (its name says that it holds secrets), config.py (shows a GitHub token), credentials.json (its name says that it holds secrets), forced.dat (shows a private key), keys/id_rsa (its name says that it holds secrets), notes.txt (shows a private key).',
      'The patch is incomplete: withheld because they may hold secrets: .env (its name says that it holds secrets), config.py @@ -1 +1,2 @@ (shows a GitHub token), forced.dat (shows a private key).',
    ]);
    expect(state.dirty).toBe(true);
    expect(state.untracked.map(({ path }) => path)).toEqual(['fine.txt']);
    const patch = await patchOf(state);
    const text = JSON.stringify({ state, problems, patch });
    for (const secret of ['hunter22', token, 'MIIsecret', sha256Bytes('hunter22')]) expect(text).not.toContain(secret);
    // What is left is a patch that applies.
    expect(patch).toContain('+a = 2');
    await git(fixture.repository, 'stash', '-q');
    await writeFile(beside('partial'), patch);
    await git(fixture.repository, 'apply', '--check', beside('partial'));
  });
});

describe('a hostile repository', () => {
  /** A program that leaves a mark when it is run. */
  async function trap(): Promise<{ program: string; mark: string }> {
    const mark = beside('mark').replaceAll(' ', '-');
    const program = beside('trap').replaceAll(' ', '-');
    await writeFile(program, `#!/bin/sh\ntouch '${mark}'\n`);
    await chmod(program, 0o755);
    return { program, mark };
  }

  async function plant(folder: string, program: string): Promise<void> {
    const values: Record<string, string> = {
      'core.fsmonitor': program,
      'core.pager': program,
      'core.sshCommand': program,
      'core.askPass': program,
      'core.editor': program,
      'diff.external': program,
      'diff.evil.command': program,
      'diff.evil.textconv': program,
      'filter.evil.clean': program,
      'filter.evil.smudge': program,
      'filter.evil.required': 'true',
      'filter.Evil-Two.process': program,
      'filter.Evil-Two.required': 'true',
      'credential.helper': program,
      'alias.status': `!${program}`,
      'alias.diff-index': `!${program}`,
      'core.hooksPath': beside('hooks'),
    };
    for (const [key, value] of Object.entries(values)) await git(folder, 'config', key, value);
  }

  it.each([
    ['a difference driver', ['diff.external'], 'diff'],
    ['a named difference driver', ['diff.evil.command'], 'diff'],
    ['a text converter', ['diff.evil.textconv'], 'diff'],
    ['a monitor of files', ['core.fsmonitor'], 'status'],
    ['a clean filter', ['filter.evil.clean'], 'status'],
    ['a filter process', ['filter.evil.process'], 'status'],
  ])('with %s alone', async (_, keys, command) => {
    const { program, mark } = await trap();
    await write('a.txt', 'a\n');
    await write('.gitattributes', '*.txt diff=evil filter=evil\n');
    await commitAll();
    for (const key of keys) await git(fixture.repository, 'config', key, program);
    await write('a.txt', 'c\n');
    // The trap works: without our care git runs it.
    await git(fixture.repository, command).catch(() => '');
    expect(existsSync(mark)).toBe(true);
    await rm(mark);
    expect(await patchOf((await captured()).git)).toContain('+c');
    expect(existsSync(mark)).toBe(false);
  });

  it('with all of them and hooks gets nothing run, and is not written to', async () => {
    const { program, mark } = await trap();
    await mkdir(beside('hooks'));
    for (const hook of ['post-index-change', 'post-checkout', 'pre-commit', 'fsmonitor-watchman', 'reference-transaction', 'pre-auto-gc']) {
      await cp(program, join(beside('hooks'), hook));
      await cp(program, join(fixture.repository, '.git/hooks', hook));
    }
    await write('a.txt', 'a\n');
    await write('b.two', 'a\n');
    await write('c.three', 'a\n');
    await write('same.txt', 'a\n');
    await commitAll();
    // The hooks work, too.
    expect(existsSync(mark)).toBe(true);
    await write('.gitattributes', '*.txt diff=evil filter=evil\n*.three filter=Evil-Two\n');
    await write('.git/info/attributes', '*.two diff=evil filter=evil\n');
    await plant(fixture.repository, program);
    await rm(mark);
    for (const name of ['a.txt', 'b.two', 'c.three']) await write(name, 'b\n');
    await age(join(fixture.repository, 'same.txt'));
    const index = await stat(join(fixture.repository, '.git/index'));
    const { git: state, problems } = await captured();
    expect(existsSync(mark)).toBe(false);
    expect((await stat(join(fixture.repository, '.git/index'))).mtimeMs).toBe(index.mtimeMs);
    const patch = await patchOf(state);
    expect(patch.match(/^\+b$/gmu)).toHaveLength(3);
    expect(patch).not.toContain('same.txt');
    expect(problems).toEqual(['Filters of the repository were not run; these files are compared as they lie on disk: a.txt (filter evil), b.two (filter evil), c.three (filter Evil-Two).']);
  });

  it('gets no program of a submodule run', async () => {
    const { program, mark } = await trap();
    await git(fixture.repository, 'submodule', '--quiet', 'add', await makeInner(), 'inner');
    await commitAll();
    await plant(join(fixture.repository, 'inner'), program);
    await mkdir(join(fixture.repository, '.git/modules/inner/info'), { recursive: true });
    await writeFile(join(fixture.repository, '.git/modules/inner/info/attributes'), '*.txt diff=evil filter=evil\n');
    await writeFile(join(fixture.repository, 'inner/x.txt'), 'y');
    await git(fixture.repository, 'status').catch(() => '');
    expect(existsSync(mark)).toBe(true);
    await rm(mark);
    expect((await captured()).git.submodules).toMatchObject([{ path: 'inner', dirty: true }]);
    expect(existsSync(mark)).toBe(false);
  });

  it('is not fetched for where it lacks objects', async () => {
    const { program, mark } = await trap();
    await write('a.txt', 'a\n');
    await commitAll();
    const blob = (await git(fixture.repository, 'rev-parse', 'HEAD:a.txt')).trim();
    await rm(join(fixture.repository, '.git/objects', blob.slice(0, 2), blob.slice(2)));
    const values = { 'core.repositoryFormatVersion': '1', 'extensions.partialClone': 'origin', 'remote.origin.promisor': 'true', 'remote.origin.url': `ext::${program}`, 'protocol.ext.allow': 'always' };
    for (const [key, value] of Object.entries(values)) await git(fixture.repository, 'config', key, value);
    await write('a.txt', 'b\n');
    await git(fixture.repository, 'diff', 'HEAD').catch(() => '');
    expect(existsSync(mark)).toBe(true);
    await rm(mark);
    const state = await captureCode({ folder: fixture.repository, workspace: fixture.workspace });
    expect(existsSync(mark)).toBe(false);
    expect(state.git).toBeNull();
    expect(state.problems).toHaveLength(1);
  });

  it('does not get files of another folder captured', async () => {
    await mkdir(beside('private'));
    await writeFile(join(beside('private'), 'diary.txt'), 'dear diary');
    await git(fixture.repository, 'config', 'core.worktree', beside('private'));
    const state = await captureCode({ folder: fixture.repository, workspace: fixture.workspace });
    expect(state.git).toBeNull();
    expect(JSON.stringify(state)).not.toContain('diary.txt');
    await git(fixture.repository, 'config', 'core.worktree', fixture.base);
    expect((await captureCode({ folder: fixture.repository, workspace: fixture.workspace })).git).toBeNull();
  });

  it('is refused where its filter cannot be turned off', async () => {
    await write('a.txt', 'a\n');
    await commitAll();
    await appendFile(join(fixture.repository, '.git/config'), '[filter "a=b"]\n\tclean = false\n');
    const state = await captureCode({ folder: fixture.repository, workspace: fixture.workspace });
    expect(state.git).toBeNull();
    expect(state.problems.join()).toContain('cannot be turned off');
  });
});
