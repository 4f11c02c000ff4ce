import { describe, expect, it } from 'vitest';
import { checkLicense, licensePage } from '../../../src/bundle/spdx';
import { RepriseError } from '../../../src/errors/errors';

function refusal(license: string): string {
  try {
    checkLicense(license);
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'BUNDLE_LICENSE' && error.kind === 'input') return error.message;
    throw error;
  }
  throw new Error(`${license} was accepted`);
}

describe('checkLicense', () => {
  it.each(['MIT', 'CC-BY-4.0', 'CC0-1.0', 'GPL-2.0+', 'MIT OR Apache-2.0', '(MIT OR ISC) AND BSD-3-Clause', 'GPL-2.0-or-later WITH Classpath-exception-2.0', 'LicenseRef-mine', 'DocumentRef-a:LicenseRef-b', 'LicenseRef-a AND MIT'])('takes %s', (license) => {
    expect(checkLicense(` ${license} `)).toBe(license);
  });

  it.each([
    ['NOPE', '"NOPE" is not on the SPDX list of licences.'],
    ['mit', '"mit" is not on the SPDX list of licences. Did you mean MIT?'],
    ['CC BY 4.0', '"CC BY 4.0" is not an SPDX licence expression: "CC" is not on the SPDX list. Did you mean CC-BY-4.0?'],
    ['Apache-2', '"Apache-2" is not on the SPDX list of licences. Did you mean Apache-2.0?'],
    ['MIT OR Apache2.0', '"MIT OR Apache2.0" is not an SPDX licence expression: "Apache2.0" is not on the SPDX list. Did you mean Apache-2.0?'],
    ['MIT OR', '"MIT OR" is not an SPDX licence expression.'],
    ['(MIT', '"(MIT" is not an SPDX licence expression. Did you mean MIT?'],
    ['MIT WITH Nothing', '"MIT WITH Nothing" is not an SPDX licence expression.'],
    ['', '"" is not an SPDX licence expression.'],
  ])('refuses %j', (license, message) => {
    expect(refusal(license)).toBe(message);
  });
});

describe('licensePage', () => {
  it('is that of one listed licence', () => {
    expect(licensePage('GPL-2.0+')).toBe('https://spdx.org/licenses/GPL-2.0');
    expect(licensePage('MIT OR ISC')).toBeNull();
    expect(licensePage('LicenseRef-mine')).toBeNull();
  });
});
