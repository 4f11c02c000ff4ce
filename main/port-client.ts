/** The window's end of the port to the engine: numbers the calls, matches the answers, survives the engine. */
import type { EngineState } from '../src/api/bridge';
import type { EventName, EventOf, Input, Method, Output, Request } from '../src/api/contract';
import type { ErrorReport, Result } from '../src/errors/errors';
import type { PortMessage } from './port-protocol';

/** What is used of a DOM message port. */
export interface ClientPort {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  start(): void;
  close(): void;
}

const restarted: ErrorReport = {
  code: 'ENGINE_RESTARTED',
  kind: 'system',
  message: 'The engine was restarted before it could answer.',
  hint: 'Try again; nothing acknowledged was lost.',
};

interface Call {
  readonly method: Method;
  readonly input: unknown;
  readonly answer: (result: Result<unknown>) => void;
}

export class PortClient {
  private port: ClientPort | null = null;
  private engine: EngineState = { status: 'starting' };
  private nextId = 0;
  private readonly inFlight = new Map<number, Call>();
  /** Calls made while there is no engine: they go to the next one. */
  private readonly waiting: Call[] = [];
  /** A question that was asked before anybody wanted to know. */
  private ahead: { readonly method: Method; readonly input: string; readonly answer: Promise<Result<unknown>> } | null = null;
  private readonly listeners = new Map<EventName, Set<(value: never) => void>>();
  private readonly stateListeners = new Set<(state: EngineState) => void>();

  /** Never rejects. ENGINE_RESTARTED where the engine died on the call; the error of a failed engine where there is none. */
  call<M extends Method>(method: M, input: Input<M>): Promise<Result<Output<M>>> {
    const { ahead } = this;
    if (ahead?.method === method && ahead.input === JSON.stringify(input)) {
      this.ahead = null;
      return ahead.answer as Promise<Result<Output<M>>>;
    }
    return new Promise((resolve) => {
      const call: Call = { method, input, answer: (result) => resolve(result as Result<Output<M>>) };
      if (this.engine.status === 'failed') call.answer({ ok: false, error: this.engine.error });
      else if (this.port === null) this.waiting.push(call);
      else this.send(this.port, call);
    });
  }

  /** Asks already now. The first call that asks the same gets the answer, unless something has happened meanwhile. */
  askAhead<M extends Method>(method: M, input: Input<M>): Promise<Result<Output<M>>> {
    const answer = this.call(method, input);
    this.ahead = { method, input: JSON.stringify(input), answer };
    return answer;
  }

  on<E extends EventName>(event: E, listener: (value: EventOf<E>) => void): () => void {
    const listening = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, listening);
    listening.add(listener);
    return () => listening.delete(listener);
  }

  onState(listener: (state: EngineState) => void): () => void {
    this.stateListeners.add(listener);
    listener(this.engine);
    return () => this.stateListeners.delete(listener);
  }

  /** The main process says how the engine does. */
  setState(state: EngineState): void {
    if (state.status === 'ready' && this.engine.status === 'ready') return;
    this.engine = state;
    if (state.status === 'failed') this.dropPort(state.error);
    if (state.status === 'restarting') this.dropPort(restarted);
    if (state.status === 'failed') for (const call of this.waiting.splice(0)) call.answer({ ok: false, error: state.error });
    for (const listener of this.stateListeners) listener(state);
  }

  /** The main process hands over the port of a (new) engine, which serves it as soon as it is ready. */
  setPort(port: ClientPort): void {
    this.dropPort(restarted);
    this.port = port;
    port.addEventListener('message', (event) => {
      // A closed port may still deliver what was on the way.
      if (port === this.port) this.receive(event.data as PortMessage);
    });
    port.start();
    for (const call of this.waiting.splice(0)) this.send(port, call);
  }

  private dropPort(why: ErrorReport): void {
    if (this.port !== null) this.ahead = null;
    this.port?.close();
    this.port = null;
    const lost = [...this.inFlight.values()];
    this.inFlight.clear();
    for (const call of lost) call.answer({ ok: false, error: why });
  }

  private send(port: ClientPort, call: Call): void {
    const id = this.nextId;
    this.nextId += 1;
    this.inFlight.set(id, call);
    try {
      port.postMessage({ id, method: call.method, input: call.input } satisfies Request);
    } catch (error) {
      this.inFlight.delete(id);
      const message = error instanceof Error ? error.message : String(error);
      call.answer({ ok: false, error: { code: 'INPUT_INVALID', kind: 'input', message: `${call.method}: the input cannot be sent to the engine (${message}).` } });
    }
  }

  private receive(message: PortMessage): void {
    // One that speaks is ready, whether or not the main process has had the time to say so.
    this.setState({ status: 'ready' });
    switch (message.kind) {
      case 'result': {
        if (message.id === null) return;
        const call = this.inFlight.get(message.id);
        this.inFlight.delete(message.id);
        call?.answer(message.result);
        return;
      }
      case 'event':
        // Nobody may have heard it: what was answered before it could stay untrue for ever.
        this.ahead = null;
        for (const listener of this.listeners.get(message.event) ?? []) listener(message.value as never);
    }
  }
}
