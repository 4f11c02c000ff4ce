/** The difference between the working tree and the commit, as a text that `git apply` restores it from. */
import { lstat, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { GitCommand } from './git-command';
import { splitPatch, type ChangedFile, type PatchSection } from './git-output';
import { listed } from './sentences';
import { isSecretName, secretIn } from './secrets';

/** Bytes of the whole patch, and of one changed file that may be part of it. */
const PATCH_LIMIT = 20 * 1024 * 1024;
/** Pathspecs on one command line. */
const EXCLUDE_LIMIT = 200;

/** Plumbing: what a user or a repository sets for `git diff` (prefixes, colours, order, context) does not reach it. */
const DIFF = ['diff-index', '--patch', '--binary', '--full-index', '--no-color', '--no-renames', '--no-ext-diff', '--no-textconv', '--ignore-submodules=dirty', '--submodule=short', '--src-prefix=a/', '--dst-prefix=b/'];

const literal = (name: string, magic: string): string => `:(top,literal${magic})${name}`;

function isUtf8(latin1: string): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(latin1, 'latin1'));
    return true;
  } catch {
    return false;
  }
}

/**
 * The patch from `base` (a commit or tree) to the working tree, what is staged included; null where nothing of it can
 * be given. Files that are too large and hunks that show a
 * secret are left out and named in `problems`.
 * @param root the repository's top folder
 * @throws GitUnavailable
 */
export async function capturePatch(git: GitCommand, root: string, base: string, changed: readonly ChangedFile[], problems: string[]): Promise<string | null> {
  const sizes = await Promise.all(changed.map(({ path: name }) => lstat(path.join(root, ...name.split('/'))).then((info) => info.size, () => 0)));
  const large = changed.filter((_, index) => (sizes[index] ?? 0) > PATCH_LIMIT).map(({ path: name }) => name);
  if (large.length > 0) problems.push(`Left out of the patch because they are larger than ${String(PATCH_LIMIT / 2 ** 20)} MiB: ${listed(large)}.`);
  const excludes = large.length === 0 ? [] : ['--', ...large.slice(0, EXCLUDE_LIMIT).map((name) => literal(name, ',exclude'))];
  const bytes = large.length > EXCLUDE_LIMIT ? null : await git.bytes([...DIFF, base, ...excludes], PATCH_LIMIT);
  if (bytes === null) {
    problems.push(`The uncommitted changes make a patch larger than ${String(PATCH_LIMIT / 2 ** 20)} MiB, so they are not recorded; commit them to have them in the record.`);
    return null;
  }
  const parts: string[] = [];
  const withheld: string[] = [];
  const unclear: string[] = [];
  for (const section of splitPatch(bytes.toString('latin1'))) {
    const clean = await withoutSecrets(git, root, base, section);
    withheld.push(...clean.withheld);
    if (clean.bytes === null) continue;
    // A manifest is text: a file in another encoding becomes a binary part, which is ASCII and gives the same bytes.
    const part = isUtf8(clean.bytes) ? clean.bytes : await asBinary(git, base, section.path);
    if (part === null) unclear.push(section.path);
    else parts.push(part);
  }
  if (withheld.length > 0) problems.push(`The patch is incomplete: withheld because they may hold secrets: ${listed(withheld)}.`);
  if (unclear.length > 0) problems.push(`Left out of the patch because they are not UTF-8 and changed meanwhile or are set to be text: ${listed(unclear)}.`);
  return parts.length === 0 ? null : Buffer.from(parts.join(''), 'latin1').toString('utf8');
}

interface CleanSection {
  /** Null where nothing of it may be shown. */
  readonly bytes: string | null;
  /** What was left out, with what it shows. */
  readonly withheld: readonly string[];
}

/** A part without the hunks that show a secret; all of it goes where its file's name or a private key in it says so. */
async function withoutSecrets(git: GitCommand, root: string, base: string, section: PatchSection): Promise<CleanSection> {
  const whole = (what: string): CleanSection => ({ bytes: null, withheld: [`${section.path} (${what})`] });
  if (isSecretName(section.path)) return whole('its name says that it holds secrets');
  const now = await readFile(path.join(root, ...section.path.split('/')), 'latin1').catch(() => '');
  if (section.bytes.includes('\nGIT binary patch\n')) {
    // The content of a binary part, old and new, is compressed: the files themselves tell.
    const before = await git.bytes(['cat-file', 'blob', `${base}:${section.path}`], PATCH_LIMIT).catch(() => null);
    const secret = secretIn(now) ?? secretIn(before?.toString('latin1') ?? '');
    return secret === null ? { bytes: section.bytes, withheld: [] } : whole(`shows ${secret}`);
  }
  // The middle lines of a key alone show nothing.
  if (secretIn(now) === 'a private key') return whole('shows a private key');
  const [header = '', ...hunks] = section.bytes.split(/^(?=@@ -)/mu);
  const withheld: string[] = [];
  const kept = hunks.filter((hunk) => {
    const secret = secretIn(hunk.replace(/^[ +-]/gmu, ''));
    if (secret !== null) withheld.push(`${section.path} ${/^@@ [^@]*@@/u.exec(hunk)?.[0] ?? ''} (shows ${secret})`);
    return secret === null;
  });
  if (withheld.length === 0) return { bytes: section.bytes, withheld };
  return { bytes: kept.length === 0 ? null : header + kept.join(''), withheld };
}

/** The part of one file, made binary by an attribute; null where the repository's own attributes say otherwise. */
async function asBinary(git: GitCommand, base: string, name: string): Promise<string | null> {
  const folder = await mkdtemp(path.join(tmpdir(), 'reprise-attributes-'));
  let bytes: Buffer | null;
  try {
    const attributes = path.join(folder, 'attributes');
    await writeFile(attributes, '* -diff\n');
    bytes = await git.with([`core.attributesFile=${attributes}`]).bytes([...DIFF, base, '--', literal(name, '')], PATCH_LIMIT);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const [section, ...more] = splitPatch(bytes?.toString('latin1') ?? '');
  return section !== undefined && more.length === 0 && section.bytes.includes('\nGIT binary patch\n') && isUtf8(section.bytes) ? section.bytes : null;
}
