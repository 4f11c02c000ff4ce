/** PyTorch beside us, in processes of its own: the same weights, batches and number of threads. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { NamedTensor } from '../../src/tensors/safetensors';
import { projectRoot } from '../helpers/cli';

/** The Python that has PyTorch; null where it could not be had. */
export const torchPython = (process.env['REPRISE_JUDGES'] ?? '').split(',').includes('torch') ? (process.env['REPRISE_PYTHON'] ?? null) : null;

const script = join(projectRoot, 'test', 'bench', 'torch_steps.py');

type Data = Uint8Array | Float32Array | Int32Array | BigInt64Array;
export type PeerTensor = { readonly shape: readonly number[]; readonly data: Data };

export interface TorchJob {
  /** What the model is made of, as `torch_steps.py` reads it. */
  readonly shape: object;
  readonly learningRate: number;
  /** Steps that are timed together. */
  readonly block: number;
  readonly features: PeerTensor;
  /** Null for next tokens. */
  readonly labels: PeerTensor | null;
  /** [seeds, steps, batch]. */
  readonly batches: PeerTensor;
  /** The initial weights of each seed. */
  readonly weights: readonly (readonly NamedTensor[])[];
}

function typeOf(data: Data): string {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Uint8Array) return 'uint8';
  return data instanceof Int32Array ? 'int32' : 'int64';
}

/** Writes a job into a folder of its own. @returns its file */
export function writeJob(folder: string, { shape, learningRate, block, features, labels, batches, weights }: TorchJob): string {
  mkdirSync(folder, { recursive: true });
  const named: [string, PeerTensor][] = [
    ['features', features],
    ...(labels === null ? [] : [['labels', labels] satisfies [string, PeerTensor]]),
    ['batches', batches],
    ...weights.flatMap((tensors, seed) => tensors.map((tensor): [string, PeerTensor] => [`${seed}/${tensor.name}`, { shape: tensor.shape, data: tensor.data as Data }])),
  ];
  const tensors = named.map(([name, tensor], number) => {
    const file = `${number}.bin`;
    writeFileSync(join(folder, file), new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
    return [name, { file, type: typeOf(tensor.data), shape: tensor.shape }];
  });
  const job = join(folder, 'job.json');
  writeFileSync(job, JSON.stringify({ shape, learningRate, block, tensors: Object.fromEntries(tensors) }));
  return job;
}

export interface TorchSteps {
  /** All of its training, without imports and reading. */
  readonly seconds: number;
  /** Of each seed, milliseconds of a step, one number for each block; none where all seeds are trained at once. */
  readonly times: readonly (readonly number[])[];
  /** Of each seed, the loss of each step. */
  readonly losses: readonly (readonly number[])[];
  /** MiB; null where the system does not tell. */
  readonly memory: number | null;
}

export interface Waiting {
  /** Lets it begin; to be called once. */
  go(): Promise<TorchSteps>;
}

/** A process of PyTorch that has read everything and waits. */
export async function startTorch(job: string, variant: string, seeds: readonly number[], threads: number): Promise<Waiting> {
  if (torchPython === null) throw new Error('there is no PyTorch to measure beside');
  const child = spawn(torchPython, [script, job, variant, seeds.join(','), String(threads)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const line = async (): Promise<string> => {
    const { done, value } = await lines.next();
    if (done === true) throw new Error(`PyTorch (${variant}) ended without an answer`);
    return value;
  };
  await line();
  return {
    go: async () => {
      child.stdin.end('go\n');
      const answer = JSON.parse(await line()) as TorchSteps;
      await closed;
      return answer;
    },
  };
}

/** PyTorch's GFLOP/s in a large product. */
export async function torchPeak(threads: number): Promise<number> {
  if (torchPython === null) return 0;
  const { stdout } = await promisify(execFile)(torchPython, [script, 'product', String(threads)]);
  return Number(stdout);
}
