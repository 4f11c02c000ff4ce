/** A command in a container: its output line by line, its metrics, and how it ended, as files of the attempt. */
import path from 'node:path';
import { rm } from 'node:fs/promises';
import type { Container } from 'dockerode';
import { ATTEMPT_FILES, attemptFolder } from '../../events/command-files';
import type { CommandExit } from '../../events/command-run';
import { atomicWrite } from '../../files/atomic-write';
import { whenThereIsRoom } from '../../files/when-there-is-room';
import { linesThere, OutputKeeper } from '../../provenance/command-output';
import type { AttemptEnd, Order } from '../executor';
import type { Contents } from './attempt';
import type { Carrier } from './carrier';
import type { ContainerEnd } from './end';
import type { LogPiece } from './logs';

/** What Docker's init says, as tini does, where it cannot start the program: the engine knows of its own start alone. */
const INIT_FAILED = /^\[FATAL tini \(\d+\)\] (exec .* failed: .*)$/mu;
const INIT_CODES: Readonly<Record<number, 'not-found' | 'not-started'>> = { 126: 'not-started', 127: 'not-found' };

/** The home of a program whose user has none in its image; gone with the attempt. */
export const HOME_FOLDER = 'home';

export interface CommandContentsOptions {
  readonly order: Pick<Order, 'runFolder' | 'attempt'>;
  readonly container: Container;
  readonly carrier: Carrier;
  /** Bytes of output that are kept. */
  readonly outputLimit: number;
  /** Values that must not be kept. */
  readonly secrets: readonly string[];
  /** The engine's clock less this machine's, milliseconds. */
  readonly clockOffset: number;
  /** Makes what it wrote the caller's. */
  readonly takeBack: () => Promise<void>;
  readonly isWanted: () => boolean;
}

export class CommandContents implements Contents {
  readonly #options: CommandContentsOptions;
  readonly #folder: string;
  #output: OutputKeeper | null = null;
  /** What the init said last. */
  #initFailure: string | null = null;

  constructor(options: CommandContentsOptions) {
    this.#options = options;
    this.#folder = attemptFolder(options.order.runFolder, options.order.attempt);
  }

  begin(): void {
    this.close();
    const file = path.join(this.#folder, ATTEMPT_FILES.output);
    this.#output = new OutputKeeper(file, this.#options.outputLimit, linesThere(file), this.#options.secrets);
  }

  piece({ stream, time, bytes }: LogPiece): void {
    if (stream === 'stderr') this.#initFailure = INIT_FAILED.exec(bytes.toString('utf8'))?.[1] ?? null;
    this.#output?.push(stream, bytes, this.#here(time));
  }

  async look(): Promise<void> {
    await this.#options.carrier.fetch(this.#options.container, path.join(this.#folder, ATTEMPT_FILES.metrics));
  }

  async collect({ reason, exitCode, signal, startedAt, endedAt, message }: ContainerEnd): Promise<AttemptEnd> {
    const { carrier, container, takeBack } = this.#options;
    this.#output?.end(this.#here(endedAt));
    const problem = await this.#outputProblem();
    await carrier.collect(container);
    await takeBack();
    await rm(path.join(this.#folder, HOME_FOLDER), { recursive: true, force: true });
    const end: AttemptEnd = { exitCode, signal, problem: null };
    // Without a word of its end the run goes on with another attempt.
    if (reason === 'interrupted') return end;
    const refusal = this.#initFailure === null || reason !== 'ended' ? undefined : INIT_CODES[exitCode ?? 0];
    const words = [refusal === undefined ? message : this.#initFailure, problem].filter((text) => text !== null);
    const exit: CommandExit = {
      reason: refusal ?? reason,
      exitCode,
      signal,
      startedAt: this.#here(startedAt),
      endedAt: this.#here(endedAt),
      message: words.length === 0 ? null : words.join(' '),
      leftBehind: 0,
      droppedLines: this.#output?.dropped ?? 0,
    };
    await this.#whenRoom(() => atomicWrite(path.join(this.#folder, ATTEMPT_FILES.exit), `${JSON.stringify(exit)}\n`));
    return end;
  }

  close(): void {
    this.#output?.close();
    this.#output = null;
  }

  /** A time of the engine in this machine's clock. */
  #here(time: number): number {
    return Math.round(time - this.#options.clockOffset);
  }

  #whenRoom(write: () => void | Promise<void>): Promise<void> {
    return whenThereIsRoom(write, this.#options.isWanted);
  }

  /** What it printed may tell of metrics: where the disk is full, it waits for room. */
  async #outputProblem(): Promise<string | null> {
    try {
      await this.#whenRoom(() => this.#output?.flush());
      return null;
    } catch (error) {
      return `Not all that it printed could be kept: ${error instanceof Error ? error.message : String(error)}.`;
    }
  }
}
