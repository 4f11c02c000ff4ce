/** Bundles that an earlier Reprise wrote: it knew fewer settings, and its runs stored no initial weights. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyBundle, type Verification } from '../../../src/bundle/verify';
import { writeBundle } from '../../../src/bundle/write';
import { computeHash, configHash } from '../../../src/config/hash';
import type { Config } from '../../../src/config/schema';
import { decodeLines, encodeRecord } from '../../../src/events/codec';
import type { TrainingManifest } from '../../../src/events/manifest';
import { pack, remakeHashes, unpack } from '../../helpers/bundle-surgery';
import { freshFolder, sampleInput } from './sample';

const RUN = 'data/runs/run0abc';
const INITIAL = 'runs/run0abc/initial.safetensors';

let folder: string;
let file: string;
beforeAll(async () => {
  folder = await freshFolder();
  file = join(folder, 'sample.crate.zip');
  await writeBundle(await sampleInput(join(folder, 'workspace')), file);
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** A manifest whose config lacks a setting that came later, with the hashes it had then. */
function olderManifest(manifest: TrainingManifest, trainer: number): TrainingManifest {
  const { logGradientNorm: _later, ...training } = manifest.config.training;
  const config = { ...manifest.config, training } as Config;
  const runtime = { ...manifest.runtime, trainer };
  const { data, trainingGraphHash } = manifest;
  return { ...manifest, config, runtime, configHash: configHash(config), computeHash: computeHash(config, { dataFingerprint: data.fingerprint, trainingGraphHash, runtime }) };
}

/** Verifies the bundle as an earlier Reprise would have written it. @param forge what somebody changed since */
async function verifyOlder(trainer: number, forge: (manifest: TrainingManifest) => TrainingManifest = (manifest) => manifest): Promise<Verification> {
  const files = await unpack(file);
  const change = (name: string, edit: (text: string) => string): void => void files.set(name, Buffer.from(edit(files.get(name)!.toString('utf8'))));
  const isInitial = (item: unknown): boolean => (item as { readonly '@id'?: unknown })['@id'] === INITIAL;
  change(`${RUN}/run.json`, (text) => JSON.stringify(forge(olderManifest(JSON.parse(text) as TrainingManifest, trainer))));
  change('data/bundle.json', (text) => JSON.stringify(JSON.parse(text, (key, value: unknown) => (key === 'initial-weights' && value === `data/${INITIAL}` ? undefined : value))));
  change('data/ro-crate-metadata.json', (text) => JSON.stringify(JSON.parse(text, (_, value: unknown) => (Array.isArray(value) ? value.filter((item) => !isInitial(item)) : value))));
  const records = decodeLines(files.get(`${RUN}/events.log`)!, 0).records.filter((record) => record.type !== 'artifact' || record.name !== 'initial-weights');
  files.set(`${RUN}/events.log`, Buffer.concat(records.map((record, seq) => encodeRecord({ ...record, seq }))));
  expect(files.delete(`data/${INITIAL}`)).toBe(true);
  remakeHashes(files);
  return verifyBundle(await pack(files, join(folder, `${trainer}-${forge.name}.crate.zip`)));
}

describe('an older bundle', () => {
  it('is valid as it was', async () => {
    expect((await verifyOlder(2)).problems).toEqual([]);
  });

  it('is refused with another config than its hashes were made of', async () => {
    const reseeded = (manifest: TrainingManifest): TrainingManifest => ({ ...manifest, config: { ...manifest.config, seed: 99 } });
    const { problems } = await verifyOlder(2, reseeded);
    expect(problems.filter(({ path }) => path === `${RUN}/run.json`).map(({ message }) => message)).toEqual([expect.stringContaining('has a configHash'), expect.stringContaining('has a computeHash')]);
  });

  it('may not lack what runs of its time had', async () => {
    const { problems } = await verifyOlder(3);
    expect(problems).toEqual([{ path: RUN, message: 'has no initial-weights, without which the run cannot be replayed.' }]);
  });
});
