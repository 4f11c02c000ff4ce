/** Runs on a real cluster of Slurm: what comes back is what this machine would have made of them, whatever becomes of their jobs. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, engineOn, filesWith, jobOf, placeEventsOf, placesOf, printed, Project, python, recordsOf, runOnce } from '../helpers/commands';
import { noSlurm, SlurmCluster } from '../helpers/engines/slurm';

const hasTorch = (process.env['REPRISE_JUDGES'] ?? '').split(',').includes('torch');

let cluster: SlurmCluster;
/** The folder that login host and nodes share. */
const base = mkdtempSync(join(tmpdir(), 'reprise-slurm-base-'));

beforeAll(async () => {
  if (noSlurm === null) cluster = await SlurmCluster.start();
}, 60_000);
afterAll(async () => {
  await cluster?.stop();
  rmSync(base, { recursive: true, force: true });
}, 60_000);

function projectOn(files: Readonly<Record<string, string>> = {}): Project {
  const project = new Project(files);
  project.machine('cluster', { kind: 'slurm', folder: base, poll: 0.5 });
  return project;
}

const STUDY = `experiment: Größe "x" $(id)
seeds: [1, 2]
factors:
  - path: model.dropout
    levels: [0]
baseline:
  model: { kind: mlp, hidden: [16], dropout: 0.1 }
  training: { learningRate: 0.02, batchSize: 32, epochs: 3, checkpointEvery: 20, hashEvery: 10 }
  data: { kind: spirals, samples: 400, noise: 0.1 }
  selection: { metric: accuracy, checkpoint: last }
`;

describe.skipIf(noSlurm !== null)('a cluster of Slurm', () => {
  it('trains an ablation as one array to the bits of this machine', async () => {
    const project = projectOn();
    const engine = await engineOn(project.workspace);
    const here = await ask(engine, 'studies.start', { study: { text: STUDY.replace('experiment: Gr', 'experiment: here Gr'), folder: null } });
    const there = await ask(engine, 'studies.start', { study: { text: STUDY, folder: null }, on: 'cluster', reuse: false });
    await ask(engine, 'runs.wait', { runs: [...here.runs, ...there.runs].map(({ run }) => run) });
    const weights = async ({ runs }: typeof here): Promise<(string | null | undefined)[]> => Promise.all(runs.map(async ({ run }) => (await ask(engine, 'runs.get', { run })).run.weightsHash));
    const found = await weights(there);
    expect(found).toHaveLength(4);
    expect(found.every((hash) => hash !== null && hash !== undefined)).toBe(true);
    expect(found).toEqual(await weights(here));

    const runIds = there.runs.map(({ run }) => run);
    const jobs = runIds.map((run) => jobOf(project.workspace, run));
    expect(new Set(jobs.map((job) => job.split('_')[0])).size).toBe(1);
    expect(jobs.map((job) => job.split('_')[1]).toSorted()).toEqual(['0', '1', '2', '3']);
    for (const run of runIds) {
      expect(placeEventsOf(project.workspace, run)).toEqual(['submitted 1', 'submitted 1', 'started 1', 'ended 1', 'collected 1']);
      const folder = join(project.workspace, 'runs', run);
      const script = readFileSync(join(folder, 'slurm.sh'));
      expect(script.toString()).toContain('#SBATCH --array=0-3');
      expect(script.toString()).toContain('#SBATCH --job-name=Gro_e_x_id\n');
      expect(placesOf(project.workspace, run)[0]?.facts?.['script']).toBe(createHash('sha256').update(script).digest('hex'));
    }
    // Nothing is left there but what other runs may need.
    expect(readdirSync(join(base, 'runs'))).toEqual([]);
  }, 60_000);

  it('runs a command of a dirty repository with variables of any kind, and nobody else may read them', async () => {
    const project = projectOn({
      'train.py': 'import os, json, sys\nprint(json.dumps({"step": 1, "loss": float(open("factor.txt").read())}))\nprint(repr(os.environ["ODD"]), os.environ["SECRET_WORD"])\nopen("out.txt", "w").write("result")\nprint(os.environ["SLURM_JOB_ID"])\nprint("first", file=sys.stderr)\n',
      'factor.txt': '1',
    });
    project.commit();
    project.write('factor.txt', '2.5');
    const odd = 'a\nb $(touch evil) `id` "\'\\ ü';
    process.env['SECRET_WORD'] = 'correct horse battery';
    const config = project.config({ experiment: 'odd', task: { command: [python, 'train.py'], outputs: ['out.txt'] }, executor: { kind: 'slurm', machine: 'cluster', env: { ODD: odd }, secrets: ['SECRET_WORD'] } });
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, config);
    expect(run).toMatchObject({ status: 'finished', exitCode: 0, attempts: 1 });
    const lines = printed(project.workspace, run.runId);
    expect(lines[1]).toContain(String.raw`'a\nb $(touch evil)`);
    expect(lines[2]).toMatch(/^\d+$/u);
    const records = recordsOf(project.workspace, run.runId);
    expect(records).toContainEqual(expect.objectContaining({ type: 'file', path: 'out.txt', bytes: 6 }));
    expect(records).toContainEqual(expect.objectContaining({ type: 'points', key: 'loss', steps: [1], values: [2.5] }));
    // Neither in the log, nor in what it printed, nor in the script, nor anywhere on the cluster.
    for (const folder of [join(project.workspace, 'runs', run.runId), join(base, 'jobs')]) expect(filesWith(folder, 'correct horse battery')).toEqual([]);
    expect(readFileSync(join(project.workspace, 'runs', run.runId, 'slurm.sh'), 'utf8')).not.toContain('ODD');
  }, 60_000);

  it('refuses what the cluster refuses, with its words', async () => {
    const project = projectOn({ 'train.py': '' });
    const config = project.config({ task: { command: [python, 'train.py'] }, executor: { kind: 'slurm', machine: 'cluster', partition: 'nowhere' } });
    const { run } = await runOnce(await engineOn(project.workspace), config);
    expect(run).toMatchObject({ status: 'failed', errorCode: 'SUBMISSION_REFUSED', errorMessage: expect.stringContaining('invalid partition specified: nowhere') });
  }, 30_000);

  it('tells of a prologue that fails, with what it printed', async () => {
    const project = projectOn({ 'train.py': '' });
    const config = project.config({ task: { command: [python, 'train.py'] }, executor: { kind: 'slurm', machine: 'cluster', prologue: ['echo preparing', '[ -z "${SLURM_JOB_ID-}" ] || ls /nowhere/at/all'] } });
    const { run } = await runOnce(await engineOn(project.workspace), config);
    expect(run).toMatchObject({ status: 'failed', errorCode: 'JOB_FAILED', errorMessage: expect.stringMatching(/FAILED, exit code 2.*preparing\n.*\/nowhere\/at\/all/su) });
  }, 30_000);

  it('starts a command on all nodes by srun, which find each other', async () => {
    const project = projectOn({ 'where.py': 'import os\nprint(os.environ["SLURM_PROCID"], os.environ["SLURMD_NODENAME"], os.environ["MASTER_ADDR"], flush=True)\n' });
    const config = project.config({ task: { command: [python, 'where.py'] }, executor: { kind: 'slurm', machine: 'cluster', nodes: 2, tasks: 2, launcher: 'srun' } });
    const { run } = await runOnce(await engineOn(project.workspace), config);
    expect(run).toMatchObject({ status: 'finished' });
    const [first, second] = cluster.nodes;
    expect(printed(project.workspace, run.runId).toSorted()).toEqual([`0 ${first} ${first}`, `1 ${first} ${first}`, `2 ${second} ${first}`, `3 ${second} ${first}`]);
  }, 60_000);

  it.skipIf(!hasTorch)('trains on all nodes by torchrun, whose processes see each other', async () => {
    // One call each: what processes of one node print in pieces can get mixed.
    const project = projectOn({ 'sum.py': 'import sys, torch, torch.distributed as dist\ndist.init_process_group("gloo")\nx = torch.tensor([float(dist.get_rank() + 1)])\ndist.all_reduce(x)\nsys.stdout.write(f"{dist.get_world_size()} {x.item()}\\n")\ndist.destroy_process_group()\n' });
    const config = project.config({ task: { command: [python, 'sum.py'] }, executor: { kind: 'slurm', machine: 'cluster', nodes: 2, tasks: 2, launcher: 'torchrun' } });
    const { run } = await runOnce(await engineOn(project.workspace), config);
    expect(run).toMatchObject({ status: 'finished', errorMessage: null });
    expect(printed(project.workspace, run.runId).filter((line) => line !== '')).toEqual(['4 10.0', '4 10.0', '4 10.0', '4 10.0']);
  }, 120_000);

  it('lets runs wait for those of another experiment', async () => {
    const project = projectOn({ 'one.py': 'import time; time.sleep(1.5)', 'two.py': '' });
    const engine = await engineOn(project.workspace);
    const first = await ask(engine, 'runs.start', { config: project.config({ experiment: 'prepare', task: { command: [python, 'one.py'] }, executor: { kind: 'slurm', machine: 'cluster' } }, 'one.yaml') });
    const second = await ask(engine, 'runs.start', { config: project.config({ experiment: 'train', task: { command: [python, 'two.py'] }, executor: { kind: 'slurm', machine: 'cluster', after: { ok: ['prepare'] } } }, 'two.yaml') });
    await ask(engine, 'runs.wait', { runs: [first.run.runId, second.run.runId] });
    const at = (runId: string, event: string): number => placesOf(project.workspace, runId).find((record) => record.event === event)?.time ?? NaN;
    expect(at(second.run.runId, 'started')).toBeGreaterThan(at(first.run.runId, 'ended') - 1000);
    expect(readFileSync(join(project.workspace, 'runs', second.run.runId, 'slurm.sh'), 'utf8')).toContain(`#SBATCH --dependency=afterok:${jobOf(project.workspace, first.run.runId)}\n`);
  }, 60_000);
});
