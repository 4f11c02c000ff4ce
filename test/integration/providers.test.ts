/**
 * Execution providers in real workers: WebGPU against the processor, and providers that are not there or cannot start.
 * REPRISE_VULKAN names a folder with a Vulkan loader and a driver that computes on the processor.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ConfigInput } from '../../src/config/schema';
import type { RunState } from '../../src/events/fold';
import { makeRun, startWorker, stateOf, until, workerEntry, type TestRun } from '../helpers/worker-runs';

const vulkan = process.env['REPRISE_VULKAN'] ?? '';
if (vulkan === '') console.warn('SKIPPED: no Vulkan driver (REPRISE_VULKAN): nothing is trained on WebGPU.');

const STEPS = 20;
/** Relative difference of the losses allowed at each step. */
const AGREEMENT = 1e-3;

let workspace: string;
beforeAll(() => {
  workspace = mkdtempSync(path.join(tmpdir(), 'reprise-providers-'));
  // Letters in an order that can be learnt.
  writeFileSync(path.join(workspace, 'text.txt'), Array.from({ length: 200 }, (_, index) => `${'abcdefgh'.slice(index % 5)} ${index % 7} `).join(''));
  vi.stubEnv('VK_DRIVER_FILES', path.join(vulkan, 'icd.json'));
  vi.stubEnv('LD_LIBRARY_PATH', vulkan);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(workspace, { recursive: true, force: true });
});

type Provider = 'cpu' | 'webgpu' | 'cuda' | 'directml' | 'coreml';

const training = { learningRate: 0.01, batchSize: 8, steps: STEPS, evaluateEvery: STEPS, hashEvery: 5, checkpointEvery: 10 };
const digits = { kind: 'mnist', samples: 120 } as const;
const models: Readonly<Record<string, Pick<ConfigInput, 'model' | 'data'>>> = {
  MLP: { model: { kind: 'mlp', hidden: [24], dropout: 0.1 }, data: { kind: 'two-moons', samples: 200 } },
  CNN: { model: { kind: 'cnn', channels: [4], hidden: [12] }, data: digits },
  transformer: { model: { kind: 'transformer', width: 16, layers: 1, heads: 2 }, data: { kind: 'text', path: 'text.txt', length: 12 } },
};

let counter = 0;
function make(provider: Provider, part: Pick<ConfigInput, 'model' | 'data'>): Promise<TestRun> {
  return makeRun(workspace, `run-${counter++}`, { ...part, training, seed: 3, executor: { provider } });
}

async function trained(provider: Provider, part: Pick<ConfigInput, 'model' | 'data'>): Promise<RunState> {
  const run = await make(provider, part);
  const ended = await startWorker(workerEntry, run).ended;
  expect(ended.code, ended.stderr).toBe(0);
  return stateOf(run);
}

function difference(values: readonly number[], expected: readonly number[]): number {
  expect(values.length).toBe(expected.length);
  return Math.max(...values.map((value, index) => Math.abs(value - expected[index]!) / Math.abs(expected[index]!)));
}

const losses = ({ metrics }: RunState): number[] => metrics.map(({ values }) => Number(values.loss));

interface ProfiledNode {
  readonly cat: string;
  readonly name: string;
  readonly args: { readonly op_name?: string; readonly provider?: string };
}

/** Which providers ran the nodes of the training graph, by operator. */
function placesIn(folder: string): ReadonlyMap<string, ReadonlySet<string>> {
  const [file, ...others] = readdirSync(folder).filter((name) => name.startsWith('training'));
  expect(others).toEqual([]);
  const events = JSON.parse(readFileSync(path.join(folder, file!), 'utf8')) as readonly ProfiledNode[];
  const places = new Map<string, Set<string>>();
  for (const { cat, name, args: { op_name: operator, provider } } of events) {
    if (cat !== 'Node' || !name.endsWith('_kernel_time') || operator === undefined || provider === undefined) continue;
    places.set(operator, (places.get(operator) ?? new Set()).add(provider));
  }
  return places;
}

const PRODUCTS = ['Gemm', 'MatMul', 'Conv', 'ConvTranspose'];

describe.skipIf(vulkan === '')('WebGPU', () => {
  it.each(Object.keys(models))('trains as the processor does, its products on the device: %s', { timeout: 240_000 }, async (name) => {
    const profiles = path.join(workspace, `profiles-${name}`);
    mkdirSync(profiles);
    const cpu = await trained('cpu', models[name]!);
    vi.stubEnv('REPRISE_PROFILES', profiles);
    const gpu = await trained('webgpu', models[name]!).finally(() => vi.stubEnv('REPRISE_PROFILES', undefined));
    expect(gpu.status).toBe('finished');
    expect(gpu.losses).toHaveLength(STEPS);
    expect(difference(gpu.losses.map(Number), cpu.losses.map(Number))).toBeLessThan(AGREEMENT);
    expect(difference(losses(gpu), losses(cpu))).toBeLessThan(AGREEMENT);
    expect(gpu.losses.at(-1)).not.toBe(gpu.losses[0]);
    const places = placesIn(profiles);
    const products = PRODUCTS.filter((operator) => places.has(operator));
    expect(products).toContain('Gemm');
    if (name === 'CNN') expect(products).toEqual(expect.arrayContaining(['Conv', 'ConvTranspose']));
    for (const operator of products) expect([...places.get(operator)!], operator).toEqual(['WebGpuExecutionProvider']);
    // Neither logits nor the state cross over to the processor.
    expect(places.has('LogSoftmax')).toBe(false);
    expect([...places.get('Sqrt')!]).toEqual(['WebGpuExecutionProvider']);
  });

  it('comes to the same from examples that are brought to the device call by call, and after a kill', { timeout: 240_000 }, async () => {
    const calm = await trained('webgpu', models['MLP']!);
    vi.stubEnv('REPRISE_READ_BY_ROWS_FROM', '1');
    const brought = await trained('webgpu', models['MLP']!).finally(() => vi.stubEnv('REPRISE_READ_BY_ROWS_FROM', undefined));
    expect(difference(brought.losses.map(Number), calm.losses.map(Number))).toBeLessThan(AGREEMENT);
    const run = await make('webgpu', models['MLP']!);
    const first = startWorker(workerEntry, run);
    await until(run, ({ checkpoints }) => checkpoints.some(({ step }) => step === 10), 60_000);
    first.child.kill('SIGKILL');
    await first.ended;
    expect(await startWorker(workerEntry, run).ended).toMatchObject({ code: 0 });
    const resumed = stateOf(run);
    expect(difference(resumed.losses.map(Number), calm.losses.map(Number))).toBeLessThan(AGREEMENT);
    expect(resumed.status).toBe('finished');
  });
});

describe('a provider that is not there', () => {
  const ended = async (provider: Provider): Promise<RunState> => {
    const run = await make(provider, models['MLP']!);
    expect(await startWorker(workerEntry, run).ended).toMatchObject({ code: 1 });
    expect(stateOf(run)).toMatchObject({ status: 'failed', losses: [] });
    return stateOf(run);
  };

  it('ends a run with what this ONNX Runtime has', async () => {
    const elsewhere = process.platform === 'darwin' ? 'directml' : 'coreml';
    const { failed } = await ended(elsewhere);
    expect(failed).toMatchObject({ code: 'PROVIDER_MISSING', message: expect.stringContaining(`executor.provider is ${elsewhere}, but the ONNX Runtime for ${process.platform} ${process.arch} has only cpu, `) });
  });

  it.skipIf(process.platform !== 'linux')('ends a run with the reason why it does not start', async () => {
    vi.stubEnv('VK_DRIVER_FILES', path.join(workspace, 'none.json'));
    const { failed } = await ended('webgpu');
    expect(failed).toMatchObject({ code: 'PROVIDER_FAILED' });
    expect(failed!.message).toMatch(/^executor\.provider is webgpu, but webgpu does not work here: Failed to get a WebGPU adapter/u);
  });
});
