/** Which files are a folder's code: what git tracks and does not ignore, submodules included; without git all but what tools make. */
import { lstat, readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { GitState } from '../events/provenance';
import { GitUnavailable } from './git-command';
import { openRepository, type Repository } from './git-repository';
import { parseStatus, type GitStatus } from './git-output';
import { isInside } from './inside';

/** Repositories inside a repository that are looked into, at any depth. */
const SUBMODULE_LIMIT = 100;
/** Files of a folder without git that are looked at before the rest is given up. */
const WALK_LIMIT = 50_000;

export const STATUS = ['status', '--porcelain=v2', '-z', '--branch', '--no-ahead-behind', '--no-renames', '--untracked-files=all', '--ignore-submodules=dirty'];

/** Folders that tools make and that are no code; where git is used it knows itself. */
const MADE_FOLDERS = new Set([
  '.git', '.hg', '.svn', '.venv', 'venv', 'node_modules', '__pycache__', '.ipynb_checkpoints', '.mypy_cache', '.pytest_cache', '.ruff_cache', '.tox', '.nox', '.eggs', '.cache', '.idea', '.vscode', '.dvc', '.reprise', 'mlruns', 'wandb', 'site-packages',
]);
const MADE_FILES = /^(?:\.DS_Store|Thumbs\.db|.*\.(?:pyc|pyo|swp|tmp))$/u;

type Submodule = NonNullable<GitState['submodules']>[number];

export interface CodeFiles {
  /** Relative to the top, with `/`. */
  readonly names: readonly string[];
  readonly submodules: readonly Submodule[];
  /** Repositories inside that could not be read, and folders that were given up. */
  readonly unread: readonly string[];
}

async function trackedBy({ git }: Repository): Promise<{ readonly files: string[]; readonly modules: string[] }> {
  const files: string[] = [];
  const modules: string[] = [];
  for (const entry of (await git.text(['ls-files', '--stage', '-z'])).split('\0')) {
    const name = entry.slice(entry.indexOf('\t') + 1);
    if (name !== '') (entry.startsWith('160000 ') ? modules : files).push(name);
  }
  return { files, modules };
}

/**
 * All files of a repository's code and of the repositories inside it, submodules and others alike.
 * @param kept untracked names that count
 * @throws GitUnavailable
 */
export async function filesOfRepository(repository: Repository, kept: readonly string[]): Promise<CodeFiles> {
  const names: string[] = [];
  const submodules: Submodule[] = [];
  const unread: string[] = [];
  const visit = async (at: Repository, prefix: string, untracked: readonly string[]): Promise<void> => {
    const { files, modules } = await trackedBy(at);
    for (const name of [...files, ...untracked.filter((name) => !name.endsWith('/'))]) names.push(prefix + name);
    const inner = [...modules, ...untracked.filter((name) => name.endsWith('/')).map((name) => name.slice(0, -1))];
    for (const name of inner) {
      const folder = path.join(at.root, ...name.split('/'));
      // One that is not checked out has no files.
      const present = await lstat(path.join(folder, '.git')).then(() => true, () => false);
      if (!present) continue;
      if (submodules.length >= SUBMODULE_LIMIT) {
        unread.push(prefix + name);
        continue;
      }
      try {
        const opened = await openRepository(folder);
        // A `.git` that is none makes git find the repository around it.
        if (opened.root !== path.join(at.root, ...name.split('/')) || !isInside(opened.root, repository.root)) throw new GitUnavailable('The repository has its files elsewhere.');
        const status = parseStatus(await opened.git.text(STATUS));
        submodules.push({ path: prefix + name, commit: status.commit, dirty: status.changed.length > 0 || status.untracked.length > 0 });
        await visit(opened, `${prefix}${name}/`, status.untracked);
      } catch (error) {
        if (!(error instanceof GitUnavailable)) throw error;
        unread.push(prefix + name);
      }
    }
  };
  await visit(repository, '', kept);
  return { names, submodules, unread };
}

/** The untracked names of a status that lie in none of the folders. */
export async function untrackedOutside(root: string, status: GitStatus, exclude: readonly string[]): Promise<string[]> {
  const outside = await Promise.all(exclude.map((entry) => realpath(entry).catch(() => path.resolve(entry))));
  return status.untracked.filter((name) => !outside.some((entry) => isInside(path.join(root, ...name.split('/')), entry)));
}

/** All files below a folder but what tools make; does not follow links. */
export async function filesOfFolder(root: string, exclude: readonly string[]): Promise<CodeFiles> {
  const outside = await Promise.all(exclude.map((entry) => realpath(entry).catch(() => path.resolve(entry))));
  const names: string[] = [];
  const unread: string[] = [];
  const waiting = [''];
  for (const prefix of waiting) {
    const folder = path.join(root, prefix);
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => null);
    if (entries === null) {
      unread.push(prefix);
      continue;
    }
    for (const entry of entries.sort((left, right) => (left.name < right.name ? -1 : 1))) {
      if (entry.isDirectory()) {
        const environment = await lstat(path.join(folder, entry.name, 'pyvenv.cfg')).then(() => true, () => false);
        if (environment || MADE_FOLDERS.has(entry.name) || outside.includes(path.join(folder, entry.name))) continue;
        if (names.length >= WALK_LIMIT) unread.push(`${prefix}${entry.name}`);
        else waiting.push(`${prefix}${entry.name}/`);
      } else if (!MADE_FILES.test(entry.name)) names.push(prefix + entry.name);
    }
  }
  return { names, submodules: [], unread };
}
