import { RepriseError } from '../errors/errors';

const ID = String.raw`(?:[A-Za-z0-9][A-Za-z0-9.-]*\+?|(?:DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+)`;
const SIMPLE = new RegExp(`^${ID}$`, 'u');
const EXPRESSION = new RegExp(String.raw`^\(*${ID}(?: WITH ${ID})?\)*(?: (?:AND|OR) \(*${ID}(?: WITH ${ID})?\)*)*$`, 'u');

/**
 * Checks the form of an SPDX licence expression (SPDX 2.3, annex D); the list of identifiers grows, so it is not consulted.
 * @throws RepriseError BUNDLE_LICENSE
 */
export function checkLicense(license: string): string {
  const text = license.trim();
  const balanced = [...text].filter((sign) => sign === '(').length === [...text].filter((sign) => sign === ')').length;
  if (!EXPRESSION.test(text) || !balanced) {
    throw new RepriseError('BUNDLE_LICENSE', `"${license}" is not an SPDX licence expression.`, {
      kind: 'input',
      hint: 'Name the licence under which others may use the bundle, for example CC-BY-4.0, CC0-1.0 or MIT.',
    });
  }
  return text;
}

/** Page of a single listed licence, or null for an expression or a licence of one's own. */
export function licensePage(license: string): string | null {
  return SIMPLE.test(license) && !license.includes('LicenseRef-') ? `https://spdx.org/licenses/${license.replace(/\+$/u, '')}` : null;
}
