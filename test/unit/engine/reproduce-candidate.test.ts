import { describe, expect, it } from 'vitest';
import type { EnvironmentRow } from '../../../src/engine/environment';
import { differencesOf } from '../../../src/engine/reproduce-candidate';

const row = (name: string, recorded: string, here: string): EnvironmentRow => ({ name, recorded, here, same: recorded === here });

describe('what differs between a record and this machine', () => {
  it('names each thing, and nothing that is the same', () => {
    expect(differencesOf([row('os.arch', 'x64', 'arm64'), row('cuda', '12.4', '12.4'), row('packages.torch', '2.5', '2.6')])).toEqual(['os.arch was x64 and is arm64', 'packages.torch was 2.5 and is 2.6']);
  });

  it('tells many packages as one difference', () => {
    const packages = Array.from({ length: 60 }, (_, index) => row(`packages.p${index}`, '1', '2'));
    const told = differencesOf([...packages, row('gpus', 'A100', 'none')]);
    expect(told).toHaveLength(2);
    expect(told[0]).toBe('gpus was A100 and is none');
    expect(told[1]).toMatch(/^60 packages differ: packages\.p0 was 1 and is 2, .*, and 55 more$/u);
  });
});
