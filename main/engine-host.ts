/** The engine's process: `engine-host.js WORKSPACE`, forked by the main process, which also forks workers on its behalf. */
import { isDeepStrictEqual } from 'node:util';
import { toErrorReport } from '../src/errors/errors';
import { createEngine, type Engine } from '../src/engine/engine';
import { brokerSpawn } from './broker-spawn';
import type { EngineMessage, MainMessage } from './messages';
import { PathGrants } from './path-grants';
import { serveClient, type ServerPort } from './serve-client';

/** What is used of Electron's process.parentPort. */
interface ParentPort {
  postMessage(message: unknown): void;
  on(event: 'message', listener: (event: { readonly data: unknown; readonly ports: ServerPort[] }) => void): unknown;
}

const parentPort = (process as unknown as { parentPort?: ParentPort }).parentPort;
const workspace = process.argv[2];
if (parentPort === undefined || workspace === undefined) {
  process.stderr.write('engine-host.js is started by the Reprise app.\n');
  process.exit(2);
}

const send = (message: EngineMessage): void => parentPort.postMessage(message);
const broker = brokerSpawn(send);
const grants = new PathGrants(workspace);
let engine: Promise<Engine> | null = null;

async function close(): Promise<void> {
  try {
    await (await engine)?.close();
  } catch (error) {
    process.stderr.write(`The engine could not close: ${toErrorReport(error).message}\n`);
    process.exit(1);
  }
  process.exit(0);
}

/** Messages that wait for their shapes: no client is served before them. */
let unchecked = 0;

parentPort.on('message', ({ data, ports }) => {
  // The one that comes first needs no schema.
  if (unchecked === 0 && isDeepStrictEqual(data, { type: 'client' })) receive({ type: 'client' }, ports);
  else void check(data, ports);
});

async function check(data: unknown, ports: readonly ServerPort[]): Promise<void> {
  unchecked += 1;
  const { mainMessage } = await import('./messages');
  unchecked -= 1;
  const parsed = mainMessage.safeParse(data);
  if (!parsed.success) {
    process.stderr.write('The engine received a message that it does not know.\n');
    return;
  }
  if (!broker.receive(parsed.data)) receive(parsed.data, ports);
}

function receive(message: MainMessage, ports: readonly ServerPort[]): void {
  switch (message.type) {
    case 'client':
      for (const port of ports) whenOpen((opened) => serveClient(port, opened, grants));
      return;
    case 'track':
      whenOpen((opened) => void track(opened));
      return;
    case 'grant':
      grants.add(message);
      send({ type: 'granted', id: message.id });
      return;
    case 'close':
      void close();
      return;
    case 'spawned':
    case 'spawn-failed':
    case 'exited':
      // The broker has taken these.
      return;
  }
}

/** Does nothing where the engine cannot open: what is wrong is told once, and the process ends. */
function whenOpen(then: (opened: Engine) => void): void {
  engine?.then(then, () => undefined);
}

/** Machines says whether it runs; why it could not start is for the log. */
async function track(opened: Engine): Promise<void> {
  const started = await opened.call('tracking.start', {});
  if (!started.ok) process.stderr.write(`The tracking server did not start with the app: ${started.error.message}\n`);
}

/** Tells the main process what it shows outside the window. */
function report(opened: Engine): void {
  const tasks = new Set<string>();
  opened.on('queue', (queue) => send({ type: 'queue', queue }));
  opened.on('studyEnded', (study) => send({ type: 'study-ended', study }));
  opened.on('task', ({ task, status }) => {
    const before = tasks.size;
    if (status === 'running') tasks.add(task);
    else tasks.delete(task);
    if (tasks.size !== before) send({ type: 'tasks', running: tasks.size });
  });
}

/** Runs that go on from the last time have been queued before anybody listened. */
function tellQueue(opened: Engine): void {
  try {
    send({ type: 'queue', queue: opened.queue() });
  } catch {
    // What is wrong with the store shows where it is asked for.
  }
}

async function open(opening: Promise<Engine>): Promise<void> {
  try {
    const opened = await opening;
    report(opened);
    send({ type: 'ready' });
    tellQueue(opened);
  } catch (error) {
    send({ type: 'failed', error: reportOf(error) });
    // The message leaves before the process does.
    setTimeout(() => process.exit(1), 100);
  }
}

engine = createEngine({ workspace, mode: 'host', spawn: broker.spawn });
// Not awaited here: what is loaded while the engine opens would wait for the end of this module, and the engine for it.
void open(engine);

function reportOf(error: unknown): Extract<EngineMessage, { type: 'failed' }>['error'] {
  const { code, kind, message, hint, problems } = toErrorReport(error);
  return { code, kind, message, ...(hint === undefined ? {} : { hint }), ...(problems === undefined ? {} : { problems: problems.map((problem) => ({ ...problem })) }) };
}
