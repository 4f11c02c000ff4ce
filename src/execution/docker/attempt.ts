/** A container under way, from its start, or from where an earlier host left it, to its end. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import type { Container } from 'dockerode';
import { RepriseError } from '../../errors/errors';
import type { PlaceRecord } from '../../events/records';
import type { Attempt, AttemptEnd } from '../executor';
import type { Engine } from './client';
import { endOf, eventsOf, type Asked, type ContainerEnd, type ContainerState } from './end';
import { logPieces, type LogPiece } from './logs';
import { dockerProblem, isAbort, isGone, isOutOfReach } from './problems';

/** What becomes of a container's output and files: of a command's, or of a training's. */
export interface Contents {
  /** All of the output follows, from its first piece. */
  begin(): void;
  piece(piece: LogPiece): void;
  /** Called again and again while it runs. */
  look(): Promise<void>;
  /** It is over: all it wrote comes here. @returns what the port says of the end */
  collect(end: ContainerEnd): Promise<AttemptEnd>;
  /** Asks the program itself to end, where it listens; absent: it gets a signal. */
  cancel?(): Promise<void>;
  /** Gives back what it holds open. */
  close(): void;
}

export interface AttemptOptions {
  readonly engine: Engine;
  readonly container: Container;
  readonly contents: Contents;
  /** Milliseconds it may still run; null for ever. */
  readonly timeLeftMs: number | null;
  /** Time between the request to end and its enforcement. */
  readonly graceMs: number;
  /** Whether somebody asked for its end in this process or an earlier one. */
  readonly isCancelled: () => boolean;
  readonly place: (event: PlaceRecord['event'], more?: Partial<PlaceRecord>) => Promise<void>;
  readonly tell: (level: 'info' | 'warning', text: string) => Promise<void>;
}

const LOOK_MS = 500;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5000;
/** An engine elsewhere that does not answer for so long is out of reach. */
export const ANSWER_MS = 10_000;
const SETTLED_MS = 1000;

export class ContainerAttempt implements Attempt {
  readonly pid = null;
  readonly end: Promise<AttemptEnd | 'detached'>;
  readonly #options: AttemptOptions;
  readonly #detached = new AbortController();
  readonly #impatient = new AbortController();
  #asked: Asked = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: AttemptOptions) {
    this.#options = options;
    if (options.timeLeftMs !== null) this.#timer = setTimeout(() => this.#ask('time-limit'), Math.max(0, options.timeLeftMs));
    this.end = this.#carryOut();
  }

  cancel(): void {
    const { contents } = this.#options;
    if (contents.cancel === undefined) this.#ask('cancelled');
    else contents.cancel().catch(() => this.#ask('cancelled'));
  }

  kill(): void {
    this.#ask('stopped');
  }

  detach(): void {
    this.#detached.abort();
  }

  #ask(reason: Exclude<Asked, null>): void {
    // Somebody lost patience with what was asked for before: no more grace, and no waiting for an engine that is away.
    const isSecond = this.#asked !== null && reason === 'stopped';
    if (isSecond) this.#impatient.abort();
    this.#asked ??= reason;
    this.#stop(isSecond ? 0 : this.#options.graceMs);
  }

  /** What fails now is asked for again once the engine is back. */
  #stop(graceMs: number): void {
    this.#options.container.stop({ t: Math.ceil(graceMs / 1000) }).catch(() => undefined);
  }

  async #carryOut(): Promise<AttemptEnd | 'detached'> {
    const { contents, engine, container } = this.#options;
    try {
      const end = await this.#watch();
      return end === 'detached' ? end : await this.#finish(end);
    } catch (error) {
      if (this.#detached.signal.aborted) return 'detached';
      const { code, message, hint } = isGone(error) ? containerGone(container.id) : dockerProblem(error, engine.address, 'The container could not be followed');
      return { exitCode: null, signal: null, problem: { code, message: hint === undefined ? message : `${message} ${hint}` } };
    } finally {
      if (this.#timer !== null) clearTimeout(this.#timer);
      contents.close();
    }
  }

  /** Until the container is over, through all losses of the engine. */
  async #watch(): Promise<ContainerEnd | 'detached'> {
    const { engine, container, place } = this.#options;
    for (let lost = false, pause = FIRST_PAUSE_MS; ; ) {
      try {
        if (lost) {
          await container.inspect();
          await place('found');
          lost = false;
          pause = FIRST_PAUSE_MS;
          if (this.#asked !== null) this.#stop(this.#options.graceMs);
        }
        await this.#follow();
        const state = await this.#state();
        if (!state.Running) return await this.#endOf(state);
        // The engine let go of the output alone.
        await sleep(LOOK_MS, undefined, { signal: this.#detached.signal });
      } catch (error) {
        if (this.#detached.signal.aborted) return 'detached';
        if (!isOutOfReach(error) && !isAbort(error)) throw error;
        if (!lost) await place('lost', { reason: error instanceof Error ? error.message : String(error) });
        lost = true;
        await sleep(pause, undefined, { signal: AbortSignal.any([this.#detached.signal, this.#impatient.signal]) }).catch(() => undefined);
        if (this.#impatient.signal.aborted) throw notEnded(engine);
        pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
      }
    }
  }

  /** Takes in all of the output, from its beginning to its end. */
  async #follow(): Promise<void> {
    const { container, contents } = this.#options;
    const over = new AbortController();
    const stream = await container.logs({ follow: true, stdout: true, stderr: true, timestamps: true, abortSignal: AbortSignal.any([over.signal, this.#detached.signal]) });
    contents.begin();
    let failure: unknown = null;
    const looking = this.#lookAgainAndAgain(over).catch((error: unknown) => {
      failure = error;
      over.abort();
    });
    try {
      for await (const piece of logPieces(stream as unknown as Readable)) contents.piece(piece);
    } catch (error) {
      throw failure ?? error;
    } finally {
      over.abort();
      await looking;
    }
  }

  async #lookAgainAndAgain({ signal }: AbortController): Promise<void> {
    const { engine, container, contents } = this.#options;
    while (!signal.aborted) {
      await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await contents.look();
      // A connection that was cut says nothing by itself.
      if (!engine.isHere) await container.inspect({ abortSignal: AbortSignal.timeout(ANSWER_MS) });
    }
  }

  /** The output ends a moment before the container has. */
  async #state(): Promise<ContainerState> {
    const { container } = this.#options;
    await container.wait({ abortSignal: AbortSignal.timeout(SETTLED_MS) }).catch(() => undefined);
    return (await container.inspect()).State;
  }

  async #endOf(state: ContainerState): Promise<ContainerEnd> {
    const { engine, container, isCancelled } = this.#options;
    const events = state.ExitCode === 0 ? { signals: [], died: true } : await eventsOf(engine, container.id, state);
    return endOf(state, events, isCancelled() ? 'cancelled' : this.#asked);
  }

  /** Brings all of it here, and only then lets the container go. */
  async #finish(end: ContainerEnd): Promise<AttemptEnd> {
    const { container, contents, place, tell } = this.#options;
    if (end.reason === 'interrupted' && end.message !== null) await tell('warning', end.message);
    const told = await contents.collect(end);
    const { exitCode, signal, reason } = end;
    await place('ended', { exitCode, signal, outOfMemory: reason === 'out-of-memory', reason: end.message ?? reason });
    // One that cannot be removed now is removed with the next attempt, or by hand.
    await container.remove({ force: true, v: true }).catch(() => undefined);
    return told;
  }
}

function containerGone(id: string): RepriseError {
  return new RepriseError('CONTAINER_GONE', `The container ${id.slice(0, 12)} was removed from outside before its end was seen.`, { kind: 'system', hint: 'Retry the run.' });
}

function notEnded({ address }: Engine): RepriseError {
  return new RepriseError('DOCKER_UNREACHABLE', `Docker Engine cannot be reached at ${address}: the container may still be running there.`, { kind: 'system', hint: 'End it there, by its label reprise.run; the next attempt of the run ends it, too.' });
}
