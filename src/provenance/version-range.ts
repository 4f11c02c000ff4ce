/** Version numbers and the ranges a config may ask for. */

interface Version {
  readonly numbers: readonly number[];
  readonly prerelease: string;
}

const VERSION = /^v?(\d+(?:\.\d+)*)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/u;

function parseVersion(text: string): Version | null {
  const match = VERSION.exec(text.trim());
  if (match?.[1] === undefined) return null;
  return { numbers: match[1].split('.').map(Number), prerelease: match[2] ?? '' };
}

/** Order of two versions: numbers one by one (missing ones are 0); a pre-release comes before its release. */
function compare(left: Version, right: Version): number {
  for (let place = 0; place < Math.max(left.numbers.length, right.numbers.length); place += 1) {
    const difference = (left.numbers[place] ?? 0) - (right.numbers[place] ?? 0);
    if (difference !== 0) return difference;
  }
  if (left.prerelease === right.prerelease) return 0;
  if (left.prerelease === '') return 1;
  if (right.prerelease === '') return -1;
  return comparePrerelease(left.prerelease.split('.'), right.prerelease.split('.'));
}

/** Semantic Versioning 2.0.0, item 11.4. */
function comparePrerelease(left: readonly string[], right: readonly string[]): number {
  for (let place = 0; place < Math.max(left.length, right.length); place += 1) {
    const [a, b] = [left[place], right[place]];
    if (a === undefined) return -1;
    if (b === undefined) return 1;
    if (a === b) continue;
    const [numericA, numericB] = [/^\d+$/u.test(a), /^\d+$/u.test(b)];
    if (numericA && numericB) return Number(a) - Number(b);
    if (numericA !== numericB) return numericA ? -1 : 1;
    return a < b ? -1 : 1;
  }
  return 0;
}

type Test = (version: Version) => boolean;

/** The least version above all that agree with `numbers` up to and including `place`. */
const bump = (numbers: readonly number[], place: number): Version => ({ numbers: [...numbers.slice(0, place), (numbers[place] ?? 0) + 1], prerelease: '' });

function within(low: Version, high: Version): Test {
  // A pre-release of `high` is no version below it in the sense of a range: 25.0.0-nightly is no 24.
  return (version) => compare(version, low) >= 0 && compare({ ...version, prerelease: '' }, high) < 0;
}

/** One comparator: `>=20`, `^1.2`, `~1.2.3`, `24.x`, `24`, `1.30.0`, `*`. Null where it is none. */
function parseComparator(text: string): Test | null {
  if (/^[*xX]$/u.test(text)) return () => true;
  const match = /^(>=|<=|>|<|=|\^|~)?(.+)$/u.exec(text);
  const wild = /(?:\.[*xX])+$/u.test(match?.[2] ?? '');
  const version = parseVersion((match?.[2] ?? '').replace(/(?:\.[*xX])+$/u, ''));
  if (version === null) return null;
  const { numbers } = version;
  const last = numbers.length - 1;
  const partial = wild || numbers.length < 3;
  switch (match?.[1]) {
    case '>=':
      return (found) => compare(found, version) >= 0;
    case '<':
      return (found) => compare(found, version) < 0;
    case '>':
      return partial ? (found) => compare(found, bump(numbers, last)) >= 0 : (found) => compare(found, version) > 0;
    case '<=':
      return partial ? (found) => compare({ ...found, prerelease: '' }, bump(numbers, last)) < 0 : (found) => compare(found, version) <= 0;
    case '^': {
      const significant = numbers.findIndex((number) => number !== 0);
      return within(version, bump(numbers, significant === -1 ? last : significant));
    }
    case '~':
      return within(version, bump(numbers, Math.min(1, last)));
    default:
      return partial ? within(version, bump(numbers, last)) : (found) => compare(found, version) === 0;
  }
}

/** A range in parts: alternatives of comparators that all must hold. Null where it cannot be read. */
function parseRange(text: string): Test | null {
  const alternatives: Test[][] = [];
  for (const alternative of text.split('||')) {
    // A space between the operator and its version is how people write it.
    const tests = alternative.trim().replace(/(>=|<=|>|<|=|\^|~)\s+/gu, '$1').split(/\s+/u).map((part) => (part === '' ? null : parseComparator(part)));
    if (tests.some((test) => test === null)) return null;
    alternatives.push(tests.filter((test) => test !== null));
  }
  return (version) => alternatives.some((tests) => tests.every((test) => test(version)));
}

/**
 * Whether a version meets a requirement: the same text, or a range in npm's style (`>=20`, `>=20.18 <25`, `24.x`,
 * `^1.30.0`, `~1.30`, `20 || 24`). Null where the requirement is no version or range.
 */
export function meets(version: string, requirement: string): boolean | null {
  if (version === requirement.trim()) return true;
  const range = parseRange(requirement);
  if (range === null) return null;
  const parsed = parseVersion(version);
  return parsed !== null && range(parsed);
}
