/** Engine and workers: restart, broker, the order of things. Processes are stood in for; the e2e tests kill real ones. */
import { EventEmitter } from 'node:events';
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { brokerSpawn } from '../../../main/broker-spawn';
import { WorkerBroker, type ForkWorker, type Worker } from '../../../main/broker';
import { EngineSupervisor, type EngineNews, type EngineProcess } from '../../../main/engine-supervisor';
import { guarded } from '../../../main/ipc';
import { mainMessage, type MainMessage } from '../../../main/messages';
import { restartDecision } from '../../../main/restart-policy';
import type { EngineState } from '../../../src/api/bridge';
import type { WorkerExit } from '../../../src/execution/local/spawn';

describe('restartDecision', () => {
  it('waits longer each time, and gives up after a few within a minute', () => {
    const times: number[] = [];
    const decisions = [0, 1000, 2000, 3000, 4000].map((now) => restartDecision([...times, ...(times.push(now), [now])], now));
    expect(decisions.map((decision) => (decision.restart ? decision.delayMs : 'no'))).toEqual([200, 500, 1500, 4000, 'no']);
  });
  it('forgets what is older than a minute', () => {
    expect(restartDecision([0, 1, 2, 3, 60_003], 60_003)).toEqual({ restart: true, delayMs: 200, count: 1 });
  });
});

const hash = 'ab'.repeat(32);
let workspace: string;
let runFolder: string;
let dataFile: string;
beforeEach(async () => {
  workspace = await realpath(await mkdtemp(join(tmpdir(), 'reprise-broker-')));
  runFolder = join(workspace, 'runs', 'r1');
  dataFile = join(workspace, 'objects', 'ab', hash);
  await mkdir(runFolder, { recursive: true });
  await mkdir(join(workspace, 'objects', 'ab'), { recursive: true });
  await writeFile(dataFile, '');
});
afterEach(() => rm(workspace, { recursive: true, force: true }));

interface TestWorker extends Worker {
  readonly args: Parameters<ForkWorker>;
  killed: boolean;
  end: (exit: WorkerExit) => void;
}

function workers(): { fork: (...args: Parameters<ForkWorker>) => TestWorker; all: TestWorker[] } {
  const all: TestWorker[] = [];
  return {
    all,
    fork: (...args) => {
      let end: (exit: WorkerExit) => void = () => {};
      const exit = new Promise<WorkerExit>((resolve) => (end = resolve));
      const worker: TestWorker = {
        args,
        killed: false,
        started: Promise.resolve(100 + all.length),
        exit,
        end,
        kill() {
          worker.killed = true;
          end({ exitCode: null, signal: 'SIGKILL' });
        },
      };
      all.push(worker);
      return worker;
    },
  };
}

describe('the broker', () => {
  it('starts a worker, reports it and its end', async () => {
    const { fork, all } = workers();
    const broker = new WorkerBroker(workspace, fork);
    const replies: MainMessage[] = [];
    await broker.handle({ type: 'spawn', id: 0, runFolder, dataFile, environment: {} }, (reply) => replies.push(reply));
    expect(replies).toEqual([{ type: 'spawned', id: 0, pid: 100 }]);
    expect(all[0]?.args).toEqual([runFolder, dataFile, {}]);
    all[0]?.end({ exitCode: 130, signal: null });
    await Promise.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(replies[1]).toEqual({ type: 'exited', id: 0, exitCode: 130, signal: null });
    for (const reply of replies) expect(mainMessage.parse(reply)).toEqual(reply);
  });

  it('refuses paths outside the workspace, through links too, and forks nothing', async () => {
    const { fork, all } = workers();
    const broker = new WorkerBroker(workspace, fork);
    await symlink('/', join(workspace, 'runs', 'link'));
    await symlink('/etc/passwd', join(workspace, 'objects', 'ab', 'cd'.repeat(32)));
    const replies: MainMessage[] = [];
    for (const [folder, file] of [['/tmp', dataFile], [join(workspace, 'runs', 'link'), dataFile], [runFolder, join(workspace, 'objects', 'ab', 'cd'.repeat(32))], [join(workspace, 'runs', 'not-there'), dataFile]] as const) {
      await broker.handle({ type: 'spawn', id: replies.length, runFolder: folder, dataFile: file, environment: {} }, (reply) => replies.push(reply));
    }
    expect(replies.map((reply) => reply.type)).toEqual(['spawn-failed', 'spawn-failed', 'spawn-failed', 'spawn-failed']);
    expect(all).toHaveLength(0);
  });

  it('ends all workers, also one that was only asked for', async () => {
    const { fork, all } = workers();
    const broker = new WorkerBroker(workspace, fork);
    await broker.handle({ type: 'spawn', id: 0, runFolder, dataFile, environment: {} }, () => {});
    const late = broker.handle({ type: 'spawn', id: 1, runFolder, dataFile, environment: {} }, () => {});
    await broker.stopAll();
    await late;
    expect(all.map((worker) => worker.killed)).toEqual([true]);
  });

  it('and the spawn port of the engine understand each other', async () => {
    const { fork, all } = workers();
    const broker = new WorkerBroker(workspace, fork);
    const engine = brokerSpawn((message) => {
      if (message.type === 'spawn' || message.type === 'kill') void broker.handle(message, (reply) => engine.receive(reply));
    });
    const worker = await engine.spawn(runFolder, dataFile, { CUDA_VISIBLE_DEVICES: '1' });
    expect(worker.pid).toBe(100);
    worker.kill();
    expect(await worker.exit).toEqual({ exitCode: null, signal: 'SIGKILL' });
    expect(all[0]?.killed).toBe(true);
    expect(all[0]?.args).toEqual([runFolder, dataFile, { CUDA_VISIBLE_DEVICES: '1' }]);
    await expect(engine.spawn('/elsewhere', dataFile, {})).rejects.toMatchObject({ code: 'WORKER_SPAWN_FAILED' });
    expect(engine.receive({ type: 'close' })).toBe(false);
  });
});

class TestEngine extends EventEmitter implements EngineProcess<string> {
  readonly sent: [MainMessage, string[] | undefined][] = [];
  killed = false;
  postMessage(message: MainMessage, transfer?: string[]): void {
    this.sent.push([message, transfer]);
  }
  kill(): void {
    this.killed = true;
    this.emit('exit', 9);
  }
}

function supervised(): { supervisor: EngineSupervisor<string>; engines: TestEngine[]; states: EngineState[]; news: EngineNews[]; forked: TestWorker[]; log: string[]; advance: (ms: number) => void } {
  const engines: TestEngine[] = [];
  const states: EngineState[] = [];
  const news: EngineNews[] = [];
  const log: string[] = [];
  const { fork, all } = workers();
  let now = 0;
  const supervisor = new EngineSupervisor<string>({
    fork: () => {
      const engine = new TestEngine();
      engines.push(engine);
      return engine;
    },
    broker: new WorkerBroker(workspace, fork),
    onState: (state) => states.push(state),
    onNews: (one) => news.push(one),
    log: (text) => log.push(text),
    now: () => now,
  });
  return { supervisor, engines, states, news, forked: all, log, advance: (ms) => (now += ms) };
}

async function until(done: () => boolean): Promise<void> {
  for (let waited = 0; !done() && waited < 5000; waited += 5) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(done()).toBe(true);
}

describe('the supervisor', () => {
  it('hands clients to an engine that lives, also while it starts', () => {
    const { supervisor, engines } = supervised();
    expect(supervisor.connect('port')).toBe(false);
    supervisor.start();
    supervisor.start();
    expect(engines).toHaveLength(1);
    expect(supervisor.connect('port')).toBe(true);
    engines[0]?.emit('message', { type: 'ready' });
    expect(supervisor.connect('another')).toBe(true);
    expect(engines[0]?.sent).toEqual([[{ type: 'client' }, ['port']], [{ type: 'client' }, ['another']]]);
    engines[0]?.emit('exit', 9);
    expect(supervisor.connect('port')).toBe(false);
  });

  it('tells every engine what may be read before it gets a client, and what may be written once', async () => {
    const { supervisor, engines, news } = supervised();
    const grants = (engine: number): unknown[] => (engines[engine]?.sent ?? []).map(([message]) => (message.type === 'grant' ? `${message.access} ${message.path}` : message.type));
    // There is nothing to wait for while there is no engine.
    await supervisor.grant({ access: 'read', path: '/a' });
    await supervisor.grant({ access: 'write', path: '/out' });
    supervisor.start();
    supervisor.connect('port');
    expect(grants(0)).toEqual(['read /a', 'write /out', 'client']);
    engines[0]?.emit('message', { type: 'ready' });

    let known = false;
    const granted = supervisor.grant({ access: 'folder', path: '/b' }).then(() => (known = true));
    const last = engines[0]?.sent.at(-1)?.[0];
    if (last?.type !== 'grant') throw new Error('no grant was sent');
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(known).toBe(false);
    engines[0]?.emit('message', { type: 'granted', id: last.id });
    await granted;

    const lost = supervisor.grant({ access: 'read', path: '/c' });
    engines[0]?.emit('exit', 9);
    await lost;
    await until(() => engines.length === 2);
    engines[1]?.emit('message', { type: 'tasks', running: 2 });
    engines[1]?.emit('message', { type: 'ready' });
    expect(grants(1)).toEqual(['read /a', 'folder /b', 'read /c']);
    expect(news).toEqual([{ type: 'tasks', running: 2 }]);
  });

  it('ends the workers of a dead engine before it starts another', async () => {
    const { supervisor, engines, states, forked } = supervised();
    supervisor.start();
    engines[0]?.emit('message', { type: 'ready' });
    engines[0]?.emit('message', { type: 'spawn', id: 0, runFolder, dataFile, environment: {} });
    await until(() => forked.length === 1);
    engines[0]?.emit('exit', 9);
    expect(supervisor.state).toEqual({ status: 'restarting', restart: 1 });
    await until(() => engines.length === 2);
    expect(forked[0]?.killed).toBe(true);
    // What the dead engine still says counts for nothing.
    engines[0]?.emit('message', { type: 'ready' });
    expect(supervisor.state.status).toBe('restarting');
    engines[1]?.emit('message', { type: 'ready' });
    expect(states.map((state) => state.status)).toEqual(['starting', 'ready', 'restarting', 'ready']);
  });

  it('leaves an engine alone that says why it cannot start, until it is asked for again', async () => {
    const { supervisor, engines } = supervised();
    const error = { code: 'WORKSPACE_IN_USE', kind: 'system', message: 'held by another' } as const;
    supervisor.start();
    engines[0]?.emit('message', { type: 'failed', error });
    engines[0]?.emit('exit', 1);
    await until(() => supervisor.state.status === 'failed');
    expect(supervisor.state).toEqual({ status: 'failed', error });
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(engines).toHaveLength(1);
    supervisor.start();
    expect(engines).toHaveLength(2);
    expect(supervisor.state).toEqual({ status: 'starting' });
  });

  it('ignores and logs what it does not know', () => {
    const { supervisor, engines, log } = supervised();
    supervisor.start();
    for (const message of [null, 'ready', { type: 'quit' }, { type: 'spawn', id: 0, runFolder }, { type: 'spawn', id: 0, runFolder, dataFile, environment: { LD_PRELOAD: '/tmp/mine.so' } }]) engines[0]?.emit('message', message);
    expect(log).toHaveLength(5);
    expect(supervisor.state.status).toBe('starting');
  });

  it('asks the engine to close, and ends one that does not', async () => {
    const calm = supervised();
    calm.supervisor.start();
    const closed = calm.supervisor.stop();
    expect(calm.engines[0]?.sent).toEqual([[{ type: 'close' }, undefined]]);
    calm.engines[0]?.emit('exit', 0);
    await closed;
    expect(calm.engines[0]?.killed).toBe(false);
    expect(calm.engines).toHaveLength(1);

    const stuck = supervised();
    stuck.supervisor.start();
    await stuck.supervisor.stop(20);
    expect(stuck.engines[0]?.killed).toBe(true);
    stuck.supervisor.start();
    expect(stuck.engines).toHaveLength(1);
  });
});

describe('a guarded channel', () => {
  const frame = { url: 'app://reprise/index.html', parent: null };
  const log: string[] = [];
  const call = guarded('channel', { contentsId: () => 3, log: (text) => log.push(text) }, () => 'value');

  it('answers our page', async () => {
    expect(await call({ sender: { id: 3 }, senderFrame: frame })).toEqual({ ok: true, value: 'value' });
  });
  it.each([
    ['another window', { sender: { id: 4 }, senderFrame: frame }],
    ['an inner frame', { sender: { id: 3 }, senderFrame: { ...frame, parent: {} } }],
    ['a page of elsewhere', { sender: { id: 3 }, senderFrame: { ...frame, url: 'https://example.org/' } }],
    ['a frame that is gone', { sender: { id: 3 }, senderFrame: null }],
    ['a frame that is gone, as Electron 33 says it', { sender: { id: 3 }, senderFrame: undefined }],
  ])('refuses %s', async (_name, event) => {
    expect(await call(event)).toMatchObject({ ok: false, error: { code: 'SENDER_REFUSED' } });
  });
  it('refuses arguments', async () => {
    expect(await call({ sender: { id: 3 }, senderFrame: frame }, '/etc/passwd')).toMatchObject({ ok: false, error: { code: 'INPUT_INVALID' } });
  });
  it('answers with a report where the work fails', async () => {
    const failing = guarded('channel', { contentsId: () => 3, log: () => {} }, () => {
      throw new Error('broken');
    });
    expect(await failing({ sender: { id: 3 }, senderFrame: frame })).toMatchObject({ ok: false, error: { code: 'INTERNAL' } });
  });
});
