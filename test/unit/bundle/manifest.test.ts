/** `run.json` as a bundle's reader takes it. */
import { describe, expect, it } from 'vitest';
import { parseTrainingManifest } from '../../../src/bundle/manifest-schemas';
import type { TrainingManifest } from '../../../src/events/manifest';
import { sampleManifest, sha256 } from './sample';

const sample = sampleManifest('run0abc', 0, { fingerprint: sha256('data'), bytes: 4, trainingGraphHash: sha256('graph') });
const withFacts = (facts: Partial<TrainingManifest['data']>): TrainingManifest => ({ ...sample, data: { ...sample.data, ...facts } });
const parsed = (manifest: TrainingManifest): TrainingManifest => parseTrainingManifest(JSON.stringify(manifest), 'run.json');

describe('the manifest of a training', () => {
  it('keeps what was found out of the splits, and needs none of it', () => {
    const found = withFacts({ leakage: { trainValidation: 1, trainTest: 0, validationTest: 2 }, unknownCharacters: { validation: 0.125, test: 0 } });
    expect(parsed(found)).toEqual(found);
    expect(parsed(sample)).toEqual(sample);
  });

  it.each([-0.1, 1.1])('has no share of %s', (test) => {
    expect(() => parsed(withFacts({ unknownCharacters: { validation: 0, test } }))).toThrow(expect.objectContaining({ code: 'BUNDLE_INVALID' }));
  });
});
