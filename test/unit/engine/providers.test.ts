/** What `auto` stands for, and how the provider that computes enters a run's identity and its score. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseTrainingConfig } from '../../../src/config/parse';
import { identityOn } from '../../../src/engine/identity';
import { preflightConfig } from '../../../src/engine/preflight';
import { providerObstacle, quickest, refuseProvider, type ProviderFound } from '../../../src/engine/providers';
import { factsOf } from '../../../src/engine/score-facts';
import { sampleManifest } from '../../fixtures/sample';
import { temporaryFolder } from '../../helpers/cli';

const works = (provider: ProviderFound['provider'], milliseconds: number): ProviderFound => ({ provider, milliseconds, problem: null, builtIn: true });
const fails = (provider: ProviderFound['provider']): ProviderFound => ({ provider, milliseconds: null, problem: 'There is no driver.', builtIn: true });

describe('auto', () => {
  const small = 1e8;
  const large = 1e10;
  it.each([
    ['the processor for a small step, whatever is there', small, [works('cpu', 30), works('webgpu', 1)], 'cpu'],
    ['the quickest for a large one', large, [works('cpu', 30), works('webgpu', 4), works('cuda', 1)], 'cuda'],
    ['the processor where nothing else works', large, [works('cpu', 30), fails('webgpu'), fails('cuda')], 'cpu'],
    ['the processor where the rest is slower, as a driver without a GPU is', large, [works('cpu', 30), works('webgpu', 8000)], 'cpu'],
    ['the processor where the rest is hardly quicker', large, [works('cpu', 30), works('webgpu', 16)], 'cpu'],
    ['what is clearly quicker', large, [works('cpu', 30), works('webgpu', 15)], 'webgpu'],
  ] as const)('is %s', (_, flops, found, provider) => {
    expect(quickest(flops, found)).toBe(provider);
  });
});

describe('a provider of another operating system', () => {
  const naming = (provider: string) => parseTrainingConfig({ model: { kind: 'mlp', hidden: [4] }, training: { learningRate: 0.1, batchSize: 8 }, data: { kind: 'two-moons' }, seed: 1, executor: { provider } });

  it.each([
    ['coreml', 'linux', 'coreml is for macOS alone; Linux can have cpu, webgpu, cuda'],
    ['coreml', 'darwin', null],
    ['directml', 'darwin', 'directml is for Windows alone; macOS can have cpu, webgpu, coreml'],
    ['directml', 'win32', null],
    ['cuda', 'darwin', 'cuda is for Linux and Windows alone; macOS can have cpu, webgpu, coreml'],
    ['cuda', 'linux', null],
    ['webgpu', 'freebsd', null],
  ] as const)('is read, but not run: %s on %s', (provider, platform, obstacle) => {
    expect(providerObstacle(provider, platform)).toBe(obstacle);
    const run = () => refuseProvider(naming(provider), platform);
    if (obstacle === null) expect(run).not.toThrow();
    else expect(run).toThrow(expect.objectContaining({ code: 'PROVIDER_MISSING', kind: 'input', message: `executor.provider is ${provider}, but ${obstacle}.` }));
  });

  it('is refused before there is a workspace', async () => {
    const folder = await temporaryFolder();
    onTestFinished(() => folder.remove());
    const provider = process.platform === 'darwin' ? 'directml' : 'coreml';
    const [file, workspace] = [path.join(folder.path, 'config.json'), path.join(folder.path, 'workspace')];
    await writeFile(file, JSON.stringify(naming(provider)));
    await expect(preflightConfig(workspace, file)).rejects.toMatchObject({ code: 'PROVIDER_MISSING', kind: 'input', message: expect.stringContaining(`executor.provider is ${provider}, but`) });
    expect(existsSync(workspace)).toBe(false);
  });

  it('is none for configs that name no provider, and for auto', () => {
    for (const provider of ['cpu', 'auto']) expect(() => refuseProvider(naming(provider), 'freebsd')).not.toThrow();
  });
});

describe('the identity of a run', () => {
  const shape = { input: { kind: 'features', size: 3, type: 'float32' }, target: { kind: 'class', classes: 2 }, trainSize: 64 } as const;
  const data = { fingerprint: 'f'.repeat(64), file: 'objects/ff/f', bytes: 1, source: 'test', license: 'MIT' };
  const config = parseTrainingConfig({ model: { kind: 'mlp', hidden: [4] }, training: { learningRate: 0.1, batchSize: 8 }, data: { kind: 'two-moons' }, seed: 1 });
  const gpu = { name: 'GPU', driver: '1' };

  it('has the provider and its device in the compute hash', () => {
    const hashes = [{}, { provider: 'cpu' }, { provider: 'webgpu' }, { provider: 'webgpu', gpus: [gpu] }, { provider: 'directml', gpus: [gpu] }] as const;
    const [usual, cpu, ...others] = hashes.map((circumstances) => identityOn(config, data, shape, circumstances));
    expect(cpu).toEqual(usual);
    expect(usual!.runtime).not.toHaveProperty('device');
    expect(new Set([usual, ...others].map((identity) => identity!.computeHash)).size).toBe(4);
    expect(others[1]!.runtime).toMatchObject({ executionProvider: 'webgpu', device: expect.arrayContaining(['GPU, driver 1']) });
    expect(others[0]!.trainingGraphHash).not.toBe(usual!.trainingGraphHash);
    // GPUs of a machine whose processor computes change nothing.
    expect(identityOn(config, data, shape, { gpus: [gpu] }).computeHash).toBe(usual!.computeHash);
  });

  it('tells of bits that are not promised', () => {
    const [exact, other] = (['cpu', 'webgpu'] as const).map((executionProvider) => {
      const manifest = sampleManifest('r1');
      return factsOf({ ...manifest, runtime: { ...manifest.runtime, executionProvider } }, null).find(({ id }) => id === 'determinism');
    });
    expect(exact).toMatchObject({ state: 'good', found: 'one provider (cpu), 1 pinned thread' });
    expect(other).toMatchObject({ state: 'bad', found: expect.stringMatching(/^computed by webgpu, which promises no order/u), fix: expect.stringContaining('executor.provider') });
  });
});
