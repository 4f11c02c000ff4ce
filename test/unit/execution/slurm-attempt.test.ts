/** An attempt on a cluster whose commands are scripted with what real ones printed: states that no test cluster comes into at will. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { NewRecord } from '../../../src/events/records';
import type { AttemptEnd, Order } from '../../../src/execution/executor';
import { SlurmAttempt } from '../../../src/execution/slurm/attempt';
import { ClusterQueue, type Told } from '../../../src/execution/slurm/queue';
import type { OutpostWord } from '../../../src/outpost/words';
import { sampleManifest } from '../store/sample';
import { commandManifest } from '../store/tracked';

const FOLDER = '/b/jobs/t1';
const placed = { job: { cluster: 'big', id: 12, index: 3, token: 't1' }, folder: FOLDER };
const said = (stdout: string): Told => ({ exitCode: 0, stdout, stderr: '' });

class Scene {
  readonly told: NewRecord[] = [];
  readonly asked: string[][] = [];
  readonly runFolder = mkdtempSync(join(tmpdir(), 'reprise-attempt-'));
  /** What squeue prints of the job; null: nothing any more. */
  job: string | null = 'PENDING|n/a|Priority';
  accounts = '';
  hear: (word: OutpostWord) => void = () => undefined;
  /** Written, and not brought here yet. */
  late: OutpostWord[] = [];
  words = '';
  isCollected = false;
  readonly attempt: SlurmAttempt;

  constructor(manifest: Order['manifest'] = sampleManifest('r')) {
    mkdirSync(join(this.runFolder, 'attempt-1'));
    const login = (argv: readonly string[]): Promise<Told> => {
      this.asked.push([...argv]);
      const [state = '', node = '', reason = ''] = this.job?.split('|') ?? [];
      if (argv[0] === 'squeue') return Promise.resolve(this.job === null ? { exitCode: 1, stdout: '', stderr: 'slurm_load_jobs error: Invalid job id specified' } : said(`12|2|RUNNING|a|${FOLDER}|None\n12|3|${state}|${node}|${FOLDER}|${reason}\n`));
      if (argv[0] === 'sacct') return Promise.resolve(this.accounts === '' ? { exitCode: 1, stdout: '', stderr: 'Slurm accounting storage is disabled' } : said(this.accounts));
      if (argv[0] === 'scontrol') return Promise.resolve(said(`JobId=15 ArrayJobId=12 ArrayTaskId=3 JobState=${state} Reason=${reason} ExitCode=1:0 WorkDir=${FOLDER} `));
      return Promise.resolve(said(''));
    };
    const order = { runId: 'r', attempt: 1, manifest, runFolder: this.runFolder, tell: (...records: NewRecord[]) => Promise.resolve(void this.told.push(...records)) } as unknown as Order;
    this.attempt = new SlurmAttempt({
      order,
      machine: 'cluster',
      from: null,
      placed,
      queue: new ClusterQueue({ login, pollMs: 10 }),
      way: {
        listen: (hear) => (this.hear = hear),
        catchUp: () => Promise.resolve(this.late.splice(0).forEach((word) => this.hear(word))),
        collect: () => Promise.resolve(void (this.isCollected = true)),
        askToCancel: () => Promise.resolve(),
        lastWords: () => Promise.resolve(this.words),
        stop: () => undefined,
      },
    });
    onTestFinished(() => {
      this.attempt.detach();
      rmSync(this.runFolder, { recursive: true });
    });
  }

  async until(event: string): Promise<void> {
    await expect.poll(() => this.events(), { interval: 5, timeout: 4000 }).toContain(event);
  }

  /** `event attempt` of all place records. */
  events(): string[] {
    return this.told.flatMap((record) => (record.type === 'place' ? [`${record.event} ${record.attempt}`] : []));
  }

  end(): Promise<AttemptEnd | 'detached'> {
    return this.attempt.end;
  }

  isCancelled(): boolean {
    return existsSync(join(this.runFolder, 'cancel'));
  }
}

const started = (attempt: number): OutpostWord => ({ event: 'started', attempt, time: 1, host: `node${attempt}`, pid: 1, startTime: '1', runtime: { platform: 'linux', arch: 'x64', cpuFlags: ['avx2', 'fma'] } });
const ended = (attempt: number, how: Partial<Extract<OutpostWord, { event: 'ended' }>> = {}): OutpostWord => ({ event: 'ended', attempt, time: 2, exitCode: 0, signal: null, outOfMemory: false, wasStopped: false, problem: null, ...how });
const stopped = (attempt: number): OutpostWord => ended(attempt, { exitCode: null, signal: 'SIGTERM', wasStopped: true });

test('a run that came to its own end is not asked about', async () => {
  const scene = new Scene();
  scene.hear(started(1));
  scene.hear(ended(1, { exitCode: 1 }));
  expect(await scene.end()).toEqual({ exitCode: 1, signal: null, problem: null });
  expect(scene.events()).toEqual(['started 1', 'ended 1']);
  expect(scene.told[0]).toMatchObject({ executor: 'slurm', machine: 'cluster', job: 'big/12_3/t1', node: 'node1', facts: { started: '1', platform: 'linux', arch: 'x64', cpuFlags: 'avx2 fma' } });
  expect([scene.isCancelled(), scene.isCollected]).toEqual([false, true]);
});

test('what could not begin on its node says why', async () => {
  const other = new Scene();
  other.hear(ended(1, { exitCode: null, problem: { code: 'DISK_FULL', message: 'No room.' } }));
  expect(await other.end()).toEqual({ exitCode: null, signal: null, problem: { code: 'DISK_FULL', message: 'No room.' } });
});

test('an answer of the queue that is older than the start is not taken for a requeue', async () => {
  const scene = new Scene();
  scene.hear(started(1));
  scene.job = 'RUNNING|a|None';
  await setTimeout(50);
  scene.hear(ended(1));
  await scene.end();
  expect(scene.events()).toEqual(['started 1', 'ended 1']);
});

test('a job that is started again goes on as the next attempt, whether the queue tells of it first or the node does', async () => {
  const scene = new Scene();
  scene.hear(started(1));
  await scene.until('started 1');
  scene.late = [stopped(1)];
  scene.job = 'PENDING|n/a|BeginTime';
  await scene.until('requeued 1');
  scene.job = 'RUNNING|b|None';
  scene.hear(started(2));
  await scene.until('started 2');
  scene.hear(stopped(2));
  scene.hear(started(3));
  scene.hear(ended(3));
  expect(await scene.end()).toMatchObject({ problem: null });
  expect(scene.events()).toEqual(['started 1', 'requeued 1', 'started 2', 'requeued 2', 'started 3', 'ended 3']);
});

test.each([
  ['TIMEOUT|a|TimeLimit', 'TIME_LIMIT'],
  ['DEADLINE|a|DeadLine', 'DEADLINE'],
  ['OUT_OF_MEMORY|a|OutOfMemory', 'OUT_OF_MEMORY'],
])('%s fails a training with %s', async (job, code) => {
  const scene = new Scene();
  scene.hear(started(1));
  scene.late = [stopped(1)];
  scene.job = job;
  expect(await scene.end()).toMatchObject({ problem: { code, message: expect.stringMatching(/12_3 of big/u) } });
  expect(scene.told.at(-1)).toMatchObject({ event: 'ended', reason: job.split('|')[0], outOfMemory: code === 'OUT_OF_MEMORY' });
});

test('a time limit is written down for a command, which may have further attempts', async () => {
  const scene = new Scene(commandManifest('r'));
  const exit = { reason: 'stopped', exitCode: null, signal: 'SIGTERM', startedAt: 1, endedAt: 2, message: null, leftBehind: 0, droppedLines: 3 };
  writeFileSync(join(scene.runFolder, 'attempt-1', 'exit.json'), JSON.stringify(exit));
  scene.hear(started(1));
  scene.hear(stopped(1));
  scene.job = 'TIMEOUT|a|TimeLimit';
  expect(await scene.end()).toMatchObject({ problem: null });
  expect(JSON.parse(readFileSync(join(scene.runFolder, 'attempt-1', 'exit.json'), 'utf8'))).toEqual({ ...exit, reason: 'time-limit', message: expect.stringContaining('time limit') });
});

test.each(['NODE_FAIL|a|NodeDown', 'PREEMPTED|a|None', 'BOOT_FAIL|a|None'])('%s interrupts a run, which goes on', async (job) => {
  const scene = new Scene();
  scene.hear(started(1));
  scene.late = [stopped(1)];
  scene.job = job;
  expect(await scene.end()).toMatchObject({ problem: null });
  expect(scene.told.at(-1)).toMatchObject({ type: 'message', text: expect.stringContaining(job.split('|')[0] ?? '') });
  expect(scene.isCancelled()).toBe(false);
});

test('a job that somebody else cancelled cancels the run, and accounting says who it was', async () => {
  const scene = new Scene();
  scene.accounts = `12_3|CANCELLED by 1000|0:15|a|${FOLDER}\n`;
  scene.hear(started(1));
  scene.late = [stopped(1)];
  scene.job = 'CANCELLED|a|None';
  expect(await scene.end()).toMatchObject({ problem: null });
  expect(scene.isCancelled()).toBe(true);
  expect(scene.told.at(-1)).toMatchObject({ type: 'message', text: 'Job 12_3 of big was cancelled on the cluster by user 1000.' });
});

test('one that was ended from here is not cancelled by that', async () => {
  const scene = new Scene();
  scene.hear(started(1));
  scene.job = 'RUNNING|a|None';
  await scene.until('started 1');
  scene.attempt.kill();
  await expect.poll(() => scene.asked.find(([program]) => program === 'scancel'), { interval: 5 }).toEqual(['scancel', '12_3']);
  scene.late = [stopped(1)];
  scene.job = 'CANCELLED|a|None';
  expect(await scene.end()).toMatchObject({ problem: null });
  expect(scene.isCancelled()).toBe(false);
});

test('a script that fails before the run is told of with its last words', async () => {
  const scene = new Scene();
  scene.words = 'module: command not found\n';
  scene.job = 'FAILED|a|NonZeroExitCode';
  expect(await scene.end()).toEqual({ exitCode: 1, signal: null, problem: { code: 'JOB_FAILED', message: expect.stringMatching(/FAILED, exit code 1.*\nmodule: command not found$/su) } });
}, 10_000);

test('a job that the cluster has forgotten is what its records say: over, or interrupted', async () => {
  const over = new Scene();
  over.late = [started(1), ended(1)];
  over.job = null;
  expect(await over.end()).toEqual({ exitCode: 0, signal: null, problem: null });
  expect(over.told.some(({ type }) => type === 'message')).toBe(false);
  const open = new Scene();
  open.late = [started(1)];
  open.job = null;
  expect(await open.end()).toMatchObject({ problem: null });
  expect(open.told.at(-1)).toMatchObject({ type: 'message', text: expect.stringContaining('no longer knows job 12_3') });
}, 10_000);

test('a job of the same number with another folder is another job, which is neither followed nor ended', async () => {
  const asked: string[][] = [];
  const queue = new ClusterQueue({ pollMs: 10, login: (argv) => Promise.resolve(said(asked.push([...argv]) > 0 ? '12|3|RUNNING|a|/b/jobs/t0|None\n' : '')) });
  const heard = new Promise((resolve) => onTestFinished(queue.follow(placed, resolve)));
  expect(await heard).toBe('gone');
  queue.cancel(placed);
  await setTimeout(300);
  expect(asked.some(([program]) => program === 'scancel')).toBe(false);
});

test('why a job waits is told once, where somebody should know', async () => {
  const scene = new Scene();
  scene.job = 'PENDING|n/a|DependencyNeverSatisfied';
  await scene.until('submitted 1');
  scene.job = 'PENDING|n/a|Priority';
  scene.hear(started(1));
  scene.hear(ended(1));
  await scene.end();
  expect(scene.told[0]).toMatchObject({ reason: 'It waits in the queue: DependencyNeverSatisfied.' });
  expect(scene.events().filter((event) => event === 'submitted 1')).toHaveLength(1);
});

test('cancelled while it waits, it is taken out of the queue', async () => {
  const scene = new Scene();
  scene.attempt.cancel();
  await expect.poll(() => scene.asked.some(([program]) => program === 'scancel'), { interval: 5 }).toBe(true);
  scene.job = 'CANCELLED|n/a|None';
  expect(await scene.end()).toMatchObject({ problem: null });
  expect(scene.events()).toEqual(['ended 1']);
});
