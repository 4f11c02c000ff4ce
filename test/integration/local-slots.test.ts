/** Runs of this machine beside one another: slots over cores, memory and GPUs, turns over experiments. Real workers and programs. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { commandConfigSchema } from '../../src/config/command';
import { commandsWhenNeeded } from '../../src/engine/commands-when-needed';
import { localWorkers } from '../../src/engine/local-workers';
import { RUN_FILES } from '../../src/events/manifest';
import { MachineBudget } from '../../src/execution/machine-budget';
import { Scheduler } from '../../src/execution/scheduler';
import { holderOf } from '../../src/files/claim';
import { isAlive } from '../../src/files/process-identity';
import { captureCode } from '../../src/provenance/git-state';
import { openStore } from '../../src/store/open';
import type { RunRow } from '../../src/store/types';
import { sampleManifest } from '../fixtures/sample';
import { smallConfig } from '../helpers/cli';
import { ask, engineOn, outputOf, Project, recordsOf } from '../helpers/commands';
import { commandManifest } from '../unit/store/tracked';

/** A program that takes a while and says what it sees. */
const program = (ms: number): string[] => [process.execPath, '-e', `console.log('sees', process.env.CUDA_VISIBLE_DEVICES ?? 'what it likes'); setTimeout(() => {}, ${ms})`];

/** Most runs that were under way at once. */
function peak(rows: readonly RunRow[]): number {
  const changes = rows.flatMap(({ startedAt, endedAt }) => [{ at: startedAt ?? 0, by: 1 }, { at: endedAt ?? 0, by: -1 }]);
  let now = 0;
  return Math.max(...changes.toSorted((left, right) => left.at - right.at || left.by - right.by).map(({ by }) => (now += by)));
}

describe('runs of this machine', () => {
  it('have GPUs for themselves, and what the log says of them is what their programs see', async () => {
    const project = new Project({ 'train.py': 'pass\n' });
    const { workspace } = project;
    const store = await openStore(workspace, { mode: 'host' });
    const budget = new MachineBudget({ cores: 4, gpus: () => Promise.resolve({ ids: ['0', 'GPU-1f'], environment: (ids) => ({ CUDA_VISIBLE_DEVICES: ids.join(',') }) }) });
    const scheduler = new Scheduler({ store, spawn: localWorkers(), commands: commandsWhenNeeded({ store, tracking: null }), cores: budget });
    onTestFinished(async () => {
      await scheduler.stop();
      store.close();
    });
    const { code } = await captureCode({ folder: project.folder, workspace, withoutGit: 'capture' });
    const ids = ['run-a', 'run-b', 'run-c', 'run-d'];
    for (const [index, runId] of ids.entries()) {
      const config = commandConfigSchema.parse({ experiment: 'gpus', seed: index, task: { command: program(400) }, executor: { gpus: runId === 'run-d' ? 2 : 1 } });
      await store.createRun(commandManifest(runId, { experiment: 'gpus', createdAt: index, config, provenance: { ...sampleManifest(runId).provenance, code } }));
    }
    const rows = await scheduler.drain(ids);
    expect(rows.map(({ status }) => status)).toEqual(ids.map(() => 'finished'));
    expect(peak(rows)).toBe(2);
    const given = ids.map((runId) => recordsOf(workspace, runId).flatMap((record) => (record.type === 'place' ? [record.facts?.['gpus']] : [])));
    expect(given.flat()).toHaveLength(4);
    expect(given.slice(0, 2).flat().toSorted()).toEqual(['0', 'GPU-1f']);
    expect(given[3]).toEqual(['0,GPU-1f']);
    expect(ids.map((runId) => outputOf(workspace, runId)[0]?.text)).toEqual(given.map(([gpus]) => `sees ${gpus}`));
    // Nobody shares one.
    for (const gpu of ['0', 'GPU-1f']) expect(peak(rows.filter((_row, index) => given[index]?.[0]?.split(',').includes(gpu)))).toBe(1);
  }, 60_000);

  it('keep memory free that each asked for, and are refused what there is not', async () => {
    const project = new Project({ 'train.py': 'pass\n' });
    const engine = await engineOn(project.workspace);
    const most = `${Math.floor((process.constrainedMemory() > 0 ? Math.min(totalmem(), process.constrainedMemory()) : totalmem()) / 2 ** 20)}m`;
    const runs: string[] = [];
    for (const [index, memory] of [most, most].entries()) {
      const { run } = await ask(engine, 'runs.start', { config: project.config({ experiment: 'memory', seed: index, task: { command: program(300) }, executor: { memory } }) });
      runs.push(run.runId);
    }
    const { run: beside } = await ask(engine, 'runs.start', { config: project.config({ experiment: 'beside', task: { command: program(300) } }) });
    await ask(engine, 'runs.wait', { runs: [...runs, beside.runId] });
    const rows = await ask(engine, 'runs.list', {});
    expect(rows.every(({ status }) => status === 'finished')).toBe(true);
    expect(peak(rows.filter(({ experiment }) => experiment === 'memory'))).toBe(1);
    expect(peak(rows)).toBe(2);

    for (const [executor, code] of [[{ memory: '4000t' }, 'MEMORY_EXCEEDS_MACHINE'], [{ gpus: 64 }, 'GPUS_EXCEED_MACHINE'], [{ threads: 200 }, 'THREADS_EXCEED_CORES']] as const) {
      const refused = await engine.call('runs.start', { config: project.config({ experiment: 'none', task: { command: program(1) }, executor }) });
      expect(refused).toMatchObject({ ok: false, error: { code, kind: 'input' } });
    }
    expect(await ask(engine, 'runs.list', { experiment: 'none' })).toEqual([]);
  }, 60_000);

  it('have their turns by experiment, so that a short one ends beside a long one', async () => {
    const project = new Project({ 'train.py': 'pass\n' });
    const engine = await engineOn(project.workspace, { cores: 1 });
    const gate = join(project.workspace, 'gate');
    const start = async (experiment: string, seed: number): Promise<string> => {
      const command = [process.execPath, '-e', `const look = () => require('node:fs').existsSync(${JSON.stringify(gate)}) || setTimeout(look, 20); look()`];
      return (await ask(engine, 'runs.start', { config: project.config({ experiment, seed, task: { command } }) })).run.runId;
    };
    const runs: string[] = [];
    for (let seed = 0; seed < 4; seed += 1) runs.push(await start('long', seed));
    for (let seed = 0; seed < 2; seed += 1) runs.push(await start('short', seed));
    // The first waits until all are there.
    writeFileSync(gate, '');
    await ask(engine, 'runs.wait', { runs });
    const rows = await ask(engine, 'runs.list', {});
    const order = rows.toSorted((left, right) => (left.startedAt ?? 0) - (right.startedAt ?? 0)).map(({ experiment }) => experiment);
    expect(order).toEqual(['long', 'short', 'long', 'short', 'long', 'long']);
    expect(peak(rows)).toBe(1);
  }, 60_000);

  it.skipIf(process.platform === 'win32')('that train are one process, which is gone once they are cancelled', async () => {
    const project = new Project({});
    const engine = await engineOn(project.workspace);
    const config = project.write('small.yaml', smallConfig({ epochs: 100_000 }));
    const { run } = await ask(engine, 'runs.start', { config });
    for (let done = 0; done === 0; await sleep(25)) done = (await ask(engine, 'runs.get', { run: run.runId })).run.stepsDone;
    const worker = holderOf(join(project.workspace, 'runs', run.runId, RUN_FILES.worker))?.process;
    if (worker === undefined) throw new Error('The host noted no worker.');
    expect(isAlive(worker)).toBe(true);
    const parents = execFileSync('ps', ['-A', '-o', 'ppid='], { encoding: 'utf8' }).split('\n').map(Number);
    expect(parents).toContain(process.pid);
    expect(parents).not.toContain(worker.pid);
    await ask(engine, 'runs.cancel', { run: run.runId });
    expect(isAlive(worker)).toBe(false);
  }, 60_000);
});
