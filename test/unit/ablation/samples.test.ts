/** The configs and studies that come with the app are what it takes. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAndExpand } from '../../../src/ablation/study';
import { parseTrainingConfig } from '../../../src/config/parse';
import { parseYaml } from '../../../src/config/yaml';

const folder = new URL('../../../resources/samples/', import.meta.url);
const samples = readdirSync(folder).filter((name) => name.endsWith('.yaml'));

describe('a sample', () => {
  it.each(samples)('%s can be run', (name) => {
    const input = parseYaml(readFileSync(new URL(name, folder), 'utf8'), name);
    if (name.endsWith('-ablation.yaml')) expect(parseAndExpand(input).variants.length).toBeGreaterThan(1);
    else expect(parseTrainingConfig(input, name).tags).toEqual(['sample']);
  });
});
