/** The code state of the repository that holds a folder. */
import path from 'node:path';
import { realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import type { CodeSnapshot, GitState } from '../events/provenance';
import { putObject } from '../files/objects';
import { filesOfFolder, filesOfRepository, STATUS, untrackedOutside, type CodeFiles } from './code-files';
import { GitUnavailable, type GitCommand } from './git-command';
import { openRepository, type Repository, type Settings } from './git-repository';
import { parseStatus, type GitStatus } from './git-output';
import { capturePatch } from './patch';
import { withoutCredentials } from './remote-url';
import { listed, withoutPaths } from './sentences';
import { captureSnapshot, type CapturedSnapshot, type SnapshotLimits } from './snapshot';
import { digestWithheld, withheldKey } from './withheld';

/** Withheld files that the run's own record names; the snapshot names all. */
const NAMED_LIMIT = 200;

export interface CodeOptions {
  /** The config's folder. */
  readonly folder: string;
  /** Where objects and cache are. */
  readonly workspace: string;
  /** The workspace whose runs this code is compared with, where that is another; nothing is written to it. */
  readonly home?: string;
  /** Absolute folders besides the workspace whose untracked files are no code. */
  readonly exclude?: readonly string[];
  /** Whether the files of a folder without git are captured: where a program of it is run. Skipped when left out. */
  readonly withoutGit?: 'capture' | 'skip';
  readonly limits?: SnapshotLimits;
}

export interface CodeState {
  readonly git: GitState | null;
  /** Null where nothing could be captured. */
  readonly code: CodeSnapshot | null;
  readonly problems: readonly string[];
}

const notCode = ({ workspace, exclude = [] }: CodeOptions): readonly string[] => [workspace, ...exclude];

/** Addresses of all remotes, without credentials; git takes the first address of each. */
function remotesOf(settings: Settings): NonNullable<GitState['remotes']> {
  const remotes = new Map<string, string>();
  for (const [key, value] of settings) {
    const name = /^remote\.(.+)\.url$/su.exec(key)?.[1];
    const url = name === undefined ? null : withoutCredentials(value);
    if (name !== undefined && url !== null && !remotes.has(name)) remotes.set(name, url);
  }
  return [...remotes].map(([name, url]) => ({ name, url }));
}

/** Address of the branch's remote, else of `origin`, else of the first one. */
function remoteOf(settings: Settings, branch: string | null): string | null {
  // Like git, which takes the last value of a setting.
  const own = branch === null ? undefined : settings.findLast(([key]) => key === `branch.${branch}.remote`)?.[1];
  const remotes = remotesOf(settings);
  return (remotes.find(({ name }) => name === own) ?? remotes.find(({ name }) => name === 'origin') ?? remotes[0])?.url ?? null;
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

/** What names the commit besides its hash: its tags, and its place after the last one. */
async function namesOfCommit(git: GitCommand): Promise<{ readonly tags: string[]; readonly describe: string | null }> {
  const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');
  const [tags, describe] = await Promise.all([git.text(['tag', '--points-at', 'HEAD']), git.text(['describe', '--tags', '--always', '--abbrev=12', 'HEAD'])]);
  return { tags: lines(tags).sort(), describe: lines(describe)[0] ?? null };
}

/** What a snapshot lacks, in sentences. */
function noteWithheld({ snapshot }: CapturedSnapshot, unread: readonly string[], problems: string[]): void {
  const named = (reason: string): string[] => snapshot.withheld.filter((file) => file.reason === reason).map(({ path: name, note }) => `${name} (${note})`);
  const note = (list: readonly string[], sentence: (names: string) => string): void => {
    if (list.length > 0) problems.push(sentence(listed(list)));
  };
  note(named('secret'), (list) => `The capture of the code is incomplete: withheld because they may hold secrets: ${list}.`);
  note(named('size'), (list) => `The capture of the code is incomplete: not stored because of their size: ${list}.`);
  note(named('link'), (list) => `The capture of the code is incomplete: links that do not stay in the folder are not stored: ${list}.`);
  note(named('odd'), (list) => `The capture of the code is incomplete: not stored: ${list}.`);
  note(unread, (list) => `The capture of the code is incomplete: not looked into: ${list}.`);
}

async function snapshotOf(options: CodeOptions, root: string, files: CodeFiles, problems: string[]): Promise<CapturedSnapshot & { readonly code: CodeSnapshot }> {
  const captured = await captureSnapshot({ workspace: options.workspace, root, names: files.names, ...(options.limits === undefined ? {} : { limits: options.limits }) });
  noteWithheld(captured, files.unread, problems);
  const { snapshot, sha256 } = captured;
  const secrets = snapshot.withheld.filter(({ reason }) => reason === 'secret').map(({ path: name }) => name);
  return {
    ...captured,
    code: {
      snapshot: sha256,
      folder: path.relative(root, await realpath(options.folder)).split(path.sep).join('/'),
      files: snapshot.files.length,
      bytes: snapshot.files.reduce((sum, file) => sum + file.bytes, 0),
      withheld: snapshot.withheld.slice(0, NAMED_LIMIT).map(({ path: name, note, reason }) => ({ path: name, note, reason })),
      complete: snapshot.withheld.length === 0 && files.unread.length === 0,
      ...(secrets.length === 0 ? {} : { withheldDigest: await digestWithheld(root, secrets, await withheldKey(options.home ?? options.workspace, options.home === undefined)) }),
    },
  };
}

async function captureRepository(options: CodeOptions, repository: Repository): Promise<CodeState> {
  const problems: string[] = [];
  const { git, root, settings } = repository;
  const status = parseStatus(await git.text(STATUS));
  const untracked = await untrackedOutside(root, status, notCode(options));
  const [files, names, patch] = await Promise.all([
    filesOfRepository(repository, untracked),
    status.commit === null ? { tags: [], describe: null } : namesOfCommit(git),
    status.changed.length === 0 ? null : capturePatch(git, root, status.commit ?? repository.emptyTree, status.changed, problems),
    repository.filtered ? noteFilters(git, status, problems) : null,
  ]);
  const { snapshot, code } = await snapshotOf(options, root, files, problems);
  const stored = patch === null ? null : await putObject(options.workspace, Buffer.from(patch, 'utf8'));
  const unmerged = status.changed.filter((file) => file.unmerged).map((file) => file.path);
  if (unmerged.length > 0) problems.push(`A merge is unfinished; recorded is what lies on disk of: ${listed(unmerged)}.`);
  if (status.commit === null) problems.push('The repository has no commit yet; its files are recorded as a patch against an empty one.');
  const isUntracked = new Set(untracked);
  return {
    git: {
      commit: status.commit,
      branch: status.branch,
      remote: remoteOf(settings, status.branch),
      remotes: remotesOf(settings),
      tags: names.tags,
      describe: names.describe,
      dirty: status.changed.length > 0 || untracked.length > 0 || files.submodules.some(({ dirty }) => dirty),
      patch: null,
      patchObject: stored === null ? null : { sha256: stored.sha256, bytes: stored.bytes },
      untracked: snapshot.files.filter(({ path: name }) => isUntracked.has(name)).map(({ path: name, bytes, sha256 }) => ({ path: name, bytes, sha256, content: null, stored: true })),
      submodules: files.submodules,
    },
    code,
    problems: problems.sort(),
  };
}

/** A folder that git does not know: its own files. @param why what hindered git */
async function captureFolder(options: CodeOptions, why: string): Promise<CodeState> {
  const root = await realpath(options.folder);
  if (root === path.parse(root).root || root === (await realpath(homedir()).catch(() => ''))) {
    return { git: null, code: null, problems: [why, "The config lies in a folder that holds much besides its code, so the folder's files are not recorded; move it to one of its own."] };
  }
  const problems = [`${why.replace(/, so the code state is not recorded\.$/u, '')}${why.endsWith('.') && why.includes(', so the code state') ? '; the files of the folder are recorded without their history.' : ''}`];
  const files = await filesOfFolder(root, notCode(options));
  const { code } = await snapshotOf(options, root, files, problems);
  return { git: null, code, problems: problems.sort() };
}

/**
 * Commit, branch, remotes, tags, uncommitted changes and all files of the code of the repository that holds a folder;
 * files go into the object store. Runs no hook, filter, difference or monitor program of that repository, asks for
 * nothing and writes nothing to it. Never rejects: where there is no answer, it is null and a problem says why.
 */
export async function captureCode(options: CodeOptions): Promise<CodeState> {
  try {
    return await captureRepository(options, await openRepository(options.folder));
  } catch (error) {
    const sentence = error instanceof GitUnavailable ? error.message : failure(error);
    if (options.withoutGit !== 'capture' || !(error instanceof GitUnavailable)) return { git: null, code: null, problems: [sentence] };
    return captureFolder(options, sentence).catch((cause: unknown) => ({ git: null, code: null, problems: [sentence, failure(cause)] }));
  }
}

function failure(error: unknown): string {
  return `The code state could not be recorded: ${withoutPaths(error instanceof Error ? error.message : String(error))}`;
}
