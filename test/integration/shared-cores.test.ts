/** What is executed apart from the queue (calibration, reproduction) shares the queue's cores. Real workers. */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import type { Input, Method, Output } from '../../src/api/contract';
import { createEngine, type Engine } from '../../src/engine/engine';
import { localWorkers } from '../../src/engine/local-workers';
import type { Spawn } from '../../src/execution/local/spawn';
import { smallConfig, temporaryFolder } from '../helpers/cli';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
beforeAll(async () => {
  folder = await temporaryFolder();
});
afterAll(() => folder.remove());

async function ask<M extends Method>(engine: Engine, method: M, input: Input<M>): Promise<Output<M>> {
  const result = await engine.call(method, input);
  if (!result.ok) throw new Error(`${method}: ${result.error.code} ${result.error.message}`);
  return result.value;
}

it('an export and a reproduction beside a full queue never run two workers on one core', async () => {
  const spawnWorker = localWorkers();
  let alive = 0;
  let peak = 0;
  let started = 0;
  const spawn: Spawn = async (runFolder, dataFile, environment) => {
    alive += 1;
    started += 1;
    peak = Math.max(peak, alive);
    const worker = await spawnWorker(runFolder, dataFile, environment);
    void worker.exit.then(() => (alive -= 1));
    return worker;
  };
  const engine = await createEngine({ workspace: join(folder.path, 'workspace'), mode: 'host', spawn, cores: 1 });
  onTestFinished(() => engine.close());
  const config = await folder.write('small.yaml', smallConfig());
  const { run } = await ask(engine, 'runs.start', { config });
  await ask(engine, 'runs.wait', { runs: [run.runId] });

  const study = `experiment: queue\nseeds: [1, 2, 3]\nfactors: [{ path: training.learningRate, levels: [0.01] }]\nbaseline: { model: { kind: mlp, hidden: [8] }, training: { learningRate: 0.1, batchSize: 32, epochs: 20 }, data: { kind: spirals } }\n`;
  const { runs } = await ask(engine, 'studies.start', { study: { text: study, folder: null } });
  const bundle = join(folder.path, 'small.zip');
  const { digest } = await ask(engine, 'bundle.export', { target: run.runId, out: bundle, license: 'CC0-1.0' });
  const unfinished = (await ask(engine, 'runs.list', { experiment: 'queue' })).filter((row) => row.status !== 'finished').length;
  // The calibration had its turn before the queue was through.
  expect(unfinished).toBeGreaterThan(0);
  const { verdict } = await ask(engine, 'bundle.reproduce', { file: bundle, trust: digest });
  expect(verdict).toBe('identical');
  await ask(engine, 'runs.wait', { runs: runs.map((entry) => entry.run) });
  expect(started).toBe(1 + 6 + 1 + 1);
  expect(peak).toBe(1);
}, 120_000);
