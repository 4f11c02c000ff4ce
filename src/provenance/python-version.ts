/** Versions of Python packages and the specifiers that they meet, as PEP 440 has both. */

interface PythonVersion {
  readonly epoch: number;
  readonly release: readonly number[];
  readonly pre: readonly [order: number, number: number] | null;
  readonly post: number | null;
  readonly dev: number | null;
  readonly local: readonly (string | number)[];
}

const VERSION =
  /^v?(?:(?<epoch>\d+)!)?(?<release>\d+(?:\.\d+)*)(?:[-_.]?(?<pre>alpha|beta|preview|pre|a|b|c|rc)[-_.]?(?<preNumber>\d*))?(?:-(?<postDash>\d+)|[-_.]?(?<post>post|rev|r)[-_.]?(?<postNumber>\d*))?(?:[-_.]?(?<dev>dev)[-_.]?(?<devNumber>\d*))?(?:\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$/u;
const PRE_ORDER: Readonly<Record<string, number>> = { a: 0, alpha: 0, b: 1, beta: 1, c: 2, rc: 2, pre: 2, preview: 2 };

function parse(text: string): PythonVersion | null {
  const groups = VERSION.exec(text.trim().toLowerCase())?.groups;
  if (groups?.['release'] === undefined) return null;
  const { epoch, release, pre, preNumber, postDash, post, postNumber, dev, devNumber, local } = groups;
  return {
    epoch: Number(epoch ?? 0),
    release: release.split('.').map(Number),
    pre: pre === undefined ? null : [PRE_ORDER[pre] ?? 2, Number(preNumber || 0)],
    post: postDash !== undefined ? Number(postDash) : post === undefined ? null : Number(postNumber || 0),
    dev: dev === undefined ? null : Number(devNumber || 0),
    local: local === undefined ? [] : local.split(/[-_.]/u).map((part) => (/^\d+$/u.test(part) ? Number(part) : part)),
  };
}

function compareReleases(left: readonly number[], right: readonly number[]): number {
  for (let place = 0; place < Math.max(left.length, right.length); place += 1) {
    const difference = (left[place] ?? 0) - (right[place] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Where a version stands among those of one release: development, pre-releases, the release, post-releases. */
function phase({ pre, post, dev }: PythonVersion): readonly number[] {
  const [order, number] = pre ?? [post === null && dev !== null ? -1 : 3, 0];
  return [order, number, post ?? -1, dev ?? Infinity];
}

/** Order of PEP 440, without local labels. */
function comparePublic(left: PythonVersion, right: PythonVersion): number {
  const difference = left.epoch - right.epoch || compareReleases(left.release, right.release);
  if (difference !== 0) return difference;
  const [a, b] = [phase(left), phase(right)];
  for (const [place, value] of a.entries()) {
    const other = b[place] ?? 0;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

/** Local labels part by part: numbers before longer ones, words before numbers. */
function compareLocal(left: PythonVersion['local'], right: PythonVersion['local']): number {
  for (let place = 0; place < Math.max(left.length, right.length); place += 1) {
    const [a, b] = [left[place], right[place]];
    if (a === undefined) return -1;
    if (b === undefined) return 1;
    if (a === b) continue;
    if (typeof a !== typeof b) return typeof a === 'string' ? -1 : 1;
    return a < b ? -1 : 1;
  }
  return 0;
}

const startsWith = (version: PythonVersion, prefix: PythonVersion): boolean =>
  version.epoch === prefix.epoch && prefix.release.every((number, place) => (version.release[place] ?? 0) === number);

/** One clause; null where it cannot be read. */
function meetsClause(version: PythonVersion, text: string, clause: string): boolean | null {
  const match = /^(===|~=|==|!=|<=|>=|<|>)?\s*(.+)$/u.exec(clause);
  const operator = match?.[1];
  const operand = match?.[2]?.trim() ?? '';
  if (operator === '===') return text.trim().toLowerCase() === operand.toLowerCase();
  const wild = operand.endsWith('.*');
  const wanted = parse(wild ? operand.slice(0, -2) : operand);
  if (wanted === null) return null;
  const plain = wanted.pre === null && wanted.post === null && wanted.dev === null && wanted.local.length === 0;
  if (wild && (!plain || (operator !== undefined && operator !== '==' && operator !== '!='))) return null;
  if (wanted.local.length > 0 && operator !== undefined && operator !== '==' && operator !== '!=') return null;
  // A label is ignored unless it is asked for: 2.0.0+cu118 is a 2.0.0.
  const equal = comparePublic(version, wanted) === 0 && (wanted.local.length === 0 || compareLocal(version.local, wanted.local) === 0);
  const order = comparePublic(version, wanted);
  switch (operator) {
    case undefined:
      return wild || (plain && wanted.release.length < 3) ? startsWith(version, wanted) : equal;
    case '==':
      return wild ? startsWith(version, wanted) : equal;
    case '!=':
      return wild ? !startsWith(version, wanted) : !equal;
    case '>=':
      return order >= 0;
    case '<=':
      return order <= 0;
    case '<':
      // A pre-release of what is excluded is excluded with it, unless one is named.
      return order < 0 && !(wanted.pre === null && wanted.dev === null && (version.pre !== null || version.dev !== null) && version.epoch === wanted.epoch && compareReleases(version.release, wanted.release) === 0);
    case '>':
      // Neither a post-release nor a label of what is excluded is above it.
      return order > 0 && !(wanted.post === null && version.post !== null && version.epoch === wanted.epoch && compareReleases(version.release, wanted.release) === 0);
    case '~=':
      return wanted.release.length < 2 ? null : order >= 0 && startsWith(version, { ...wanted, release: wanted.release.slice(0, -1) });
    default:
      return null;
  }
}

/**
 * Whether a version meets a requirement: clauses with commas between them, as in `>=2.1,<3` (PEP 440: `==`, `!=`, `<`,
 * `<=`, `>`, `>=`, `~=`, `===`, and `==2.1.*`). A version alone stands for itself, and one of one or two numbers for all
 * that begin with them: `3.11` is any 3.11.x. `*`, `latest` and `any` are met by whatever is there. Pre-releases meet a
 * range like others do. Null where the requirement cannot be read.
 */
export function meetsPython(version: string, requirement: string): boolean | null {
  if (/^\s*(?:\*|latest|any)\s*$/iu.test(requirement)) return true;
  if (version === requirement.trim()) return true;
  const parsed = parse(version);
  const results = requirement.split(',').map((clause) => meetsClause(parsed ?? { epoch: 0, release: [0], pre: null, post: null, dev: null, local: [] }, version, clause.trim()));
  if (results.includes(null)) return null;
  return parsed !== null && results.every((result) => result === true);
}
