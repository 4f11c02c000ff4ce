/** Reads what git prints: `status --porcelain=v2 -z --branch`, and patches. */

/** A tracked file that differs from the commit. */
export interface ChangedFile {
  readonly path: string;
  readonly submodule: boolean;
  readonly unmerged: boolean;
}

export interface GitStatus {
  /** Null before the first commit. */
  readonly commit: string | null;
  /** Null when HEAD is detached. */
  readonly branch: string | null;
  readonly changed: readonly ChangedFile[];
  /** Not ignored, sorted; a folder that is a repository of its own ends in `/`. */
  readonly untracked: readonly string[];
}

const byCodeUnits = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0);

/** Format: git-status(1), "Porcelain Format Version 2", with -z and without renames. */
export function parseStatus(text: string): GitStatus {
  let commit: string | null = null;
  let branch: string | null = null;
  const changed: ChangedFile[] = [];
  const untracked: string[] = [];
  for (const entry of text.split('\0')) {
    const fields = entry.split(' ');
    switch (entry[0]) {
      case '#':
        if (fields[1] === 'branch.oid' && fields[2] !== '(initial)') commit = fields[2] ?? null;
        if (fields[1] === 'branch.head' && fields[2] !== '(detached)') branch = fields[2] ?? null;
        break;
      case '1':
        changed.push({ path: fields.slice(8).join(' '), submodule: fields[2]?.startsWith('S') ?? false, unmerged: false });
        break;
      case 'u':
        changed.push({ path: fields.slice(10).join(' '), submodule: fields[2]?.startsWith('S') ?? false, unmerged: true });
        break;
      case '?':
        untracked.push(entry.slice(2));
        break;
      default:
        break;
    }
  }
  return { commit, branch, changed, untracked: untracked.sort(byCodeUnits) };
}

/** The part of a patch about one file. */
export interface PatchSection {
  readonly path: string;
  /** The bytes as git wrote them, read as Latin-1: one character a byte. */
  readonly bytes: string;
}

const START = 'diff --git ';

/**
 * A patch (Latin-1) in its parts, one a file. Parts that say nothing (a file whose time changed, not its content)
 * and notes about unmerged files are left out.
 */
export function splitPatch(patch: string): PatchSection[] {
  const sections: PatchSection[] = [];
  // Every line inside a hunk starts with a space, +, -, \ or a letter followed by base85 without spaces.
  // The split takes the newline that ends each part; a binary part ends in an empty line that git needs.
  for (const part of `\n${patch.replace(/\n$/u, '')}`.split(`\n${START}`).slice(1)) {
    const lines = `${part.replace(/\n\* Unmerged path [^\n]*/gu, '')}\n`;
    const headerEnd = lines.indexOf('\n');
    if (headerEnd === lines.length - 1) continue;
    sections.push({ path: pathOfHeader(lines.slice(0, headerEnd)), bytes: `${START}${lines}` });
  }
  return sections;
}

/** The path in `a/PATH b/PATH`, either quoted in C's style; without renames both are the same. */
function pathOfHeader(header: string): string {
  const half = header.slice(0, (header.length - 1) / 2);
  if (!half.startsWith('"')) return half.slice(2);
  const bytes = half.slice(1, -1).replace(/\\([0-7]{3}|.)/gu, (_, code: string) => {
    if (code.length === 3) return String.fromCharCode(Number.parseInt(code, 8));
    const controls: Readonly<Record<string, string>> = { a: '\x07', b: '\b', t: '\t', n: '\n', v: '\v', f: '\f', r: '\r' };
    return controls[code] ?? code;
  });
  return Buffer.from(bytes, 'latin1').toString('utf8').slice(2);
}
