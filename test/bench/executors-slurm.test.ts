/**
 * What runs on a cluster cost beside Slurm's own command, on a real one: a run beyond `sbatch --wait`, 500 runs as one
 * array, and how far behind the series of running ones are.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EventRecord, PlaceRecord } from '../../src/events/records';
import { ask, engineOn, Project, python, recordsOf, runOnce, until } from '../helpers/commands';
import { noSlurm, SlurmCluster } from '../helpers/engines/slurm';
import { median, quartile, row } from './rows';

const ROUNDS = Number(process.env['REPRISE_BENCH_ROUNDS'] ?? 5);
const RUNS = 500;
const AT_ONCE = 8;

let cluster: SlurmCluster;
const base = mkdtempSync(join(tmpdir(), 'reprise-slurm-base-'));

beforeAll(async () => {
  if (noSlurm === null) cluster = await SlurmCluster.start();
}, 60_000);
afterAll(async () => {
  await cluster?.stop();
  rmSync(base, { recursive: true, force: true });
}, 60_000);

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

const jobIn = (records: readonly EventRecord[]): (PlaceRecord & EventRecord) | undefined => records.filter((record) => record.type === 'place').find(({ job }) => job !== undefined);

describe.skipIf(noSlurm !== null)(`beside Slurm${noSlurm === null ? '' : ` (${noSlurm})`}`, () => {
  it('a run costs less than 1 s more than `sbatch --wait`', async () => {
    const project = new Project({ 'train.py': 'print(1)\n' });
    project.commit();
    project.machine('cluster', { kind: 'slurm', folder: base });
    const engine = await engineOn(project.workspace);
    const config = project.config({ task: { command: [python, 'train.py'] }, executor: { kind: 'slurm', machine: 'cluster' } });
    await runOnce(engine, config, 1000);
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      theirs.push(await seconds(() => cluster.run('sbatch', '--wait', `--chdir=${project.folder}`, '--output=/dev/null', `--wrap=${python} train.py`)));
      ours.push(await seconds(() => runOnce(engine, config, round)));
    }
    const overhead = quartile(ours) - quartile(theirs);
    row({ name: 'slurm', ours: quartile(ours), peer: quartile(theirs), unit: 's', note: `a run of a command, planned, sent, submitted, followed and collected, takes ${Math.abs(overhead).toFixed(3)} s ${overhead < 0 ? 'less' : 'more'} than \`sbatch --wait\`, which looks every 2 s` });
    expect(overhead).toBeLessThan(1);
  }, 240_000);

  it(`${RUNS} runs are one array within 10 s, and the series of ${AT_ONCE} at once at most 3 s behind`, async () => {
    const project = new Project({ 'train.py': 'import json, time\nfor step in range(1000):\n    print(json.dumps({"step": step, "loss": time.time()}), flush=True)\n    time.sleep(0.5)\n' });
    project.commit();
    project.machine('cluster', { kind: 'slurm', folder: base });
    const engine = await engineOn(project.workspace);
    const levels = Array.from({ length: RUNS / 10 - 1 }, (_, index) => index + 1);
    const text = [
      'experiment: array',
      `seeds: [${Array.from({ length: 10 }, (_, index) => index + 1).join(', ')}]`,
      `factors: [{ path: params.size, levels: [${levels.join(', ')}] }]`,
      'baseline:',
      `  task: { command: ['${python}', train.py, '{seed}', '{size}'] }`,
      '  params: { size: 0 }',
      '  seed: 1',
      '  selection: { metric: loss }',
      `  executor: { kind: slurm, machine: cluster, throttle: ${AT_ONCE} }`,
    ].join('\n');
    let runs: string[] = [];
    const planned = await seconds(async () => {
      runs = (await ask(engine, 'studies.start', { study: { text, folder: project.folder } })).runs.map(({ run }) => run);
    });
    expect(runs).toHaveLength(RUNS);
    const started = Date.now();
    await until(() => runs.every((run) => jobIn(recordsOf(project.workspace, run)) !== undefined), 'the array', 60_000);
    const jobs = runs.map((run) => jobIn(recordsOf(project.workspace, run)));
    const submitted = (Math.max(...jobs.map((record) => record?.time ?? Infinity)) - started) / 1000;
    const arrays = new Set(jobs.map((record) => record?.job?.split('/')[1]?.split('_')[0]));
    row({ name: `${RUNS} runs`, ours: Math.max(0, submitted), peer: null, unit: 's', note: `sent and submitted as ${arrays.size} array, after ${planned.toFixed(1)} s in which the study was planned and its runs made` });
    expect(arrays.size).toBe(1);
    expect(submitted).toBeLessThan(10);

    const behind = (): number[] => runs.flatMap((run) => recordsOf(project.workspace, run).flatMap((record) => (record.type === 'points' && record.key === 'loss' ? [record.time / 1000 - Math.min(...record.values.map(Number))] : [])));
    await until(() => behind().length > AT_ONCE * 5, 'series', 60_000);
    const delays = behind();
    row({ name: `series of ${AT_ONCE}`, ours: median(delays), peer: null, unit: 's', note: `behind, with ${RUNS} runs followed; at most ${Math.max(...delays).toFixed(2)} s` });
    expect(quartile(delays.map((delay) => -delay)) * -1).toBeLessThan(3);
  }, 240_000);
});
