/** Runs for other machines before they are made: completed configs, the hash of what they compute, estimates, scripts. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CommandConfig, RunConfig } from '../../../src/config/command';
import { commandComputeHash } from '../../../src/config/hash';
import { parseConfig } from '../../../src/config/parse';
import { parseYaml } from '../../../src/config/yaml';
import type { Provenance } from '../../../src/events/provenance';
import { coresOfPlaces, executorsOf } from '../../../src/engine/executors';
import { addMachine } from '../../../src/engine/machines';
import { withMachine } from '../../../src/engine/machines-fill';
import { keepKnown } from '../../../src/engine/machines-known';
import { machineNamed } from '../../../src/engine/machines';
import { refuseBeyondPlace } from '../../../src/engine/place-limits';
import { environmentHash } from '../../../src/engine/place-provenance';
import { trainingHere } from '../../../src/engine/reproduce-place';
import { scriptsOf } from '../../../src/engine/scripts';
import { MachineBudget } from '../../../src/execution/machine-budget';
import { Spread } from '../../../src/engine/spread';
import type { Config } from '../../../src/config/schema';
import type { Store } from '../../../src/store/types';

const HOST_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0pVwVYwZ9n4Y4n1mVn0fQ5m5qg1h0y8kq4p0bq1abc';
const TRAINING = { model: { kind: 'mlp', hidden: [4] }, training: { learningRate: 0.1, batchSize: 8, epochs: 1 }, data: { kind: 'spirals' }, seed: 1 };

let workspace: string;
beforeEach(async () => {
  workspace = mkdtempSync(join(tmpdir(), 'reprise-plan-'));
  await addMachine(workspace, 'gpu', { kind: 'ssh', ssh: { host: 'gpu.example', hostKey: HOST_KEY }, defaults: { venv: '~/venv', threads: 2 } }, false);
  await addMachine(workspace, 'cluster', { kind: 'slurm', defaults: { partition: 'gpu', time: '2:00:00' } }, false);
  await addMachine(workspace, 'box', { kind: 'docker', host: 'tcp://box.example:2376', mostRuns: 3 }, false);
});
afterEach(() => rmSync(workspace, { recursive: true, force: true }));

const command = (executor: object, env: Record<string, string> = {}): CommandConfig => parseConfig({ task: { command: ['python', 'train.py'], env }, seed: 1, executor }) as CommandConfig;
const executorOf = (config: unknown): unknown => (config as { executor?: unknown }).executor;

const refuse = (config: RunConfig): Promise<void> => refuseBeyondPlace(config, workspace, new MachineBudget(2));

describe('a config that goes to a machine', () => {
  it('gets what the machine says of its runs, and keeps what it says itself', () => {
    expect(executorOf(withMachine({ ...TRAINING, executor: { kind: 'slurm', machine: 'cluster', time: '10' } }, workspace))).toEqual({ kind: 'slurm', machine: 'cluster', partition: 'gpu', time: '10' });
    // Of this machine nothing is added, and what is no config is left to its reader.
    expect(withMachine(TRAINING, workspace)).toBe(TRAINING);
    expect(withMachine('nonsense', workspace, 'gpu')).toBe('nonsense');
    expect(withMachine({ executor: 'nonsense' }, workspace, 'gpu')).toEqual({ executor: 'nonsense' });
  });

  it('is moved by name with its threads, and wholly to another of its kind', () => {
    expect(executorOf(withMachine({ executor: { threads: 3, provider: 'cpu', gpus: 1 } }, workspace, 'gpu'))).toEqual({ kind: 'ssh', machine: 'gpu', threads: 3, provider: 'cpu', venv: '~/venv' });
    expect(executorOf(withMachine({}, workspace, 'gpu'))).toEqual({ kind: 'ssh', machine: 'gpu', threads: 2, venv: '~/venv' });
    expect(executorOf(withMachine({ executor: { kind: 'docker', image: 'a:1', memory: '8g' } }, workspace, 'box'))).toEqual({ kind: 'docker', machine: 'box', image: 'a:1', memory: '8g' });
    expect(executorOf(withMachine({ executor: { kind: 'slurm', machine: 'cluster', partition: 'gpu', threads: 4 } }, workspace, 'local'))).toEqual({ kind: 'local', threads: 4 });
    expect(() => withMachine({}, workspace, 'nobody')).toThrow(expect.objectContaining({ code: 'MACHINE_UNKNOWN' }));
    expect(() => withMachine({ executor: { kind: 'ssh', machine: 'box' } }, workspace)).toThrow(expect.objectContaining({ code: 'MACHINE_KIND' }));
  });

  it('is refused what the place cannot have: threads beyond its cores, a GPU for a built-in training', async () => {
    const config = parseConfig(withMachine({ ...TRAINING, executor: { threads: 64 } }, workspace, 'gpu')) as Config;
    // Nobody knows its cores before it was looked at.
    await expect(refuse(config)).resolves.toBeUndefined();
    const facts = { versions: { node: '24', v8: '13', onnxruntime: '1' }, os: { platform: 'linux', release: '6', arch: 'x64', name: 'Debian' }, cpu: { model: 'x', cores: 16, flags: [] }, memoryBytes: 1, gpus: [], cuda: null };
    await keepKnown(workspace, 'gpu', machineNamed(workspace, 'gpu'), { testedAt: 1, ok: true, checks: [], facts });
    await expect(refuse(config)).rejects.toThrow(expect.objectContaining({ code: 'THREADS_EXCEED_CORES', message: expect.stringContaining('on gpu') }));
    await expect(refuse(parseConfig({ ...TRAINING, executor: { kind: 'ssh', machine: 'gpu', provider: 'cuda' } }))).rejects.toThrow(expect.objectContaining({ code: 'PROVIDER_MISSING' }));
    // A container of this machine has its cores.
    await expect(refuse(parseConfig({ ...TRAINING, executor: { kind: 'docker', threads: 64 } }))).rejects.toThrow(expect.objectContaining({ code: 'THREADS_EXCEED_CORES' }));
    const demand = executorsOf(workspace, {} as Store).demand;
    expect(demand(parseConfig(withMachine(TRAINING, workspace, 'gpu')).executor)).toEqual({ pool: 'there', name: 'ssh:gpu', most: 8 });
    expect(demand(command({ kind: 'docker', machine: 'box', image: 'a:1', threads: 2 }).executor)).toEqual({ pool: 'there', name: 'docker:box', most: 3 });
    expect(demand(command({ kind: 'docker', image: 'a:1', threads: 2, memory: '1g' }).executor)).toEqual({ pool: 'here', share: { cores: 2, memory: 2 ** 30, gpus: 0 } });
    expect(demand(command({ kind: 'slurm', machine: 'cluster' }).executor)).toMatchObject({ pool: 'there', most: 100_000 });
    // What is known of another machine of that name is no use.
    await addMachine(workspace, 'gpu', { kind: 'ssh', ssh: { host: 'other.example', hostKey: HOST_KEY } }, true);
    await expect(refuse(config)).resolves.toBeUndefined();
  });
});

describe('what a command computes elsewhere', () => {
  const facts = { code: 'c', inputs: {}, variables: {}, hardware: {} };
  const hash = (config: CommandConfig, provenance: object): string => commandComputeHash(config, { ...facts, environment: environmentHash(config.executor, provenance as Provenance) });
  const python = { python: { lockHash: 'L' } };
  const image = { image: { name: 'a:1', digest: 'sha256:d', id: 'sha256:i' } };

  it('is the same as here with the same packages and variables', () => {
    const here = hash(command({ kind: 'local' }, { LR: '1' }), python);
    expect(hash(command({ kind: 'ssh', machine: 'gpu', venv: '~/venv', threads: 8 }, { LR: '1' }), python)).toBe(here);
    expect(hash(command({ kind: 'slurm', machine: 'cluster', env: { LR: '1' }, time: '10' }), python)).toBe(here);
    expect(hash(command({ kind: 'slurm', machine: 'cluster', env: { LR: '2' } }), python)).not.toBe(here);
  });

  it('differs by the image, whatever its tag, by what is mounted, and by what is set up before', () => {
    const docker = hash(command({ kind: 'docker', image: 'a:1' }), image);
    expect(hash(command({ kind: 'docker', image: 'a:latest', memory: '8g' }), image)).toBe(docker);
    expect(hash(command({ kind: 'docker', image: 'a:1' }), { image: { ...image.image, digest: 'sha256:e' } })).not.toBe(docker);
    expect(hash(command({ kind: 'docker', image: 'a:1', volumes: ['/data:/data'] }), image)).not.toBe(docker);
    expect(hash(command({ kind: 'ssh', machine: 'gpu', prologue: ['export LR=2'] }), python)).not.toBe(hash(command({ kind: 'local' }), python));
  });
});

describe('a plan over several places', () => {
  it('takes as long as the slowest of them', () => {
    const spread = new Spread((place) => ({ local: 2, 'ssh:gpu': 8 })[place] ?? Infinity);
    for (let run = 0; run < 4; run += 1) spread.add('local', 10, 1);
    expect(spread.seconds).toBe(20);
    spread.add('ssh:gpu', 15, 4);
    expect(spread.seconds).toBe(20);
    for (let run = 0; run < 500; run += 1) spread.add('slurm:cluster', 30, 4);
    expect(spread.seconds).toBe(30);
    const coresOf = coresOfPlaces(workspace, 2);
    expect(['local', 'docker:', 'docker:box', 'ssh:gone'].map((place) => coresOf(place))).toEqual([2, 2, 3, 4]);
    expect(coresOf('slurm:cluster')).toBe(Infinity);
  });

  it('shows each script that a cluster would get', async () => {
    const config = parseConfig(withMachine({ ...TRAINING, executor: { kind: 'slurm', machine: 'cluster' } }, workspace));
    const [script, ...others] = await scriptsOf(workspace, [config, { ...config, seed: 2 }, parseConfig(TRAINING)]);
    expect(others).toEqual([]);
    expect(script).toMatchObject({ machine: 'cluster', runs: 2 });
    expect(script?.text).toContain('--partition=gpu');
    expect(script?.text).toContain('--array=0-1');
  });
});

it('a training is executed on this machine again as it was, on as many threads', () => {
  const config = parseConfig({ ...TRAINING, executor: { kind: 'slurm', machine: 'cluster', threads: 3, partition: 'gpu' } }) as Config;
  expect(trainingHere(config)).toEqual({ ...config, executor: { kind: 'local', threads: 3 } });
});

it('the containers of the README are configs', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../../README.md'), 'utf8');
  const section = readme.slice(readme.indexOf('## Other machines'), readme.indexOf('## Runs that Reprise did not start'));
  const configs = [...section.matchAll(/```yaml\n([\s\S]*?)```/gu)].map(([, text = '']) => parseConfig({ task: { command: ['python', 'train.py'] }, seed: 1, ...(parseYaml(text, 'README') as object) }));
  expect(configs.map(({ executor }) => executor.kind)).toEqual(['docker', 'ssh', 'slurm']);
  expect(configs[0]?.executor).toMatchObject({ image: 'pytorch/pytorch:2.0.0-cuda11.7-cudnn8-runtime', gpus: 4, volumes: ['/path/to/data:/workspace/data', '/path/to/models:/workspace/models:rw'] });
});
