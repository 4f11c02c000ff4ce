/** What befalls jobs on a real cluster of Slurm: each run has its true status in the end, and nothing of it is lost. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Output } from '../../src/api/contract';
import type { Engine } from '../../src/engine/engine';
import type { PlaceRecord } from '../../src/events/records';
import { startCli } from '../helpers/cli';
import { ask, COUNT, engineOn, jobOf as jobOfRun, look, placeEventsOf, placesOf as placesOfRun, Project, python, recordsOf, until } from '../helpers/commands';
import { noSlurm, SlurmCluster } from '../helpers/engines/slurm';
import { noSmallDisk, SmallDisk } from '../helpers/small-disk';

let cluster: SlurmCluster;
const base = mkdtempSync(join(tmpdir(), 'reprise-slurm-base-'));

beforeAll(async () => {
  if (noSlurm === null) cluster = await SlurmCluster.start();
}, 60_000);
afterAll(async () => {
  await cluster?.stop();
  rmSync(base, { recursive: true, force: true });
}, 60_000);

interface Started {
  readonly project: Project;
  readonly engine: Engine;
  readonly runId: string;
  /** Lets the command come to its end. */
  readonly release: () => void;
}

const EXECUTOR = { kind: 'slurm', machine: 'cluster' };

async function startCounting(executor: object = {}, task: object = {}, folder = base): Promise<Started> {
  const project = new Project({ 'count.py': COUNT });
  project.machine('cluster', { kind: 'slurm', folder, poll: 0.5 });
  const gate = project.write('gate', '');
  const engine = await engineOn(project.workspace);
  const config = project.config({ task: { command: [python, 'count.py', gate], ...task }, executor: { ...EXECUTOR, ...executor } });
  const { run } = await ask(engine, 'runs.start', { config });
  return { project, engine, runId: run.runId, release: () => rmSync(gate) };
}

const placesOf = ({ project, runId }: Pick<Started, 'project' | 'runId'>): PlaceRecord[] => placesOfRun(project.workspace, runId);
const eventsOf = ({ project, runId }: Pick<Started, 'project' | 'runId'>): string[] => placeEventsOf(project.workspace, runId);
const has = (started: Pick<Started, 'project' | 'runId'>, event: string): (() => boolean) => () => eventsOf(started).includes(event);
const jobOf = ({ project, runId }: Pick<Started, 'project' | 'runId'>): string => jobOfRun(project.workspace, runId);
const hasCounted = ({ project, runId }: Started, points: number): boolean => recordsOf(project.workspace, runId).filter(({ type }) => type === 'points').length >= points;
const started = (of: Started): Promise<void> => until(() => has(of, 'started 1')() && hasCounted(of, 1), 'the start of its job', 20_000);

async function ended({ engine, runId }: Started): Promise<Output<'runs.get'>['run']> {
  await ask(engine, 'runs.wait', { runs: [runId] });
  return (await ask(engine, 'runs.get', { run: runId })).run;
}

describe.skipIf(noSlurm !== null)('a run on a cluster of Slurm', () => {
  it('is found again where the host was killed, and nothing of it is missing or twice', async () => {
    const project = new Project({ 'count.py': COUNT });
    project.machine('cluster', { kind: 'slurm', folder: base, poll: 0.5 });
    const gate = project.write('gate', '');
    const config = project.config({ task: { command: [python, 'count.py', gate] }, executor: EXECUTOR });
    const { child, done } = startCli(['run', config, '--workspace', project.workspace]);
    let runId: string | undefined;
    while (runId === undefined) [runId] = await look(project.workspace, (store) => store.listRuns().map((row) => row.runId)).catch(() => []);
    const of = { project, runId };
    await until(() => has(of, 'started 1')() && recordsOf(project.workspace, of.runId).some(({ type }) => type === 'points'), 'the first points', 20_000);
    child.kill('SIGKILL');
    await done;
    const before = recordsOf(project.workspace, runId).length;
    await sleep(1000);
    const next = startCli(['resume', '--workspace', project.workspace, '--json']);
    await until(() => recordsOf(project.workspace, of.runId).length > before + 1, 'what it wrote meanwhile', 20_000);
    rmSync(gate);
    expect(JSON.parse((await next.done).stdout)).toMatchObject([{ status: 'finished' }]);
    const values = await look(project.workspace, (store) => [...store.points(of.runId, 'loss').values]);
    expect(values.length).toBeGreaterThan(10);
    expect(values).toEqual(values.map((_, step) => step));
    expect(await look(project.workspace, (store) => store.getRun(of.runId))).toMatchObject({ attempts: 1, exitCode: 0 });
    expect(eventsOf(of).filter((event) => event === 'started 1')).toHaveLength(1);
    expect(eventsOf(of).at(-1)).toBe('collected 1');
  }, 60_000);

  it('that somebody cancels on the cluster is cancelled, and says so', async () => {
    const of = await startCounting();
    await started(of);
    await cluster.run('scancel', jobOf(of));
    expect(await ended(of)).toMatchObject({ status: 'cancelled' });
    expect(recordsOf(of.project.workspace, of.runId)).toContainEqual(expect.objectContaining({ type: 'message', text: expect.stringMatching(/^Job \d+ of reprise-test was cancelled on the cluster/u) }));
  }, 60_000);

  it('that is cancelled here is cancelled there, waiting or running', async () => {
    const running = await startCounting();
    const waiting = await startCounting({ options: ['--begin=now+1hour'] });
    await started(running);
    await until(() => jobOf(waiting) !== '', 'the job that waits');
    for (const of of [running, waiting]) {
      await ask(of.engine, 'runs.cancel', { run: of.runId });
      expect(await ended(of)).toMatchObject({ status: 'cancelled' });
    }
    expect(eventsOf(waiting)).not.toContain('started 1');
    expect((await cluster.run('squeue', '--noheader', `--jobs=${jobOf(running)},${jobOf(waiting)}`)).trim()).toBe('');
  }, 60_000);

  it('goes on as the next attempt where the cluster requeues it', async () => {
    const of = await startCounting();
    await started(of);
    await cluster.run('scontrol', 'requeue', jobOf(of));
    await until(has(of, 'requeued 1'), 'the requeue', 20_000);
    await until(has(of, 'started 2'), 'its second start', 60_000);
    of.release();
    expect(await ended(of)).toMatchObject({ status: 'finished', attempts: 2 });
    expect(eventsOf(of)).toEqual(['submitted 1', 'submitted 1', 'started 1', 'requeued 1', 'started 2', 'ended 2', 'collected 2']);
  }, 120_000);

  it('resumes a training from its checkpoint after a requeue, to the bits of an undisturbed one', async () => {
    const project = new Project({});
    project.machine('cluster', { kind: 'slurm', folder: base, poll: 0.5 });
    const training = { experiment: 'resume', model: { kind: 'mlp', hidden: [32] }, training: { learningRate: 0.02, batchSize: 16, epochs: 400, checkpointEvery: 50, hashEvery: 50 }, data: { kind: 'spirals', samples: 1000, noise: 0.1 }, selection: { metric: 'accuracy', checkpoint: 'last' } };
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ ...training, executor: EXECUTOR }) });
    const of = { project, engine, runId: run.runId, release: () => undefined };
    await until(() => recordsOf(project.workspace, run.runId).some(({ type }) => type === 'checkpoint'), 'a checkpoint', 20_000);
    await cluster.run('scontrol', 'requeue', jobOf(of));
    await until(has(of, 'requeued 1'), 'the requeue', 20_000);
    await until(has(of, 'started 2'), 'its second start', 60_000);
    const row = await ended(of);
    expect(row).toMatchObject({ status: 'finished', attempts: 2 });
    const attempts = recordsOf(project.workspace, run.runId).filter((record) => record.type === 'attempt');
    expect(attempts.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(attempts[1]?.fromStep).toBeGreaterThan(0);
    const { run: twin } = await ask(engine, 'runs.start', { config: project.config(training, 'here.yaml'), fresh: true });
    await ask(engine, 'runs.wait', { runs: [twin.runId] });
    expect((await ask(engine, 'runs.get', { run: twin.runId })).run.weightsHash).toBe(row.weightsHash);
  }, 120_000);

  it('fails at the time limit of its job with that reason', async () => {
    const of = await startCounting({ time: '5' });
    await started(of);
    // A minute is the shortest that can be asked for.
    await cluster.run('scontrol', 'update', `JobId=${jobOf(of)}`, 'EndTime=now');
    expect(await ended(of)).toMatchObject({ status: 'failed', errorCode: 'COMMAND_TIME_LIMIT', errorMessage: expect.stringContaining('ran longer than its place lets it') });
    expect(placesOf(of).at(-2)).toMatchObject({ event: 'ended', reason: 'TIMEOUT' });
  }, 60_000);

  it('goes on while the daemon of its node is away, and while the controller is', async () => {
    const of = await startCounting();
    await started(of);
    for (const index of cluster.nodes.keys()) await cluster.killNode(index);
    await cluster.stopController();
    await sleep(1500);
    cluster.startController();
    for (const index of cluster.nodes.keys()) cluster.startNode(index);
    const counted = recordsOf(of.project.workspace, of.runId).length;
    await until(() => recordsOf(of.project.workspace, of.runId).length > counted, 'more of it');
    of.release();
    expect(await ended(of)).toMatchObject({ status: 'finished', attempts: 1 });
  }, 90_000);

  it('says why it waits where nobody will ever let it', async () => {
    const of = await startCounting({ options: ['--hold'] });
    await until(() => placesOf(of).some(({ reason }) => reason === 'It waits in the queue: JobHeldUser.'), 'the reason');
    await cluster.run('scontrol', 'release', jobOf(of));
    of.release();
    expect(await ended(of)).toMatchObject({ status: 'finished' });
    expect(existsSync(join(of.project.workspace, 'runs', of.runId, 'slurm.sh'))).toBe(true);
    expect(readFileSync(join(of.project.workspace, 'runs', of.runId, 'slurm.sh'), 'utf8')).toContain('#SBATCH --hold\n');
  }, 60_000);

  it('says that what it waits for did not end well', async () => {
    const of = await startCounting({}, { command: [python, '-c', 'import time; time.sleep(3); raise SystemExit(3)'] });
    const { run } = await ask(of.engine, 'runs.start', { config: of.project.config({ experiment: 'after', task: { command: [python, 'count.py', 'nothing'] }, executor: { ...EXECUTOR, after: { ok: ['commands'] } } }, 'after.yaml') });
    const waiting = { ...of, runId: run.runId };
    expect(await ended(of)).toMatchObject({ status: 'failed', errorCode: 'COMMAND_FAILED', exitCode: 3 });
    await until(() => placesOf(waiting).some(({ reason }) => reason === 'It waits in the queue: DependencyNeverSatisfied.'), 'the reason', 20_000);
    await ask(of.engine, 'runs.cancel', { run: run.runId });
    expect(await ended(waiting)).toMatchObject({ status: 'cancelled' });
  }, 60_000);

  it.skipIf(noSmallDisk !== null)('goes on when the disk of its node is no longer full, and has lost nothing', async () => {
    const disk = new SmallDisk(400);
    const of = await startCounting({}, {}, disk.folder);
    await started(of);
    disk.fill();
    await sleep(1500);
    disk.clear();
    await sleep(500);
    of.release();
    expect(await ended(of)).toMatchObject({ status: 'finished', attempts: 1 });
    const values = recordsOf(of.project.workspace, of.runId).flatMap((record) => (record.type === 'points' && record.key === 'loss' ? record.values : []));
    expect(values.length).toBeGreaterThan(15);
    expect(values).toEqual(values.map((_, step) => step));
  }, 60_000);
});
