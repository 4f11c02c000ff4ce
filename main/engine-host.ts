/** The engine's process: `engine-host.js WORKSPACE`, forked by the main process, which also forks workers on its behalf. */
import { toErrorReport } from '../src/errors/errors';
import { createEngine, type Engine } from '../src/engine/engine';
import { brokerSpawn } from './broker-spawn';
import { mainMessage, type EngineMessage } from './messages';
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

parentPort.on('message', ({ data, ports }) => {
  const parsed = mainMessage.safeParse(data);
  if (!parsed.success) {
    process.stderr.write('The engine received a message that it does not know.\n');
    return;
  }
  if (broker.receive(parsed.data)) return;
  if (parsed.data.type === 'close') void close();
  else for (const port of ports) void engine?.then((opened) => serveClient(port, opened));
});

engine = createEngine({ workspace, mode: 'host', spawn: broker.spawn });
try {
  await engine;
  send({ type: 'ready' });
} catch (error) {
  send({ type: 'failed', error: reportOf(error) });
  // The message leaves before the process does.
  setTimeout(() => process.exit(1), 100);
}

function reportOf(error: unknown): Extract<EngineMessage, { type: 'failed' }>['error'] {
  const { code, kind, message, hint, problems } = toErrorReport(error);
  return { code, kind, message, ...(hint === undefined ? {} : { hint }), ...(problems === undefined ? {} : { problems: problems.map((problem) => ({ ...problem })) }) };
}
