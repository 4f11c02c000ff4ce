/** A repository that nobody vouches for, opened so that none of its programs run. */
import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import { GitUnavailable, gitIn, type GitCommand } from './git-command';
import { isInside } from './inside';

/** The empty tree in either object format: what a repository without a commit is compared with. */
const EMPTY_TREE: Readonly<Record<string, string>> = {
  sha1: '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
  sha256: '6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321',
};

export type Settings = readonly (readonly [key: string, value: string])[];

export interface Repository {
  /** The top folder, absolute and without links. */
  readonly root: string;
  /** git in it, without the programs that its settings name. */
  readonly git: GitCommand;
  readonly settings: Settings;
  /** Whether filters are set, which were turned off. */
  readonly filtered: boolean;
  readonly emptyTree: string;
}

async function settingsOf(git: GitCommand): Promise<Settings> {
  const text = await git.text(['config', '--list', '--null']);
  return text.split('\0').filter((entry) => entry !== '').map((entry) => {
    const end = entry.indexOf('\n');
    return end === -1 ? ([entry, ''] as const) : ([entry.slice(0, end), entry.slice(end + 1)] as const);
  });
}

/** git without the programs that the settings name for converting files (`filter.NAME.clean`, `.process`). @throws GitUnavailable */
function withoutFilters(git: GitCommand, settings: Settings): Pick<Repository, 'git' | 'filtered'> {
  const names = new Set<string>();
  for (const [key] of settings) {
    const name = /^filter\.(.+)\.[^.]+$/su.exec(key)?.[1];
    if (name !== undefined) names.add(name);
  }
  // `-c filter.a=b.clean=` would set another key, so such a filter could not be turned off.
  const strange = [...names].find((name) => /[=\0\n]/u.test(name));
  if (strange !== undefined) throw new GitUnavailable(`The git settings of the config's repository name a filter “${strange}” that cannot be turned off safely, so the code state is not recorded.`);
  const off = [...names].flatMap((name) => [`filter.${name}.clean=`, `filter.${name}.smudge=`, `filter.${name}.process=`, `filter.${name}.required=false`]);
  return { git: off.length === 0 ? git : git.with(off), filtered: off.length > 0 };
}

/**
 * The repository's top folder, only where a `.git` lies there that leads to it: `core.worktree` could name any folder
 * of this machine, whose files would then be captured.
 * @throws GitUnavailable
 */
async function topOf(git: GitCommand, folder: string): Promise<Pick<Repository, 'root' | 'emptyTree'>> {
  const lines = (await git.text(['rev-parse', '--show-toplevel', '--show-object-format'])).split('\n');
  const root = lines[0] ?? '';
  const emptyTree = EMPTY_TREE[lines[1] ?? ''];
  if (root === '' || emptyTree === undefined) throw new GitUnavailable("git does not tell where the repository of the config's folder begins, so the code state is not recorded.");
  const real = await realpath(root);
  const marked = await lstat(path.join(real, '.git')).then(() => true, () => false);
  if (!marked || !isInside(await realpath(folder), real)) {
    throw new GitUnavailable("The repository of the config's folder has its files in another folder, so the code state is not recorded.");
  }
  return { root: real, emptyTree };
}

/** The repository that holds a folder. @throws GitUnavailable */
export async function openRepository(folder: string): Promise<Repository> {
  const first = gitIn(folder);
  const [top, settings] = await Promise.all([topOf(first, folder), settingsOf(first)]);
  return { ...top, settings, ...withoutFilters(gitIn(top.root), settings) };
}
