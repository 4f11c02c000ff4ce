/** Data and trainings that cannot go well: each run ends as failed with one sentence, the step and the last good checkpoint. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { RunResult } from '../../src/api/rows';
import type { ConfigInput } from '../../src/config/schema';
import { sha256Bytes } from '../../src/files/hash';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../../src/tensors/safetensors';
import { cli } from '../helpers/cli';
import { startWorker, stateOf, TestWorkspace, workerEntry, type TestRun } from '../helpers/worker-runs';

const workspace = new TestWorkspace();
workspace.write('text.txt', 'It was the best of times, it was the worst of times. '.repeat(40));
const newRun = workspace.newRun.bind(workspace);

/** The run fails, and its process and its log say why in the same words. */
async function failure(run: TestRun): Promise<{ code: string; message: string }> {
  const { code, stderr } = await startWorker(workerEntry, run).ended;
  expect(code).toBe(1);
  const { status, failed } = stateOf(run);
  expect(status).toBe('failed');
  expect(stderr).toMatch(/^[A-Z_]+: [^\n]+\n$/u);
  expect(`${failed!.code}: ${failed!.message}`).toContain(stderr.trim());
  return { code: failed!.code, message: failed!.message };
}

const points: ConfigInput = {
  model: { kind: 'mlp', hidden: [16] },
  training: { learningRate: 0.01, batchSize: 33, epochs: 8, checkpointEvery: 4, hashEvery: 7 },
  data: { kind: 'two-moons', samples: 600 },
  seed: 3,
};
/** Grows without bound, and so fast that it is past the largest float32 after some ten steps. */
const exploding: ConfigInput = { ...points, training: { ...points.training, learningRate: 1000, optimizer: { kind: 'sgd', momentum: 0.9 } } };

describe('a training that diverges', () => {
  it('fails at the first loss that is no number; its last checkpoint is good', async () => {
    const run = await newRun(exploding);
    const { code, message } = await failure(run);
    const { losses, checkpoints } = stateOf(run);
    const step = losses.length - 1;
    expect(losses.slice(0, -1).every(Number.isFinite)).toBe(true);
    expect(losses[step]).not.toSatisfy(Number.isFinite);
    const checkpoint = checkpoints.at(-1)!.step;
    expect(step - checkpoint).toBeGreaterThanOrEqual(0);
    expect(step - checkpoint).toBeLessThan(4);
    expect(code).toBe('TRAINING_DIVERGED');
    expect(message).toMatch(new RegExp(`^The training diverged: the training loss of step ${step} is (NaN|infinite), at a learning rate of 1000; its last good checkpoint, of step ${checkpoint}, is kept\\. .*learningRate`, 'u'));

    const { file } = checkpoints.at(-1)!;
    expect(readdirSync(run.folder).filter((name) => name.startsWith('checkpoint-'))).toContain(file);
    const { tensors } = decodeSafetensors(readFileSync(path.join(run.folder, file)));
    expect(tensors.length).toBeGreaterThan(0);
    for (const { data } of tensors) expect([...(data as Float32Array)].every(Number.isFinite)).toBe(true);

    // It can be gone on from, and ends in the same way.
    expect(await failure(run)).toEqual({ code, message });
    expect(stateOf(run)).toMatchObject({ attempts: 2, losses: [...losses.slice(0, -1), losses[step]] });
    expect(readFileSync(path.join(run.folder, 'events.log'), 'utf8')).toContain(`"attempt":2,"fromStep":${checkpoint}`);
  });

  it('says so where there is no checkpoint yet', async () => {
    const run = await newRun({ ...exploding, training: { ...exploding.training, checkpointEvery: 1000, evaluateEvery: 1000 } });
    expect((await failure(run)).message).toMatch(/^The training diverged: the training loss of step \d+ is (?:NaN|infinite), at a learning rate of 1000; it had made no checkpoint yet\. /u);
    expect(readdirSync(run.folder).filter((name) => name.startsWith('checkpoint-'))).toEqual([]);
  });

  it('is told by the command line', async () => {
    const config = path.join(workspace.folder, 'exploding.json');
    writeFileSync(config, JSON.stringify(exploding));
    const options = ['--workspace', path.join(workspace.folder, 'told')];
    const { code, stdout } = await cli(['run', config, '--json', ...options]);
    expect(code).toBe(1);
    const { status, error } = JSON.parse(stdout) as RunResult;
    expect(status).toBe('failed');
    expect(error).toMatchObject({ code: 'TRAINING_DIVERGED', message: expect.stringMatching(/of step \d+ is .* last good checkpoint, of step \d+,/u) as string });
    expect((await cli(['run', config, ...options])).stdout).toContain(error!.message);
  });
});

/** The prepared file of a run, changed; the run is about the file as it is then, unless it is said to be damaged. */
function alter(run: TestRun, change: (bytes: Uint8Array) => Uint8Array, isDamaged = false): TestRun {
  const bytes = change(readFileSync(run.dataFile));
  const dataFile = path.join(run.folder, 'altered.data');
  writeFileSync(dataFile, bytes);
  const data = isDamaged ? run.manifest.data : { ...run.manifest.data, fingerprint: sha256Bytes(bytes), bytes: bytes.length };
  const manifest = { ...run.manifest, data };
  writeFileSync(path.join(run.folder, 'run.json'), JSON.stringify(manifest));
  return { ...run, dataFile, manifest };
}

const withValue =
  (name: string, at: number, value: number | bigint) =>
  (bytes: Uint8Array): Uint8Array => {
    const { tensors, metadata } = decodeSafetensors(bytes);
    tensors.find((tensor) => tensor.name === name)!.data[at] = value as never;
    return encodeSafetensors(tensors as NamedTensor[], metadata);
  };
const withMetadata =
  (key: string, value: unknown) =>
  (bytes: Uint8Array): Uint8Array => {
    const { tensors, metadata } = decodeSafetensors(bytes);
    return encodeSafetensors(tensors, { ...metadata, [key]: JSON.stringify(value) });
  };

const text: ConfigInput = {
  model: { kind: 'transformer', width: 8, layers: 1, heads: 1 },
  training: { learningRate: 0.01, batchSize: 8, steps: 4 },
  data: { kind: 'text', path: 'text.txt', length: 16, tokenizer: { kind: 'bytes' } },
  seed: 1,
};

describe('prepared data', () => {
  const damaged = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === bytes.length - 9 ? byte ^ 1 : byte));
  it.each<[string, ConfigInput, (bytes: Uint8Array) => Uint8Array, boolean, string, RegExp]>([
    ['that hold NaN', points, withValue('features', 7, NaN), false, 'DATA_INVALID', /the features of row 3 hold NaN/u],
    ['that hold an infinity', points, withValue('features', 6, Infinity), false, 'DATA_INVALID', /the features of row 3 hold Infinity/u],
    ['with a label out of range', points, withValue('labels', 5, 2n), false, 'DATA_INVALID', /the label of row 5 is 2, with 2 classes/u],
    ['with a token past the vocabulary', text, withValue('features', 100, 256), false, 'DATA_INVALID', /hold the token 256, with a vocabulary of 256/u],
    ['with another vocabulary than their tokenizer', text, withMetadata('input', { kind: 'tokens', length: 16, vocabulary: 255 }), false, 'DATA_INVALID', /its tokenizer has 256 tokens, its features 255/u],
    ['with an empty split', points, withMetadata('parts', { train: 600, validation: 0, test: null }), false, 'DATA_SPLIT_EMPTY', /0 for validation/u],
    ['of which a bit flipped', points, damaged, true, 'DATA_FINGERPRINT_MISMATCH', /has the SHA-256 [0-9a-f]{64}, but the run is about/u],
    ['that were cut short', points, (bytes) => bytes.subarray(0, bytes.length - 100), true, 'DATA_FINGERPRINT_MISMATCH', /has the SHA-256/u],
    ['that are no safetensors file', points, () => new TextEncoder().encode('no'), false, 'DATA_INVALID', /cannot be used/u],
  ])('%s fail the run before its first step', async (_, config, change, isDamaged, code, says) => {
    const run = alter(await newRun(config), change, isDamaged);
    const failed = await failure(run);
    expect(failed.code).toBe(code);
    expect(failed.message).toMatch(says);
    expect(failed.message).toContain(code === 'DATA_SPLIT_EMPTY' ? 'data.split' : run.dataFile);
    expect(stateOf(run).losses).toEqual([]);
  });
});
