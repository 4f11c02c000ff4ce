/** A fresh git repository for each test. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { CodeSnapshot, GitState } from '../../src/events/provenance';
import { captureCode } from '../../src/provenance/git-state';
import { patchText } from '../../src/provenance/inline';

const execute = promisify(execFile);
const settings = ['-c', 'user.name=T', '-c', 'user.email=t@example.org', '-c', 'init.defaultBranch=main', '-c', 'protocol.file.allow=always'];

/** git without the settings of whoever runs the tests. */
export async function git(folder: string, ...args: string[]): Promise<string> {
  return (await execute('git', [...settings, ...args], { cwd: folder, env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' } })).stdout;
}

/** Gives a file an old time. */
export async function age(file: string): Promise<void> {
  await execute('touch', ['-d', '2020-01-01', file]);
}

export interface Fixture {
  /** Folder of the test file; everything else lies in it. */
  base: string;
  repository: string;
  /** A name of its own in `base` for each test. */
  beside(name: string): string;
  /** Writes a file of the repository. */
  write(name: string, content: string | Uint8Array): Promise<void>;
  /** Commits everything; the commit's hash. */
  commitAll(): Promise<string>;
  /** A repository with one committed file, to be a submodule. */
  makeInner(): Promise<string>;
  /** The workspace that code states go into. */
  readonly workspace: string;
  /** The patch of a state as text; empty where there is none. */
  patchOf(state: GitState): Promise<string>;
  /** The code state, which must be there. */
  captured(folder?: string): Promise<{ git: GitState; code: CodeSnapshot; problems: readonly string[] }>;
}

/** Makes a new repository before each test and removes all of them at the end. */
export function useRepository(): Fixture {
  let number = 0;
  const fixture: Fixture = {
    base: '',
    repository: '',
    get workspace() {
      return fixture.beside('workspace of captures');
    },
    beside: (name) => join(fixture.base, `${name} ${number}`),
    async write(name, content) {
      const file = join(fixture.repository, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, content);
    },
    async commitAll() {
      await git(fixture.repository, 'add', '-A');
      await git(fixture.repository, 'commit', '-q', '--no-verify', '-m', 'c');
      return (await git(fixture.repository, 'rev-parse', 'HEAD')).trim();
    },
    async makeInner() {
      const inner = fixture.beside('inner');
      await mkdir(inner);
      await git(inner, 'init', '-q');
      await writeFile(join(inner, 'x.txt'), 'x');
      await git(inner, 'add', '-A');
      await git(inner, 'commit', '-q', '-m', 'c');
      return inner;
    },
    async patchOf(state) {
      return (await patchText(fixture.workspace, { git: state })) ?? '';
    },
    async captured(folder = fixture.repository) {
      const { git: state, code, problems } = await captureCode({ folder, workspace: fixture.workspace });
      if (state === null || code === null) throw new Error(problems.join('\n'));
      return { git: state, code, problems };
    },
  };
  beforeAll(async () => {
    fixture.base = await realpath(await mkdtemp(join(tmpdir(), 'reprise-provenance-')));
  });
  afterAll(async () => {
    await rm(fixture.base, { recursive: true, force: true });
  });
  beforeEach(async () => {
    number += 1;
    fixture.repository = fixture.beside('repository');
    await mkdir(fixture.repository);
    await git(fixture.repository, 'init', '-q');
  });
  return fixture;
}
