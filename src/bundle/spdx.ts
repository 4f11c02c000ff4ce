import parseExpression from 'spdx-expression-parse';
import currentIds from 'spdx-license-ids/index.json' with { type: 'json' };
import deprecatedIds from 'spdx-license-ids/deprecated.json' with { type: 'json' };
import { RepriseError } from '../errors/errors';

const OWN_NAME = /^(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+$/u;
const SIMPLE = /^[A-Za-z0-9][A-Za-z0-9.-]*\+?$/u;
const LISTED: ReadonlySet<string> = new Set([...currentIds, ...deprecatedIds]);

/** Levenshtein distance: the fewest characters to insert, delete or replace (Wagner & Fischer 1974). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let line = 1; line <= a.length; line++) {
    const next = [line];
    for (let column = 1; column <= b.length; column++) {
      const replaced = row[column - 1]! + (a[line - 1] === b[column - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** What people vary when they write an identifier: case, spaces and hyphens. */
function bare(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/gu, '');
}

/** The listed identifier most like a name, or null where none is near: a third of the characters may differ. */
function nearestId(name: string): string | null {
  const wanted = bare(name);
  let best: string | null = null;
  let least = Math.floor(wanted.length / 3) + 1;
  for (const id of currentIds) {
    const found = distance(wanted, bare(id));
    if (found < least) [best, least] = [id, found];
  }
  return best;
}

/** Names of an expression that stand where a licence belongs and are on no list. */
function unknownNames(text: string): string[] {
  const words = text.split(/[\s()]+/u).filter((word) => word !== '');
  return words.filter(
    (word, index) => !/^(?:AND|OR|WITH)$/iu.test(word) && !/^WITH$/iu.test(words[index - 1] ?? '') && !OWN_NAME.test(word) && !LISTED.has(word.replace(/\+$/u, '')),
  );
}

function invalid(text: string): RepriseError {
  const unknown = unknownNames(text);
  // Somebody may have written one identifier with spaces.
  const whole = text === '' ? null : nearestId(text);
  const [first] = unknown;
  const near = whole !== null && bare(whole) === bare(text) ? whole : first === undefined ? null : nearestId(first);
  const what = text !== '' && unknown.length === 1 && first === text ? `"${text}" is not on the SPDX list of licences.` : `${JSON.stringify(text)} is not an SPDX licence expression${first === undefined ? '' : `: "${first}" is not on the SPDX list`}.`;
  return new RepriseError('BUNDLE_LICENSE', near === null ? what : `${what} Did you mean ${near}?`, {
    kind: 'input',
    hint: 'Name the licence under which others may use the bundle, for example CC-BY-4.0, CC0-1.0 or MIT; for one that is not listed (https://spdx.org/licenses/), LicenseRef-NAME.',
  });
}

/**
 * Checks an SPDX licence expression (SPDX 2.3, annex D) against the list of identifiers; names of one's own are
 * `LicenseRef-…`. Answers it without the spaces around it.
 * @throws RepriseError BUNDLE_LICENSE, with the identifier that was probably meant
 */
export function checkLicense(license: string): string {
  const text = license.trim();
  try {
    parseExpression(text);
  } catch {
    throw invalid(text);
  }
  return text;
}

/** Page of a single listed licence, or null for an expression or a licence of one's own. */
export function licensePage(license: string): string | null {
  return SIMPLE.test(license) && !license.includes('LicenseRef-') ? `https://spdx.org/licenses/${license.replace(/\+$/u, '')}` : null;
}
