import { createHash } from 'node:crypto';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CheckpointRecord } from '../../../src/events/records';
import type { TensorSpec } from '../../../src/models/types';
import { checkpointFile, decodeCheckpoint, encodeCheckpoint, newestCheckpoint, pruneCheckpoints, readCheckpoint, removeTornFiles, writeCheckpoint, type Checkpoint } from '../../../src/worker/checkpoints';
import { nextLink, weightsHashOf } from '../../../src/worker/hash-chain';
import { beats, perturb } from '../../../src/worker/train';
import { encodeSafetensors, tensorsHash, type NamedTensor } from '../../../src/tensors/safetensors';

const specs: readonly TensorSpec[] = [
  { name: 'w', type: 'float32', shape: [2, 2] },
  { name: 'adam.first/w', type: 'float32', shape: [2, 2] },
];

function checkpoint(step: number, best: Checkpoint['best'] = null): Checkpoint {
  return {
    step,
    chain: 'c'.repeat(64),
    best,
    finalLoss: NaN,
    bestLoss: 0.1,
    tensors: specs.map(({ name, shape }) => ({ name, type: 'float32' as const, shape, data: Float32Array.of(step, 0.1, NaN, -0) })),
  };
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'reprise-checkpoints-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('checkpoints', () => {
  it('give back every bit and number', () => {
    for (const original of [checkpoint(7), checkpoint(8, { step: 3, value: 1 / 3 }), { ...checkpoint(9), finalLoss: Infinity, bestLoss: NaN, chain: '' }]) {
      expect(decodeCheckpoint(encodeCheckpoint(original, 'hash'), specs, 'hash')).toEqual(original);
    }
  });

  it('are refused where they are of something else, or damaged', async () => {
    const bytes = encodeCheckpoint(checkpoint(7), 'hash');
    expect(decodeCheckpoint(bytes, specs, 'another')).toBeNull();
    expect(decodeCheckpoint(bytes.slice(0, -1), specs, 'hash')).toBeNull();
    expect(decodeCheckpoint(bytes, [...specs, { name: 'more', type: 'float32', shape: [] }], 'hash')).toBeNull();
    expect(decodeCheckpoint(bytes, [{ ...specs[0]!, shape: [4] }], 'hash')).toBeNull();
    expect(decodeCheckpoint(encodeSafetensors([]), [], 'hash')).toBeNull();
    const record = await writeCheckpoint(folder, checkpoint(7), 'hash');
    expect(await readCheckpoint(folder, record, specs, 'hash')).toEqual(checkpoint(7));
    expect(await readCheckpoint(folder, { ...record, step: 8 }, specs, 'hash')).toBeNull();
    expect(await readCheckpoint(folder, { ...record, file: 'gone' }, specs, 'hash')).toBeNull();
    const file = path.join(folder, record.file);
    const stored = await readFile(file);
    stored[stored.length - 1]! ^= 1;
    await writeFile(file, stored);
    expect(await readCheckpoint(folder, record, specs, 'hash')).toBeNull();
  });

  const newest = (records: readonly CheckpointRecord[], needsBest = false): ReturnType<typeof newestCheckpoint> =>
    newestCheckpoint(folder, records, specs, { computeHash: 'hash', needsBest });

  it('are searched from the newest, past those that are damaged', async () => {
    const records = [await writeCheckpoint(folder, checkpoint(5), 'hash'), await writeCheckpoint(folder, checkpoint(10), 'hash')];
    expect(await newest(records)).toMatchObject({ checkpoint: { step: 10 }, passedOver: 0 });
    await writeFile(path.join(folder, records[1]!.file), 'damaged');
    expect(await newest(records)).toMatchObject({ checkpoint: { step: 5 }, passedOver: 1 });
    await rm(path.join(folder, records[0]!.file));
    expect(await newest(records)).toEqual({ checkpoint: null, passedOver: 2 });
    expect(await newest([])).toEqual({ checkpoint: null, passedOver: 0 });
  });

  it('that need a best checkpoint which is gone are passed over', async () => {
    const records = [await writeCheckpoint(folder, checkpoint(5, { step: 5, value: 1 }), 'hash'), await writeCheckpoint(folder, checkpoint(10, { step: 5, value: 1 }), 'hash')];
    expect(await newest(records, true)).toMatchObject({ checkpoint: { step: 10 }, passedOver: 0 });
    await rm(path.join(folder, records[0]!.file));
    expect(await newest(records, true)).toEqual({ checkpoint: null, passedOver: 2 });
    expect(await newest(records, false)).toMatchObject({ checkpoint: { step: 10 } });
  });

  it('are pruned, and nothing else is', async () => {
    for (const step of [5, 10, 15]) await writeCheckpoint(folder, checkpoint(step), 'hash');
    await writeFile(path.join(folder, 'events.log'), '');
    await pruneCheckpoints(folder, [5, 15]);
    expect((await readdir(folder)).sort()).toEqual([checkpointFile(5), checkpointFile(15), 'events.log']);
  });
});

describe('half-written files', () => {
  it('of a killed worker are removed, and nothing else is', async () => {
    for (const name of ['.weights.safetensors.12.abc.tmp', 'weights.safetensors', 'notes.tmp', '.hidden']) await writeFile(path.join(folder, name), '');
    await removeTornFiles(folder);
    expect((await readdir(folder)).sort()).toEqual(['.hidden', 'notes.tmp', 'weights.safetensors']);
  });
});

describe('the hash chain', () => {
  it('links step and weights to all that came before', () => {
    const weights: NamedTensor[] = [{ name: 'w', type: 'float32', shape: [1], data: Float32Array.of(1) }];
    const first = nextLink('', 0, weights);
    expect(first.hash).toBe(tensorsHash(weights));
    expect(first.hash).toBe(weightsHashOf(weights));
    expect(first.chain).toBe(createHash('sha256').update(`\n0\n${first.hash}`).digest('hex'));
    const second = nextLink(first.chain, 50, weights);
    expect(second.hash).toBe(first.hash);
    expect(second.chain).toBe(createHash('sha256').update(`${first.chain}\n50\n${first.hash}`).digest('hex'));
  });
});

describe('selection', () => {
  it('prefers more accuracy and less loss, the earliest of equals, and never NaN', () => {
    const accuracy = { metric: 'accuracy', checkpoint: 'best' } as const;
    const loss = { metric: 'loss', checkpoint: 'best' } as const;
    expect([beats(accuracy, 0.5, null), beats(accuracy, 0.6, 0.5), beats(accuracy, 0.5, 0.5), beats(accuracy, 0.4, 0.5)]).toEqual([true, true, false, false]);
    expect([beats(loss, 0.6, 0.5), beats(loss, 0.4, 0.5), beats(loss, NaN, null), beats(loss, NaN, 0.5)]).toEqual([false, true, false, false]);
  });
});

describe('perturb', () => {
  it('changes one weight of the output layer by one unit in the last place', () => {
    const make = (): NamedTensor[] => [
      { name: 'hidden.weight', type: 'float32', shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) },
      { name: 'output.weight', type: 'float32', shape: [2, 2], data: Float32Array.of(0.1, 6, 7, 8) },
      { name: 'output.bias', type: 'float32', shape: [2], data: Float32Array.of(9, 10) },
    ];
    const [before, after] = [make(), make()];
    perturb(after);
    const changed = before.flatMap((tensor, index) => [...tensor.data].map((value, position) => [tensor.name, position, Number(value), Number(after[index]!.data[position])] as const)).filter(([, , a, b]) => a !== b);
    expect(changed).toHaveLength(1);
    const [name, position, a, b] = changed[0]!;
    expect([name, position]).toEqual(['output.weight', 0]);
    expect(Math.abs(a - b)).toBe(2 ** -27);
  });
});
