/** Starts the engine's process, watches over it, brings it back when it dies, and ends it. */
import type { ErrorReport } from '../src/errors/errors';
import type { EngineState } from '../src/api/bridge';
import type { WorkerBroker } from './broker';
import { engineMessage, type EngineMessage, type MainMessage } from './messages';
import type { Grant } from './path-grants';
import { restartDecision } from './restart-policy';

/** What is used of an Electron utility process. `P` is the port of a client. */
export interface EngineProcess<P> {
  postMessage(message: MainMessage, transfer?: P[]): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  once(event: 'exit', listener: (code: number) => void): unknown;
  /** Ends the process at once. */
  kill(): void;
}

/** What the engine tells beyond its own life and its workers. */
export type EngineNews = Extract<EngineMessage, { type: 'queue' | 'tasks' | 'study-ended' }>;

export interface SupervisorOptions<P> {
  readonly fork: () => EngineProcess<P>;
  readonly broker: WorkerBroker;
  readonly onState: (state: EngineState) => void;
  readonly onNews: (news: EngineNews) => void;
  readonly log: (text: string) => void;
  readonly now?: () => number;
}

/** How long an engine may take to stop its workers and let go of the workspace. */
const CLOSE_LIMIT_MS = 10_000;

export class EngineSupervisor<P> {
  private process: EngineProcess<P> | null = null;
  /** Whether `process` takes messages: from its fork on, before the engine in it is ready, until it dies. */
  private alive = false;
  private current: EngineState = { status: 'starting' };
  private readonly crashes: number[] = [];
  private restartTimer: NodeJS.Timeout | null = null;
  private stopping = false;
  /** Why the engine could not start, as it said itself: starting it again would not help by itself. */
  private failure: ErrorReport | null = null;
  private readonly gone = new Set<() => void>();
  /** What people allowed and every engine must know. */
  private readonly lasting = new Map<string, Grant>();
  /** Grants for one use that no engine knows yet. */
  private readonly unsent: Grant[] = [];
  private nextGrant = 0;
  private readonly unacknowledged = new Map<number, () => void>();

  constructor(private readonly options: SupervisorOptions<P>) {}

  get state(): EngineState {
    return this.current;
  }

  /** Starts the engine; also one that has failed, with its crashes forgiven. Nothing happens where one runs. */
  start(): void {
    if (this.process !== null || this.restartTimer !== null || this.stopping) return;
    this.crashes.length = 0;
    this.setState({ status: 'starting' });
    this.launch();
  }

  /** Gives the engine the port of a client; one that starts serves it as soon as it is ready. False where there is no engine. */
  connect(port: P): boolean {
    if (!this.alive) return false;
    this.process?.postMessage({ type: 'client' }, [port]);
    return true;
  }

  /** Starts the tracking server of the engine, where one is ready. */
  track(): void {
    if (this.current.status === 'ready') this.process?.postMessage({ type: 'track' });
  }

  /** Lets windows name a path; settles when the engine knows, at once where there is none: the next one is told before it gets a client. */
  async grant(grant: Grant): Promise<void> {
    if (grant.access !== 'write') this.lasting.set(`${grant.access} ${grant.path}`, grant);
    else if (!this.alive) this.unsent.push(grant);
    if (this.alive) await this.sendGrant(grant);
  }

  private sendGrant(grant: Grant): Promise<void> {
    const id = this.nextGrant;
    this.nextGrant += 1;
    return new Promise((resolve) => {
      this.unacknowledged.set(id, resolve);
      this.process?.postMessage({ type: 'grant', id, access: grant.access, path: grant.path });
    });
  }

  /** Asks the engine to close and waits until it is gone; one that takes too long is ended. Its runs go on at the next start. */
  async stop(limitMs = CLOSE_LIMIT_MS): Promise<void> {
    this.stopping = true;
    if (this.restartTimer !== null) clearTimeout(this.restartTimer);
    this.restartTimer = null;
    const { process } = this;
    if (process !== null) {
      const exited = new Promise<void>((resolve) => this.gone.add(resolve));
      process.postMessage({ type: 'close' });
      const timer = setTimeout(() => {
        this.options.log(`The engine did not close within ${limitMs} ms and was ended.`);
        process.kill();
      }, limitMs);
      await exited;
      clearTimeout(timer);
    }
    await this.options.broker.stopAll();
  }

  private launch(): void {
    const process = this.options.fork();
    this.process = process;
    this.alive = true;
    process.on('message', (message) => this.receive(process, message));
    process.once('exit', (code) => void this.exited(process, code));
    for (const grant of [...this.lasting.values(), ...this.unsent.splice(0)]) void this.sendGrant(grant);
  }

  private receive(process: EngineProcess<P>, raw: unknown): void {
    if (process !== this.process) return;
    const parsed = engineMessage.safeParse(raw);
    if (!parsed.success) {
      this.options.log('The engine sent a message that the main process does not know.');
      return;
    }
    const message = parsed.data;
    switch (message.type) {
      case 'ready':
        this.setState({ status: 'ready' });
        return;
      case 'granted':
        this.unacknowledged.get(message.id)?.();
        this.unacknowledged.delete(message.id);
        return;
      case 'queue':
      case 'tasks':
      case 'study-ended':
        this.options.onNews(message);
        return;
      case 'failed':
        this.failure = message.error;
        return;
      case 'spawn':
      case 'kill':
        void this.options.broker.handle(message, (reply) => {
          if (process === this.process) process.postMessage(reply);
        });
    }
  }

  private async exited(process: EngineProcess<P>, code: number): Promise<void> {
    if (process !== this.process) return;
    this.alive = false;
    const { failure } = this;
    this.failure = null;
    // Nobody waits for an answer of an engine that is gone.
    for (const resolve of this.unacknowledged.values()) resolve();
    this.unacknowledged.clear();
    const now = this.options.now ?? Date.now;
    this.crashes.push(now());
    const decision = restartDecision(this.crashes, now());
    if (!this.stopping && failure === null) {
      this.options.log(`The engine ended unexpectedly (code ${code}).`);
      // Before anything is waited for: calls in flight are answered at once.
      if (decision.restart) this.setState({ status: 'restarting', restart: decision.count });
    }
    // The new engine takes up the runs of these workers: none of them may still be writing.
    await this.options.broker.stopAll();
    this.process = null;
    for (const resolve of this.gone) resolve();
    this.gone.clear();
    if (this.stopping) return;
    if (failure !== null) {
      this.setState({ status: 'failed', error: failure });
      return;
    }
    if (!decision.restart) {
      this.setState({
        status: 'failed',
        error: {
          code: 'ENGINE_CRASHED',
          kind: 'system',
          message: `The engine ended unexpectedly ${decision.crashes} times within a minute (last exit code ${code}).`,
          hint: 'Nothing acknowledged was lost. Start the engine again; if it fails again, check free memory and disk space.',
        },
      });
      return;
    }
    this.restartTimer = setTimeout(() => {
      this.restartTimer = null;
      this.launch();
    }, decision.delayMs);
  }

  private setState(state: EngineState): void {
    this.current = state;
    this.options.onState(state);
  }
}
