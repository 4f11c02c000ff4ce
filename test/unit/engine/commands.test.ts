import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { commandConfigSchema } from '../../../src/config/command';
import { Commands } from '../../../src/engine/commands';
import { variablesHere } from '../../../src/engine/commands-variables';
import { RepriseError } from '../../../src/errors/errors';
import { ATTEMPT_FILES, attemptFolder, COMMAND_FILES } from '../../../src/events/command-files';
import { launchSchema } from '../../../src/events/command-run';
import type { EventBody } from '../../../src/events/records';
import { captureCode } from '../../../src/provenance/git-state';
import { openStore } from '../../../src/store/open';
import type { Store } from '../../../src/store/types';
import { sampleManifest, temporaryFolder } from '../store/sample';
import { commandManifest } from '../store/tracked';

const HERE = { kind: 'local', copies: 'here', environment: {} } as const;

it('what a command told while the disk was full is told as soon as there is room, and nothing twice', async () => {
  const [workspace, folder] = [temporaryFolder(), join(temporaryFolder(), 'code')];
  mkdirSync(folder);
  writeFileSync(join(folder, 'train.py'), 'pass\n');
  const store = await openStore(workspace, { mode: 'host' });
  onTestFinished(() => store.close());
  const { code } = await captureCode({ folder, workspace, withoutGit: 'capture' });
  await store.createRun(commandManifest('run-a', { provenance: { ...sampleManifest('x').provenance, code } }));

  let full = true;
  const append = (runId: string, records: readonly EventBody[]): Promise<void> =>
    full ? Promise.reject(new RepriseError('EVENT_LOG_NOT_WRITTEN', 'The disk is full.', { kind: 'system' })) : store.append(runId, records);
  const failing = new Proxy<Store>(store, {
    get(target, name) {
      const value: unknown = name === 'append' ? append : Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const commands = new Commands({ store: failing, tracking: null });
  await store.append('run-a', [{ type: 'attempt', attempt: 1, fromStep: 0, totalSteps: 0, stepsPerEpoch: 0, pid: 1 }]);
  await commands.prepare('run-a', 1, HERE);
  const metrics = join(attemptFolder(store.runFolder('run-a'), 1), ATTEMPT_FILES.metrics);

  appendFileSync(metrics, '{"loss": 3}\n');
  await expect(commands.follow('run-a')).rejects.toMatchObject({ code: 'EVENT_LOG_NOT_WRITTEN' });
  appendFileSync(metrics, '{"loss": 2}\n');
  await expect(commands.follow('run-a')).rejects.toMatchObject({ code: 'EVENT_LOG_NOT_WRITTEN' });
  full = false;
  expect(await commands.follow('run-a')).toBe(true);
  expect(await commands.follow('run-a')).toBe(false);
  expect([...store.points('run-a', 'loss').values]).toEqual([3, 2]);
  expect(await commands.settle('run-a', 1)).toEqual({ status: 'interrupted', exitCode: null, signal: null });
});

it('a variable that was recorded without its secret is named, and stays as it is here', async () => {
  const [workspace, folder] = [temporaryFolder(), join(temporaryFolder(), 'code')];
  mkdirSync(folder);
  writeFileSync(join(folder, 'train.py'), 'pass\n');
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv('XLA_FLAGS', '--another').stubEnv('TZ', 'UTC');
  const store = await openStore(workspace, { mode: 'host' });
  onTestFinished(() => store.close());
  const { code } = await captureCode({ folder, workspace, withoutGit: 'capture' });
  await store.createRun(commandManifest('run-a', { provenance: { ...sampleManifest('x').provenance, code, variables: { XLA_FLAGS: '--key [withheld: an API key]', OMP_NUM_THREADS: '3' } } }));
  const { records } = await new Commands({ store, tracking: null }).prepare('run-a', 1, HERE);
  expect(records).toEqual([expect.objectContaining({ type: 'message', level: 'warning', text: expect.stringContaining('XLA_FLAGS') as string })]);
  const { env } = launchSchema.parse(JSON.parse(readFileSync(join(store.runFolder('run-a'), COMMAND_FILES.launch), 'utf8')));
  expect(env).toMatchObject({ OMP_NUM_THREADS: '3', TZ: null });
  expect(env).not.toHaveProperty('XLA_FLAGS');
});

it('the GPUs that a command has for itself are those it sees, whatever else would say so', async () => {
  const [workspace, folder] = [temporaryFolder(), join(temporaryFolder(), 'code')];
  mkdirSync(folder);
  writeFileSync(join(folder, 'train.py'), 'pass\n');
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv('CUDA_VISIBLE_DEVICES', '0,1');
  const store = await openStore(workspace, { mode: 'host' });
  onTestFinished(() => store.close());
  const { code } = await captureCode({ folder, workspace, withoutGit: 'capture' });
  const { config } = commandManifest('run');
  const own = commandConfigSchema.parse({ ...config, task: { ...config.task, env: { CUDA_VISIBLE_DEVICES: '7' } }, executor: { gpus: 1 } });
  await store.createRun(commandManifest('run-a', { config: own, provenance: { ...sampleManifest('x').provenance, code, variables: { CUDA_VISIBLE_DEVICES: '5' } } }));
  await new Commands({ store, tracking: null }).prepare('run-a', 1, { ...HERE, environment: { CUDA_VISIBLE_DEVICES: '1' } });
  const { env } = launchSchema.parse(JSON.parse(readFileSync(join(store.runFolder('run-a'), COMMAND_FILES.launch), 'utf8')));
  expect(env['CUDA_VISIBLE_DEVICES']).toBe('1');
  // Which one it gets is chance, and no part of what was asked for.
  expect(variablesHere(own)).not.toHaveProperty('CUDA_VISIBLE_DEVICES');
  expect(variablesHere(config)).toHaveProperty('CUDA_VISIBLE_DEVICES', '0,1');
});
