/** An attempt of a run as a job of a cluster: follows both what Slurm says of it and what the program on its node writes, to its end. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { toErrorReport } from '../../errors/errors';
import { RUN_FILES } from '../../events/manifest';
import type { PlaceRecord } from '../../events/records';
import type { EndedWord, OutpostWord } from '../../outpost/words';
import type { Attempt, AttemptEnd, Order } from '../executor';
import { patiently } from '../remote/link';
import { formatJob, numberOf, type JobSight } from './jobs';
import { noteForCommand } from './command-exit';
import { outcomeOf, problemOf } from './outcome';
import type { ClusterQueue, News, PlacedJob } from './queue';
import { notableReason } from './states';

/** What an attempt needs of the way to its cluster. */
export interface AttemptWay {
  /**
   * @param hear gets all that the program on the node wrote down, in order, what an earlier host heard too
   * @param failed what is written there cannot be taken in here
   */
  listen(hear: (word: OutpostWord) => void, failed: (error: unknown) => void): void;
  /** Brings all here that was written until now, and lets it be heard. @throws RepriseError where the cluster is out of reach */
  catchUp(): Promise<void>;
  /** Brings the rest here, which nobody needs before the end, and leaves nothing there but what a further attempt needs. @throws RepriseError where the cluster is out of reach */
  collect(): Promise<void>;
  /** Asks the program on the node to cancel the run. */
  askToCancel(): Promise<void>;
  /** The last lines that the batch script printed. */
  lastWords(): Promise<string>;
  stop(): void;
}

export interface AttemptOptions {
  readonly order: Order;
  readonly machine: string;
  readonly placed: PlacedJob;
  readonly queue: ClusterQueue;
  readonly way: AttemptWay;
  /** Its newest place record, where an earlier host followed it. */
  readonly from: PlaceRecord | null;
}

/** How long what the program wrote down may be behind what Slurm says of its end: shared file systems have caches. */
const BEHIND_MS = 3000;
const LOOK_MS = 200;
/** Silence of a cluster that is worth a word. */
const LOST_MS = 30_000;

export class SlurmAttempt implements Attempt {
  readonly pid = null;
  readonly end: Promise<AttemptEnd | 'detached'>;
  readonly #of: AttemptOptions;
  readonly #stopFollowing: () => void;
  #resolve: (end: AttemptEnd | 'detached') => void = () => undefined;
  /** One thing after another. */
  #turn: Promise<void> = Promise.resolve();
  /** What was heard and not taken in yet. */
  #words: OutpostWord[] = [];
  #attempt: number;
  #hasStarted = false;
  /** When the start of the newest attempt was heard of. */
  #startedAt = Infinity;
  #ended: EndedWord | null = null;
  #endedHere = false;
  #isOver = false;
  #hasNews = false;
  #reason: string | null = null;
  #silentSince: number | null = null;
  #isLost = false;

  constructor(options: AttemptOptions) {
    this.#of = options;
    const { from, order } = options;
    this.#attempt = from?.event === 'requeued' ? from.attempt + 1 : order.attempt;
    if (from?.facts?.['started'] === String(this.#attempt)) [this.#hasStarted, this.#startedAt] = [true, 0];
    this.end = new Promise((resolve) => (this.#resolve = resolve));
    options.way.listen(
      (word) => {
        this.#words.push(word);
        this.#after(() => this.#listen());
      },
      (error) => this.#fail(error),
    );
    this.#stopFollowing = options.queue.follow(options.placed, (news, asked) => this.#hear(news, asked));
  }

  cancel(): void {
    this.#endedHere = true;
    void this.#of.way
      .askToCancel()
      .catch(() => undefined)
      // What waits has no program yet that could be asked.
      .then(() => this.#hasStarted || this.kill());
  }

  kill(): void {
    this.#endedHere = true;
    this.#of.queue.cancel(this.#of.placed);
  }

  detach(): void {
    this.#leave('detached');
  }

  // ——— what is heard

  #hear(news: News, asked: number): void {
    if (news === 'unreachable') {
      this.#silentSince ??= performance.now();
      if (!this.#isLost && performance.now() - this.#silentSince >= LOST_MS) {
        this.#isLost = true;
        // At once: what was begun before may wait for the cluster.
        void this.#tell({ event: 'lost', reason: 'The cluster does not say what its jobs do.' }).catch((error: unknown) => this.#fail(error));
      }
      return;
    }
    this.#silentSince = null;
    if (this.#isLost) {
      this.#isLost = false;
      this.#after(() => this.#tell({ event: 'found' }));
    }
    // The next look says the same, or better.
    if (this.#hasNews) return;
    this.#hasNews = true;
    this.#after(async () => {
      this.#hasNews = false;
      await this.#onNews(news, asked);
    });
  }

  async #onNews(news: JobSight | 'gone', asked: number): Promise<void> {
    if (news === 'gone') return this.#conclude(null);
    switch (news.standing.phase) {
      case 'waiting':
        if (!this.#hasStarted) return this.#waits(notableReason(news.reason));
        // It started since the look: the answer is of before.
        return asked > this.#startedAt ? this.#waitsAgain(news.state) : undefined;
      case 'over':
        return this.#conclude(news);
      case 'there':
      case 'unknown':
        // What it does is told by the program on the node.
        return;
    }
  }

  async #listen(): Promise<void> {
    await this.#takeIn();
    // Why it was stopped is Slurm's to say.
    if (this.#ended !== null && !this.#ended.wasStopped) await this.#conclude(null);
  }

  async #takeIn(): Promise<void> {
    for (let word = this.#words.shift(); word !== undefined; word = this.#words.shift()) {
      if (word.event === 'started' && word.attempt > this.#attempt) {
        await this.#caughtUp();
        await this.#requeued('REQUEUED');
      }
      if (word.attempt !== this.#attempt) continue;
      if (word.event === 'ended') this.#ended = word;
      else if (!this.#hasStarted) {
        this.#hasStarted = true;
        this.#startedAt = performance.now();
        const { platform, arch, cpuFlags } = word.runtime;
        await this.#tell({ event: 'started', node: word.host, facts: { started: String(this.#attempt), platform, arch, cpuFlags: cpuFlags.join(' ') } });
      }
    }
  }

  async #waits(reason: string | null): Promise<void> {
    if (reason === this.#reason) return;
    this.#reason = reason;
    if (reason !== null) await this.#tell({ event: 'submitted', reason: `It waits in the queue: ${reason}.` });
  }

  /** The cluster will start the job again; its program may still be about to write its last words. */
  async #waitsAgain(reason: string): Promise<void> {
    const attempt = this.#attempt;
    await this.#untilEnded(BEHIND_MS);
    if (!this.#isOver && this.#attempt === attempt) await this.#requeued(reason);
  }

  /** What was written until now belongs to the attempt before. */
  async #requeued(reason: string): Promise<void> {
    await this.#tell({ event: 'requeued', reason });
    this.#attempt += 1;
    this.#hasStarted = false;
    this.#startedAt = Infinity;
    this.#ended = null;
  }

  // ——— the end

  async #conclude(sight: JobSight | null): Promise<void> {
    const { queue, placed, way, order } = this.#of;
    const wasThere = this.#hasStarted || (sight?.node ?? null) !== null || sight === null;
    await this.#untilEnded(wasThere ? BEHIND_MS : 0);
    if (this.#isOver) return;
    const needsSlurm = this.#ended === null || this.#ended.wasStopped;
    const exit = needsSlurm && sight !== null ? (sight.exit ?? (await queue.exitOf(placed).catch(() => null))) : null;
    const isCancelled = sight?.standing.phase === 'over' && sight.standing.end === 'cancelled';
    const outcome = outcomeOf({
      job: `${numberOf(placed.job)} of ${placed.job.cluster}`,
      sight: sight === null ? null : { ...sight, exit },
      ended: this.#ended,
      hasStarted: this.#hasStarted,
      endedHere: this.#endedHere,
      by: isCancelled && !this.#endedHere ? (sight.by ?? (await queue.cancelledBy(placed).catch(() => null))) : null,
      words: this.#hasStarted ? '' : await way.lastWords().catch(() => ''),
    });
    const how = this.#ended ?? { exitCode: exit?.exitCode ?? null, signal: exit === null || exit.signal === 0 ? null : String(exit.signal), outOfMemory: false };
    const outOfMemory = how.outOfMemory || (outcome.kind === 'failed' && outcome.code === 'OUT_OF_MEMORY');
    await this.#tell({ event: 'ended', exitCode: how.exitCode, signal: how.signal, outOfMemory, reason: sight?.state ?? 'ended' });
    if (outcome.kind === 'cancelled') await writeFile(join(order.runFolder, RUN_FILES.cancel), '');
    if (outcome.kind === 'cancelled' || (outcome.kind === 'again' && !this.#endedHere)) await order.tell({ type: 'message', level: 'warning', text: outcome.reason });
    await this.#patiently(() => way.collect());
    const isNoted = this.#hasStarted && (await noteForCommand(order, this.#attempt, outcome));
    this.#leave({ exitCode: how.exitCode, signal: how.signal, problem: isNoted ? null : problemOf(outcome) });
  }

  /** Waits until the program on the node has written down its end, but not for long. */
  async #untilEnded(mostMs: number): Promise<void> {
    for (const until = performance.now() + mostMs; !this.#isOver; await sleep(LOOK_MS)) {
      await this.#caughtUp();
      await this.#takeIn();
      if (this.#ended !== null || performance.now() >= until) return;
    }
  }

  #caughtUp(): Promise<boolean> {
    return this.#patiently(() => this.#of.way.catchUp());
  }

  /** However long the cluster is out of reach. */
  #patiently(work: () => Promise<void>): Promise<boolean> {
    return patiently(() => !this.#isOver, work);
  }

  #leave(end: AttemptEnd | 'detached'): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopFollowing();
    this.#of.way.stop();
    this.#resolve(end);
  }

  // ——— the log

  #tell(place: Omit<PlaceRecord, 'type' | 'attempt' | 'executor' | 'machine' | 'job'>): Promise<void> {
    const { order, machine, placed } = this.#of;
    return order.tell({ type: 'place', attempt: this.#attempt, executor: 'slurm', machine, job: formatJob(placed.job), ...place });
  }

  #after(work: () => Promise<void> | undefined): void {
    this.#turn = this.#turn
      .then(() => (this.#isOver ? undefined : work()))
      .catch((error: unknown) => this.#fail(error));
  }

  /** Nobody could tell any more what becomes of it: its log cannot be written, or what it writes cannot be taken in. */
  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.kill();
    const { code, message } = toErrorReport(error);
    this.#leave({ exitCode: null, signal: null, problem: { code, message } });
  }
}
