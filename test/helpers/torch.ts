/** PyTorch as a judge: REPRISE_PYTHON names a Python, REPRISE_JUDGES says that it has `torch`. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ModelConfig, TrainingConfig } from '../../src/config/schema';
import { dataShape, loadPrepared } from '../../src/datasets/prepared';
import { tokenOf } from '../../src/datasets/row-reader';
import { splitParts } from '../../src/datasets/split';
import { initialWeights } from '../../src/models/initialize';
import { buildTrainingGraph } from '../../src/models/training-graph';
import { inputSize, inputType, type DataShape } from '../../src/models/types';
import { BatchOrder } from '../../src/worker/batches';
import { drawMasks, type Examples, type Features, type Plan } from '../unit/models/run-training';
import type { TestRun } from './worker-runs';

const python = process.env['REPRISE_PYTHON'] ?? '';
export const hasTorch = python !== '' && (process.env['REPRISE_JUDGES'] ?? '').split(',').includes('torch');
if (!hasTorch) console.warn('SKIPPED: no torch (REPRISE_PYTHON, REPRISE_JUDGES): nothing is compared with PyTorch.');

/** A training from which PyTorch is to start: its seed draws weights and masks. */
export interface TorchCase {
  readonly model: ModelConfig;
  readonly data: DataShape;
  readonly training: TrainingConfig;
  readonly seed: number;
  readonly examples: Examples<Features>;
  readonly plan: Plan;
  /** A text held back, over which the loss is told after training. */
  readonly validation?: Int32Array;
}

export interface TorchAnswer {
  /** The loss of each step, of each variant of each case. */
  readonly losses: readonly (readonly (readonly number[])[])[];
  /** Of each case the outputs for its first examples after training, in evaluation, by the first variant. */
  readonly outputs: readonly (readonly number[])[];
  /** Of each case the mean loss over its `validation` after training, by the first variant; null where it has none. */
  readonly validation: readonly (number | null)[];
}

/** Ways in which PyTorch computes the same. */
export interface TorchVariant {
  readonly optimizer: 'single' | 'foreach' | 'fused';
  readonly threads: number;
  /** oneDNN's convolutions, or PyTorch's native ones. */
  readonly onednn: boolean;
  /** In float64, from the same float32 weights. */
  readonly double: boolean;
}

export const ONE_VARIANT: readonly TorchVariant[] = [{ optimizer: 'foreach', threads: 1, onednn: true, double: false }];

/**
 * Trains the cases in one process of PyTorch.
 * @param evaluated examples of each case whose outputs are told
 */
export async function trainTorch(cases: readonly TorchCase[], variantsOf: (item: TorchCase) => readonly TorchVariant[], evaluated = 0): Promise<TorchAnswer> {
  const folder = await mkdtemp(join(tmpdir(), 'reprise-torch-'));
  try {
    const tensors: Record<string, { file: string; type: string; shape: readonly number[] }> = {};
    const jobs: object[] = [];
    for (const [number, item] of cases.entries()) {
      const { model, data, training, seed, examples, plan, validation } = item;
      const { parameters, buffers, masks } = buildTrainingGraph(model, training, data);
      const steps = plan.batches.length / training.batchSize;
      const store = async (name: string, type: string, shape: readonly number[], { buffer, byteOffset, byteLength }: ArrayBufferView): Promise<void> => {
        const file = `${Object.keys(tensors).length}.bin`;
        await writeFile(join(folder, file), new Uint8Array(buffer, byteOffset, byteLength));
        tensors[`${number}/${name}`] = { file, type, shape };
      };
      const nextTokens = data.target.kind === 'next-token';
      await store('features', inputType(data.input), nextTokens ? [examples.features.length] : [data.trainSize, inputSize(data.input)], examples.features);
      if (!nextTokens) await store('labels', 'int64', [data.trainSize], examples.labels);
      if (validation !== undefined) await store('validation', 'int32', [validation.length], validation);
      await store('batches', 'int32', [steps, training.batchSize], plan.batches);
      await store('exampleWeights', 'float32', [steps, training.batchSize], plan.exampleWeights);
      const weights = initialWeights([...parameters, ...buffers], seed);
      for (const { name, shape, data: values } of weights) await store(name, 'float32', shape, values);
      const drawn = drawMasks(masks, steps, training.batchSize, seed);
      for (const { name, width } of masks) await store(name, 'uint8', [steps, training.batchSize, width], drawn[name]!);
      jobs.push({ model, data, training, weights: weights.map(({ name }) => name), masks: masks.map(({ name }) => name), evaluated, variants: variantsOf(item) });
    }
    await writeFile(join(folder, 'job.json'), JSON.stringify({ cases: jobs, tensors }));
    const script = fileURLToPath(new URL('../fixtures/python/torch_models.py', import.meta.url));
    // Threads that spin while they wait are many times slower where the cores are shared.
    const { stdout } = await promisify(execFile)(python, [script, join(folder, 'job.json')], { timeout: 280_000, maxBuffer: 2 ** 27, env: { ...process.env, OMP_WAIT_POLICY: 'PASSIVE' } });
    return JSON.parse(stdout) as TorchAnswer;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A finished run, trained again by PyTorch from its initial weights with its batches and masks; of a text. */
export async function trainRunInTorch({ dataFile, manifest }: TestRun): Promise<{ readonly losses: readonly number[]; readonly validation: number }> {
  const { model, training, seed, seeds, data: { split } } = manifest.config;
  const prepared = await loadPrepared(dataFile);
  const { train, validation } = splitParts(prepared.parts, split, seeds.split);
  const streamOf = (rows: Int32Array): Int32Array => {
    const begin = tokenOf(prepared, rows[0]!);
    return prepared.features.slice(begin, begin + rows.length * inputSize(prepared.input) + 1) as Int32Array;
  };
  const item: TorchCase = {
    model,
    data: dataShape(prepared, split),
    training,
    seed,
    examples: { features: streamOf(train), labels: new BigInt64Array(0) },
    plan: new BatchOrder(train.length, training.batchSize, seed).chunk(0, training.steps ?? 0),
    validation: streamOf(validation),
  };
  const answer = await trainTorch([item], () => ONE_VARIANT);
  return { losses: answer.losses[0]![0]!, validation: answer.validation[0]! };
}

/** The largest relative difference of two curves. */
export function distance(left: readonly number[], right: readonly number[]): number {
  if (left.length !== right.length) throw new Error(`curves of ${left.length} and ${right.length} steps`);
  const differences = left.map((value, step) => Math.abs(value - right[step]!) / Math.abs(right[step]!));
  return differences.some(Number.isNaN) ? Infinity : Math.max(...differences);
}
