/** Both ends of the port between window and engine, over a real message channel. */
import { MessageChannel, type MessagePort as NodePort } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { PortClient, type ClientPort } from '../../../main/port-client';
import { PathGrants } from '../../../main/path-grants';
import { serveClient, type ServerPort } from '../../../main/serve-client';
import { bridgeName, methodNames } from '../../../src/api/bridge';
import { methods, type EngineClient, type EventOf } from '../../../src/api/contract';
import type { Result } from '../../../src/errors/errors';

const open: NodePort[] = [];
const grants = new PathGrants('/w');
afterEach(() => {
  for (const port of open.splice(0)) port.close();
});

function channel(): { client: ClientPort; server: ServerPort; raw: NodePort } {
  const { port1, port2 } = new MessageChannel();
  open.push(port1, port2);
  const server: ServerPort = {
    postMessage: (message) => port2.postMessage(message),
    on: (event: string, listener: (value: { data: unknown }) => void) => port2.on(event, (data: unknown) => listener({ data })),
    start: () => port2.start(),
  };
  return { client: port1 as unknown as ClientPort, server, raw: port1 };
}

/** An engine that answers what the test tells it to. */
function engineOf(answer: (method: string, input: unknown) => Promise<unknown>): EngineClient & { emitRun: (run: EventOf<'run'>) => void; listeners: number } {
  const listeners = new Set<(value: never) => void>();
  return {
    call: (method, input) => answer(method, input) as never,
    on: (_event, listener) => {
      listeners.add(listener as never);
      return () => listeners.delete(listener as never);
    },
    emitRun: (run) => listeners.forEach((listener) => listener(run as never)),
    get listeners() {
      return listeners.size;
    },
  };
}

const info = { version: '1', workspace: '/w', readOnly: false, cores: 2 };

function nextMessage(port: NodePort): Promise<unknown> {
  return new Promise((resolve) => port.once('message', resolve));
}

describe('names', () => {
  it('of the bridge cover the contract', () => {
    expect([...methodNames].sort()).toEqual(Object.keys(methods).sort());
    expect(methodNames.map((name) => bridgeName(name))).toContain('runsStart');
    expect(new Set(methodNames.map((name) => bridgeName(name))).size).toBe(methodNames.length);
  });
});

describe('a call', () => {
  it('is answered; typed arrays cross as they are', async () => {
    const { client, server } = channel();
    serveClient(server, engineOf(async () => ({ ok: true, value: { steps: new Float64Array([0, 1]), values: new Float64Array([Number.NaN, 0.5]) } })), grants);
    const port = new PortClient();
    port.setPort(client);
    const series = await port.call('runs.series', { run: 'abcd', key: 'train.loss' });
    expect(series).toEqual({ ok: true, value: { steps: new Float64Array([0, 1]), values: new Float64Array([Number.NaN, 0.5]) } });
  });

  it('asked ahead answers the first call that asks the same, and no other', async () => {
    const { client, server } = channel();
    let asked = 0;
    serveClient(server, engineOf(async () => {
      asked += 1;
      return { ok: true, value: { ...info, cores: asked } };
    }), grants);
    const port = new PortClient();
    port.askAhead('app.info', {});
    port.setState({ status: 'ready' });
    port.setPort(client);
    expect(await port.call('app.info', {})).toEqual({ ok: true, value: { ...info, cores: 1 } });
    expect(await port.call('app.info', {})).toEqual({ ok: true, value: { ...info, cores: 2 } });
  });

  it('asked ahead is asked again where something has happened since', async () => {
    const { client, server } = channel();
    let asked = 0;
    const engine = engineOf(async () => {
      asked += 1;
      return { ok: true, value: { ...info, cores: asked } };
    });
    serveClient(server, engine, grants);
    const port = new PortClient();
    const told = new Promise<void>((resolve) => port.on('run', () => resolve()));
    port.askAhead('app.info', {});
    port.setPort(client);
    engine.emitRun({} as EventOf<'run'>);
    await told;
    expect(await port.call('app.info', {})).toEqual({ ok: true, value: { ...info, cores: 2 } });
  });

  it('made before there is an engine waits for it', async () => {
    const { client, server } = channel();
    serveClient(server, engineOf(async () => ({ ok: true, value: info })), grants);
    const port = new PortClient();
    const answer = port.call('app.info', {});
    port.setState({ status: 'ready' });
    port.setPort(client);
    expect(await answer).toEqual({ ok: true, value: info });
  });

  it('in flight when the engine dies is answered ENGINE_RESTARTED; the next goes to the new engine', async () => {
    const first = channel();
    serveClient(first.server, engineOf(() => new Promise(() => {})), grants);
    const port = new PortClient();
    port.setPort(first.client);
    const lost = port.call('app.info', {});
    port.setState({ status: 'restarting', restart: 1 });
    expect(await lost).toMatchObject({ ok: false, error: { code: 'ENGINE_RESTARTED', kind: 'system' } });

    const next = port.call('app.info', {});
    const second = channel();
    serveClient(second.server, engineOf(async () => ({ ok: true, value: info })), grants);
    port.setState({ status: 'ready' });
    port.setPort(second.client);
    expect(await next).toEqual({ ok: true, value: info });
  });

  it('may be sent to an engine that starts: its answer says that it is ready', async () => {
    const { client, server } = channel();
    const port = new PortClient();
    const seen: string[] = [];
    port.onState((state) => seen.push(state.status));
    port.setPort(client);
    const answer = port.call('app.info', {});
    port.setState({ status: 'starting' });
    serveClient(server, engineOf(async () => ({ ok: true, value: info })), grants);
    expect(await answer).toEqual({ ok: true, value: info });
    port.setState({ status: 'ready' });
    expect(seen).toEqual(['starting', 'starting', 'ready']);
  });

  it('sent to an engine that cannot open the workspace is answered with the reason', async () => {
    const { client } = channel();
    const port = new PortClient();
    port.setPort(client);
    const waiting = port.call('app.info', {});
    const error = { code: 'WORKSPACE_IN_USE', kind: 'system', message: 'held' } as const;
    port.setState({ status: 'failed', error });
    expect(await waiting).toEqual({ ok: false, error });
  });

  it('is answered with the reason where the engine stays away', async () => {
    const port = new PortClient();
    const waiting = port.call('app.info', {});
    const error = { code: 'WORKSPACE_IN_USE', kind: 'system', message: 'held' } as const;
    port.setState({ status: 'failed', error });
    expect(await waiting).toEqual({ ok: false, error });
    expect(await port.call('app.info', {})).toEqual({ ok: false, error });
  });

  it('with an input that cannot be sent is answered, not thrown', async () => {
    const { client } = channel();
    const port = new PortClient();
    port.setPort(client);
    expect(await port.call('app.info', { f: () => 0 } as never)).toMatchObject({ ok: false, error: { code: 'INPUT_INVALID' } });
  });

  it('whose answer is not what the contract says is refused', async () => {
    const { raw, server } = channel();
    serveClient(server, engineOf(async () => ({ ok: true, value: { version: 1 } })), grants);
    raw.postMessage({ id: 5, method: 'app.info', input: {} });
    expect(await nextMessage(raw)).toMatchObject({ kind: 'result', id: 5, result: { ok: false, error: { code: 'ANSWER_INVALID' } } });
  });

  it('that makes the engine throw is answered', async () => {
    const { raw, server } = channel();
    serveClient(server, engineOf(() => Promise.reject(new Error('broken'))), grants);
    raw.postMessage({ id: 5, method: 'app.info', input: {} });
    expect(await nextMessage(raw)).toMatchObject({ id: 5, result: { ok: false, error: { code: 'INTERNAL' } } });
  });
});

it.each([['text', null], [null, null], [[], null], [{ id: 1 }, 1], [{ id: 2, method: 'shell', input: {} }, 2], [{ id: 3, method: 'toString', input: {} }, 3], [{ id: 4, method: 'app.info', input: {}, more: 1 }, 4], [{ id: -1, method: 'app.info' }, null]])(
  'a message that is no request is refused: %j',
  async (message, id) => {
    const { raw, server } = channel();
    const called: string[] = [];
    serveClient(server, engineOf(async (method) => called.push(method)), grants);
    raw.postMessage(message);
    expect(await nextMessage(raw)).toMatchObject({ kind: 'result', id, result: { ok: false, error: { code: 'REQUEST_INVALID' } } });
    expect(called).toEqual([]);
  },
);

it('events reach those who listen, until they or their port end', async () => {
  const { client, server, raw } = channel();
  const engine = engineOf(async () => ({ ok: true, value: info }));
  serveClient(server, engine, grants);
  const port = new PortClient();
  port.setPort(client);
  const seen: string[] = [];
  const end = port.on('run', (run) => seen.push(run.runId));
  engine.emitRun({ runId: 'a' } as EventOf<'run'>);
  const settled = async (): Promise<Result<unknown>> => port.call('app.info', {});
  await settled();
  end();
  engine.emitRun({ runId: 'b' } as EventOf<'run'>);
  await settled();
  expect(seen).toEqual(['a']);
  raw.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(engine.listeners).toBe(0);
});

it('a listener for the state hears the present one at once', () => {
  const port = new PortClient();
  const seen: string[] = [];
  const end = port.onState((state) => seen.push(state.status));
  port.setState({ status: 'ready' });
  end();
  port.setState({ status: 'starting' });
  expect(seen).toEqual(['starting', 'ready']);
});
