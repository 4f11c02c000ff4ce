/** The code state of the repository that holds a folder. */
import { lstat, readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { GitState } from '../events/provenance';
import { GitUnavailable, gitIn, type GitCommand } from './git-command';
import { parseStatus, type GitStatus } from './git-output';
import { capturePatch } from './patch';
import { withoutCredentials } from './remote-url';
import { listed, withoutPaths } from './sentences';
import { captureUntracked } from './untracked';

/** The empty tree in either object format: what a repository without a commit is compared with. */
const EMPTY_TREE: Readonly<Record<string, string>> = {
  sha1: '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
  sha256: '6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321',
};

const STATUS = ['status', '--porcelain=v2', '-z', '--branch', '--no-ahead-behind', '--no-renames', '--untracked-files=all', '--ignore-submodules=dirty'];

/** Submodules that are looked into. */
const SUBMODULE_LIMIT = 50;

export interface CodeState {
  readonly git: GitState | null;
  readonly problems: readonly string[];
}

type Settings = readonly (readonly [key: string, value: string])[];

async function settingsOf(git: GitCommand): Promise<Settings> {
  const text = await git.text(['config', '--list', '--null']);
  return text.split('\0').filter((entry) => entry !== '').map((entry) => {
    const end = entry.indexOf('\n');
    return end === -1 ? ([entry, ''] as const) : ([entry.slice(0, end), entry.slice(end + 1)] as const);
  });
}

/** git without the programs that the settings name for converting files (`filter.NAME.clean`, `.process`). @throws GitUnavailable */
function withoutFilters(git: GitCommand, settings: Settings): { readonly git: GitCommand; readonly filtered: boolean } {
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

/** Address of the branch's remote, else of `origin`, else of the first one. */
function remoteOf(settings: Settings, branch: string | null): string | null {
  // Like git, which takes the last value of a setting, but the first address of a remote.
  const own = branch === null ? undefined : settings.findLast(([key]) => key === `branch.${branch}.remote`)?.[1];
  const urls = settings.filter(([key]) => /^remote\..+\.url$/su.test(key));
  const url = urls.find(([key]) => key === `remote.${own ?? ''}.url`) ?? urls.find(([key]) => key === 'remote.origin.url') ?? urls[0];
  return url === undefined ? null : withoutCredentials(url[1]);
}

function isInside(folder: string, root: string): boolean {
  const relative = path.relative(root, folder);
  return relative === '' || (relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative));
}

/**
 * The repository's top folder, only where a `.git` lies there that leads to it: `core.worktree` could name any folder
 * of this machine, whose files would then be captured.
 * @throws GitUnavailable
 */
async function topOf(git: GitCommand, folder: string): Promise<{ readonly root: string; readonly emptyTree: string }> {
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

/** Submodules that have changes of their own; only their commit is part of the record. */
async function dirtySubmodules(git: GitCommand, root: string): Promise<string[]> {
  const listedThere = await readFile(path.join(root, '.gitmodules'), 'utf8').then(() => true, () => false);
  if (!listedThere) return [];
  const text = await git.text(['config', '--file', path.join(root, '.gitmodules'), '--null', '--get-regexp', '^submodule\\..*\\.path$']).catch(() => '');
  const names = text.split('\0').flatMap((entry) => (entry.includes('\n') ? [entry.slice(entry.indexOf('\n') + 1)] : []));
  const dirty: string[] = [];
  for (const name of names.slice(0, SUBMODULE_LIMIT)) {
    const folder = path.join(root, ...name.split('/'));
    const present = isInside(folder, root) && folder !== root && (await lstat(path.join(folder, '.git')).then(() => true, () => false));
    if (!present) continue;
    try {
      const inner = gitIn(folder);
      const status = parseStatus(await withoutFilters(inner, await settingsOf(inner)).git.text(STATUS));
      if (status.changed.length > 0 || status.untracked.length > 0) dirty.push(name);
    } catch {
      dirty.push(`${name} (unreadable)`);
    }
  }
  return dirty;
}

/** Changed files whose content git would store through a filter that was not run. */
async function noteFilters(git: GitCommand, status: GitStatus, problems: string[]): Promise<void> {
  const names = status.changed.filter(({ submodule }) => !submodule).map(({ path: name }) => name);
  if (names.length === 0) return;
  const fields = (await git.text(['check-attr', '-z', '--stdin', 'filter'], `${names.join('\0')}\0`)).split('\0');
  const filtered: string[] = [];
  for (let at = 0; at + 2 < fields.length; at += 3) {
    const value = fields[at + 2];
    if (value !== 'unspecified' && value !== 'unset' && value !== 'set') filtered.push(`${fields[at] ?? ''} (filter ${value ?? ''})`);
  }
  if (filtered.length > 0) problems.push(`Filters of the repository were not run; these files are compared as they lie on disk: ${listed(filtered)}.`);
}

/**
 * Commit, branch, remote, uncommitted changes and untracked files of the repository that holds `folder`. Runs no hook,
 * filter, difference or monitor program of that repository, asks for nothing and writes nothing to it. Never rejects:
 * where there is no answer, `git` is null and a problem says why.
 * @param exclude absolute folders whose untracked files are not part of the code, such as a workspace
 */
export async function captureGit(folder: string, exclude: readonly string[] = []): Promise<CodeState> {
  const problems: string[] = [];
  try {
    const first = gitIn(folder);
    const [top, settings] = await Promise.all([topOf(first, folder), settingsOf(first)]);
    const { git, filtered } = withoutFilters(gitIn(top.root), settings);
    const status = parseStatus(await git.text(STATUS));
    const outside = await Promise.all(exclude.map((entry) => realpath(entry).catch(() => path.resolve(entry))));
    const names = status.untracked.filter((name) => !outside.some((entry) => isInside(path.join(top.root, ...name.split('/')), entry)));
    const [patch, untracked, submodules] = await Promise.all([
      status.changed.length === 0 ? null : capturePatch(git, top.root, status.commit ?? top.emptyTree, status.changed, problems),
      captureUntracked(top.root, names, problems),
      dirtySubmodules(git, top.root),
      filtered ? noteFilters(git, status, problems) : null,
    ]);
    const unmerged = status.changed.filter((file) => file.unmerged).map((file) => file.path);
    if (unmerged.length > 0) problems.push(`A merge is unfinished; recorded is what lies on disk of: ${listed(unmerged)}.`);
    if (submodules.length > 0) problems.push(`Submodules have changes that are not recorded; commit them there: ${listed(submodules)}.`);
    if (status.commit === null) problems.push('The repository has no commit yet; its files are recorded as a patch against an empty one.');
    const dirty = status.changed.length > 0 || names.length > 0 || submodules.length > 0;
    return { git: { commit: status.commit, branch: status.branch, remote: remoteOf(settings, status.branch), dirty, patch, untracked }, problems: problems.sort() };
  } catch (error) {
    const sentence = error instanceof GitUnavailable ? error.message : `The code state could not be recorded: ${withoutPaths(error instanceof Error ? error.message : String(error))}`;
    return { git: null, problems: [sentence] };
  }
}
