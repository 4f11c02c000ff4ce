/** The way to an outpost: requests and their answers over a connection that may break and is made anew. */
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDiskFull, RepriseError, toErrorReport } from '../../errors/errors';
import { answerSchema, frame, FrameReader, METHODS, type Input, type Method, type Output } from '../../outpost/protocol';

/** A program `outpost.js serve BASE` that was started somewhere. */
export interface Line {
  readonly input: Writable;
  readonly output: Readable;
  /** Settles when the line is gone, with why in words for people; never rejects. */
  readonly closed: Promise<string>;
  close(): void;
}

/** Starts an outpost; all that must be there before (programs) is sent first. @throws RepriseError of a kind that says whether trying again may help: `kind: 'input'` does not */
export type Dial = (signal: AbortSignal) => Promise<Line>;

export interface Answered<M extends Method> {
  readonly value: Output<M>;
  readonly body: Buffer;
}

export interface Link {
  /** Name of the machine, for people. */
  readonly name: string;
  /**
   * Asks, as often as the line breaks meanwhile, for at most so long.
   * @throws RepriseError what the outpost answered; MACHINE_UNREACHABLE, LINK_CLOSED
   */
  call<M extends Method>(method: M, input: Input<M>, body?: Uint8Array, options?: { readonly patienceMs?: number }): Promise<Answered<M>>;
  /** Absolute path of the base folder there, and by how many milliseconds the clock there is ahead of this one. */
  hello(): Promise<{ readonly base: string; readonly host: string; readonly aheadMs: number }>;
  close(): void;
}

interface Waiting {
  readonly method: Method;
  readonly input: unknown;
  readonly body: Uint8Array;
  /** Until then it waits for somebody, as performance.now() tells. */
  readonly patientUntil: number;
  readonly resolve: (answer: { readonly value: unknown; readonly body: Buffer }) => void;
  readonly reject: (error: unknown) => void;
}

/** Whether the same may go well later: the machine is away, or the disk here is full. */
export function mayPass(error: unknown): boolean {
  return (error instanceof RepriseError && error.code === 'MACHINE_UNREACHABLE') || isDiskFull(error);
}

const PAUSE_MS = 1000;

/**
 * Tries again and again what may go well later, for as long as it is wanted.
 * @returns whether it was done
 * @throws what goes wrong otherwise
 */
export async function patiently(isWanted: () => boolean, work: () => Promise<unknown>): Promise<boolean> {
  for (; isWanted(); await sleep(PAUSE_MS)) {
    try {
      await work();
      return true;
    } catch (error) {
      if (!mayPass(error)) throw error;
    }
  }
  return false;
}

/** Pauses between two tries to connect. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** How long a call may find nobody before it fails. */
const PATIENCE_MS = 20_000;
/** A line on which requests wait is asked for a sign of life this often, and given up after so many without one. */
const SIGN_MS = 3000;
const SIGNS_MISSED = 5;
/** Bytes that a slow line carries from one sign to the next: no answer comes before a request is there. */
const SLOWEST = 150_000;

export class OutpostLink implements Link {
  readonly name: string;
  readonly #dial: Dial;
  readonly #closing = new AbortController();
  readonly #waiting = new Map<number, Waiting>();
  #line: Line | null = null;
  #connecting: Promise<void> | null = null;
  #nextId = 0;
  #hello: Promise<{ base: string; host: string; aheadMs: number }> | null = null;
  /** What went wrong since the last answer. */
  #trouble: unknown = null;
  #pause = 0;

  constructor(name: string, dial: Dial) {
    this.name = name;
    this.#dial = dial;
  }

  async call<M extends Method>(method: M, input: Input<M>, body: Uint8Array = new Uint8Array(), { patienceMs = PATIENCE_MS }: { readonly patienceMs?: number } = {}): Promise<Answered<M>> {
    if (this.#closing.signal.aborted) throw this.#closed();
    const id = this.#nextId++;
    let timer: NodeJS.Timeout | undefined;
    try {
      const answer = await new Promise<{ readonly value: unknown; readonly body: Buffer }>((resolve, reject) => {
        this.#waiting.set(id, { method, input, body, patientUntil: performance.now() + patienceMs, resolve, reject });
        // Of a machine that answers, a request may take its time; so may the first connection, with which programs are sent.
        const lose = (): void => void (this.#line === null && this.#trouble !== null ? reject(this.#unreachable()) : (timer = setTimeout(lose, patienceMs)));
        timer = setTimeout(lose, patienceMs);
        if (this.#line === null) this.#connect();
        else this.#send(id);
      });
      const parsed = METHODS[method].output.safeParse(answer.value);
      if (!parsed.success) throw new RepriseError('OUTPOST_ANSWER_INVALID', `${this.name} answered ${method} with something else than it should.`, { kind: 'system', hint: 'Test the machine: `reprise machine test`.', cause: parsed.error });
      return { value: parsed.data as Output<M>, body: answer.body };
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  hello(): Promise<{ readonly base: string; readonly host: string; readonly aheadMs: number }> {
    this.#hello ??= this.#greet().catch((error: unknown) => {
      this.#hello = null;
      throw error;
    });
    return this.#hello;
  }

  async #greet(): Promise<{ base: string; host: string; aheadMs: number }> {
    // The connection that it needs is no part of the way there and back.
    await this.call('hello', {});
    const before = Date.now();
    const { value } = await this.call('hello', {});
    return { base: value.base, host: value.host, aheadMs: Math.round(value.time - (before + Date.now()) / 2) };
  }

  close(): void {
    this.#closing.abort();
    this.#line?.close();
    for (const { reject } of this.#waiting.values()) reject(this.#closed());
  }

  #closed(): RepriseError {
    return new RepriseError('LINK_CLOSED', `The connection to ${this.name} was closed.`, { kind: 'cancelled' });
  }

  #unreachable(): RepriseError {
    const { message } = toErrorReport(this.#trouble);
    return new RepriseError('MACHINE_UNREACHABLE', `${this.name} cannot be reached: ${message}`, { kind: 'system', hint: 'What runs there goes on. Check the network, then `reprise machine test`.' });
  }

  #connect(): void {
    if (this.#connecting !== null) return;
    this.#connecting = this.#keepConnecting().finally(() => {
      this.#connecting = null;
      // The new line may be gone already.
      if (this.#line === null && this.#waiting.size > 0 && !this.#closing.signal.aborted) this.#connect();
    });
  }

  async #keepConnecting(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#closing.signal.aborted) {
      await sleep(this.#pause, undefined, { signal: this.#closing.signal }).catch(() => undefined);
      try {
        this.#use(await this.#dial(this.#closing.signal));
        return;
      } catch (error) {
        this.#failed(error);
        // Somebody has to change something before it can work.
        if (error instanceof RepriseError && error.kind === 'input') {
          for (const { reject } of this.#waiting.values()) reject(error);
          this.#waiting.clear();
          return;
        }
      }
    }
  }

  /** One that connects and breaks at once is no better than one that does not: the pause grows until an answer comes. */
  #failed(error: unknown): void {
    this.#trouble = error;
    this.#pause = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, this.#pause * 2));
  }

  #use(line: Line): void {
    if (this.#closing.signal.aborted) return line.close();
    this.#line = line;
    const reader = new FrameReader((header, body) => this.#answered(header, body));
    const hear = this.#watch(line);
    line.output.on('data', (bytes: Buffer) => {
      hear();
      try {
        reader.push(bytes);
      } catch {
        line.close();
      }
    });
    line.input.on('error', () => line.close());
    void line.closed.then((why) => this.#gone(line, why));
    for (const id of this.#waiting.keys()) this.#send(id);
  }

  #gone(line: Line, why: string): void {
    if (this.#line !== line) return;
    this.#line = null;
    this.#failed(new Error(why));
    if (this.#waiting.size > 0) this.#connect();
  }

  /** What hangs there is as good as gone; a request may take its time, for signs come meanwhile. @returns is to be called whenever something comes */
  #watch(line: Line): () => void {
    let missed = 0;
    const timer = setInterval(() => {
      const waiting = [...this.#waiting.values()];
      if (this.#line !== line) clearInterval(timer);
      else if (waiting.length === 0) missed = 0;
      else if (missed < SIGNS_MISSED + waiting.reduce((sum, { body }) => sum + body.length, 0) / SLOWEST) {
        missed += 1;
        line.input.write(frame({ id: this.#nextId++, method: 'hello', input: {}, bytes: 0 }));
      } else {
        this.#gone(line, 'the outpost there does not answer');
        line.close();
        for (const { patientUntil, reject } of waiting) if (performance.now() >= patientUntil) reject(this.#unreachable());
      }
    }, SIGN_MS).unref();
    return () => void (missed = 0);
  }

  #send(id: number): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#line?.input.write(frame({ id, method: waiting.method, input: waiting.input, bytes: waiting.body.length }, waiting.body));
  }

  #answered(header: unknown, body: Buffer): void {
    const answer = answerSchema.parse(header);
    [this.#trouble, this.#pause] = [null, 0];
    const waiting = this.#waiting.get(answer.id);
    if (answer.ok) waiting?.resolve({ value: answer.value, body });
    else waiting?.reject(new RepriseError(answer.error.code, answer.error.message, { kind: 'system', ...(answer.error.hint === undefined ? {} : { hint: answer.error.hint }) }));
  }
}
