/** An attempt that an outpost carries out on a machine without a queue of its own: what it wrote down is all there is to know. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { toErrorReport } from '../../errors/errors';
import type { PlaceRecord } from '../../events/records';
import { OUTPOST_FILES } from '../../outpost/layout';
import type { EndedWord, OutpostWord } from '../../outpost/words';
import type { Attempt, AttemptEnd, Order } from '../executor';
import { patiently, type Link } from '../remote/link';
import type { Follower, Mirror } from '../remote/mirror';

export interface SshAttemptOptions {
  readonly order: Order;
  /** Name of the machine. */
  readonly machine: string;
  readonly link: Link;
  readonly mirror: Mirror;
  /** Whether an earlier host told of its start. */
  readonly hasStarted: boolean;
}

/** Looks in a row that find no process before an attempt without a last word is taken for over: it may be writing it. */
const LOOKS_WITHOUT_LIFE = 3;
/** Milliseconds for which a machine that is away is asked to end something. */
const PATIENCE_MS = 10 * 60_000;
/** Characters of what a shell printed that are told. */
const LAST_WORDS = 2000;

const NOTHING: AttemptEnd = { exitCode: null, signal: null, problem: null };

export class SshAttempt implements Attempt {
  readonly pid = null;
  readonly end: Promise<AttemptEnd | 'detached'>;
  readonly #of: SshAttemptOptions;
  readonly #follower: Follower;
  #resolve: (end: AttemptEnd | 'detached') => void = () => undefined;
  /** One thing after another. */
  #turn: Promise<void> = Promise.resolve();
  #hasStarted: boolean;
  #ended: EndedWord | null = null;
  #lifeless = 0;
  #isOver = false;

  constructor(options: SshAttemptOptions) {
    this.#of = options;
    this.#hasStarted = options.hasStarted;
    this.end = new Promise((resolve) => (this.#resolve = resolve));
    this.#follower = options.mirror.follow(options.order, {
      word: (word) => this.#after(() => this.#hear(word)),
      alive: (isAlive) => this.#look(isAlive),
      // At once: what was begun before may wait for the machine.
      lost: () => void this.#tell({ event: 'lost', reason: `${options.machine} does not answer; what runs there goes on.` }).catch((error: unknown) => this.#fail(error)),
      found: () => this.#after(() => this.#tell({ event: 'found' })),
      failed: (error) => this.#fail(error),
    });
  }

  cancel(): void {
    this.#ask('cancel');
  }

  kill(): void {
    this.#ask('kill');
  }

  detach(): void {
    this.#leave('detached');
  }

  #ask(how: 'cancel' | 'kill'): void {
    const { link, order } = this.#of;
    // A machine that never comes back leaves the run as it is: nobody knows what became of it.
    link.call('end', { runId: order.runId, how }, undefined, { patienceMs: PATIENCE_MS }).catch(() => undefined);
  }

  async #hear(word: OutpostWord): Promise<void> {
    const { order } = this.#of;
    if (word.attempt !== order.attempt) return;
    switch (word.event) {
      case 'started': {
        if (this.#hasStarted) return;
        this.#hasStarted = true;
        const { platform, arch, cpuFlags } = word.runtime;
        await this.#tell({ event: 'started', node: word.host, facts: { pid: String(word.pid), platform, arch, cpuFlags: cpuFlags.join(' ') } });
        break;
      }
      case 'ended':
        this.#ended = word;
        await this.#conclude();
    }
  }

  #look(isAlive: boolean | null): void {
    if (isAlive !== false || this.#ended !== null) {
      this.#lifeless = 0;
      return;
    }
    this.#lifeless += 1;
    if (this.#lifeless === LOOKS_WITHOUT_LIFE) this.#after(() => this.#conclude());
  }

  /** All that the run wrote is here already: the outpost's last word comes behind it. */
  async #conclude(): Promise<void> {
    if (this.#isOver) return;
    const ended = this.#ended;
    await this.#tell({
      event: 'ended',
      exitCode: ended?.exitCode ?? null,
      signal: ended?.signal ?? null,
      outOfMemory: ended?.outOfMemory ?? false,
      ...(ended === null ? { reason: this.#hasStarted ? 'The outpost was killed.' : 'The outpost did not start.' } : {}),
    });
    // However long the machine is out of reach: what the run wrote is there.
    await patiently(() => !this.#isOver, () => this.#follower.collect());
    if (ended === null) this.#leave({ ...NOTHING, problem: this.#hasStarted ? null : this.#notStarted() });
    else this.#leave({ exitCode: ended.exitCode, signal: ended.signal, problem: this.#problemOf(ended) });
  }

  /** Null where nobody said why: its machine may have been restarted just then. */
  #notStarted(): AttemptEnd['problem'] {
    const { order, machine } = this.#of;
    let words = '';
    try {
      words = readFileSync(join(order.runFolder, OUTPOST_FILES.log), 'utf8').trim().slice(-LAST_WORDS);
    } catch {
      // Nothing was printed.
    }
    return words === '' ? null : { code: 'OUTPOST_NOT_STARTED', message: `${machine} did not come to the run: see \`modules\`, \`venv\` and \`prologue\` of the executor. The last lines that its shell printed:\n${words}` };
  }

  #problemOf({ problem, outOfMemory }: EndedWord): AttemptEnd['problem'] {
    if (problem !== null) return problem;
    return outOfMemory ? { code: 'OUT_OF_MEMORY', message: `${this.#of.machine} ended the run because it took too much memory.` } : null;
  }

  /** Its log cannot be written, or what comes is damaged: nobody could tell any more what becomes of it. */
  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#ask('kill');
    const { code, message } = toErrorReport(error);
    this.#leave({ exitCode: null, signal: null, problem: { code, message } });
  }

  #leave(end: AttemptEnd | 'detached'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#follower.stop();
    this.#resolve(end);
  }

  #tell(place: Omit<PlaceRecord, 'type' | 'attempt' | 'executor' | 'machine'>): Promise<void> {
    const { order, machine } = this.#of;
    return order.tell({ type: 'place', attempt: order.attempt, executor: 'ssh', machine, ...place });
  }

  #after(work: () => Promise<void>): void {
    this.#turn = this.#turn.then(() => (this.#isOver ? undefined : work())).catch((error: unknown) => this.#fail(error));
  }
}
