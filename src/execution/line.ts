/** The line of waiting runs: whose turn it is, on this machine and at each place elsewhere. */
import type { QueuedRun, Store } from '../store/types';
import type { Demand, Executors } from './executor';
import { shareOf, type Claimant, type Lease, type MachineBudget } from './machine-budget';

/** Runs that are read at once behind the first of a line; more with every piece. */
const FIRST_PIECE = 16;
const LARGEST_PIECE = 4096;

/** A run that has its turn or had it. */
export interface Placed {
  readonly experiment: string;
  readonly demand: Demand;
  /** What it has of this machine; null where it runs elsewhere. */
  readonly lease: Lease | null;
}

export interface LineOptions {
  readonly store: Store;
  readonly budget: MachineBudget;
  /** Those for other places; null where all runs are of this machine. */
  readonly executors: Executors | null;
  /** Runs that are under way. */
  readonly placed: () => Iterable<Placed>;
  /** Whether a waiting run may not start now: it is under way already, held, or its log is being changed. */
  readonly isAway: (runId: string) => boolean;
  /** Gives a run its turn: it is under way once this returns. */
  readonly begin: (runId: string, placed: Placed) => void;
  /** The run can have no turn: it is no longer queued once this returns. */
  readonly fail: (runId: string, error: unknown) => void;
  /** There may be room on this machine again. */
  readonly wake: () => void;
}

/** The first of its experiment that waits for a pool. */
interface Contender {
  readonly run: QueuedRun;
  readonly demand: Demand;
}

/**
 * Fair over experiments: the next turn is that of the experiment with the fewest cores in use (elsewhere: runs under
 * way); among equals, of the one whose turn was longest ago; then of the oldest run. Within an experiment the oldest goes
 * first and none overtakes it. A run of this machine whose turn it is keeps it until there is room: it holds what is free
 * of what it asks for, and runs of other experiments pass it only where they take none of that. So one that asks for all
 * cores waits for those that run now and for no other.
 */
export class Line {
  readonly #of: LineOptions;
  readonly #claimant: Claimant;
  /** What runs take, of those that were looked at in this deal and in the one before. */
  #demands = new Map<string, Demand>();
  #demandsBefore: ReadonlyMap<string, Demand> = this.#demands;
  /** By pool and experiment, when it had its last turn. */
  readonly #turns = new Map<string, Map<string, number>>();
  #turn = 0;
  /** Id of the run whose turn it is on this machine, which has no room for it yet. */
  #next: string | null = null;

  constructor(options: LineOptions) {
    this.#of = options;
    this.#claimant = { wake: options.wake };
  }

  /** Gives turns until there is no room for more. */
  deal(): void {
    const { store, budget, executors } = this.#of;
    if (executors === null && budget.isFull) {
      budget.wait(this.#claimant);
      return;
    }
    this.#demandsBefore = this.#demands;
    this.#demands = new Map();
    const pools = new Map<string, Contender[]>([[HERE, []]]);
    for (const head of store.queueHeads()) {
      for (const contender of this.#from(head)) {
        const pool = poolOf(contender.demand);
        const contenders = pools.get(pool);
        if (contenders === undefined) pools.set(pool, [contender]);
        else contenders.push(contender);
      }
    }
    for (const [pool, contenders] of pools) {
      if (pool === HERE) this.#dealHere(contenders);
      else this.#dealThere(pool, contenders);
    }
  }

  /** Waits for nothing any more. */
  close(): void {
    this.#next = null;
    this.#of.budget.leave(this.#claimant);
  }

  /** @throws RepriseError for a manifest that cannot be read, or an executor that is not known */
  demandOf(runId: string): Demand {
    const demand = this.#demands.get(runId) ?? this.#demandsBefore.get(runId) ?? this.#readDemand(runId);
    this.#demands.set(runId, demand);
    return demand;
  }

  #readDemand(runId: string): Demand {
    const { store, executors } = this.#of;
    const manifest = store.manifest(runId);
    if (manifest.kind === 'logged') throw new Error('A logged run has no turn.');
    const { executor } = manifest.config;
    if (executor.kind === 'local') return { pool: 'here', share: shareOf(executor) };
    return executors?.demand(executor) ?? { pool: 'here', share: { cores: executor.threads, memory: 0, gpus: 0 } };
  }

  #dealHere(contenders: Contender[]): void {
    const { budget } = this.#of;
    const cores = this.#inUse(HERE, ({ lease }) => lease?.share.cores ?? 0);
    // It was held, cancelled, or came behind an older one of its experiment.
    if (this.#next !== null && !contenders.some(({ run }) => run.runId === this.#next)) this.close();
    for (let left = contenders; left.length > 0; ) {
      if (budget.isFull) {
        budget.wait(this.#claimant);
        return;
      }
      const chosen = left.find(({ run }) => run.runId === this.#next) ?? this.#fairest(HERE, left, cores);
      const lease = this.#lease(chosen);
      const others = left.filter((one) => one !== chosen);
      if (lease === 'waits') {
        if (budget.isSpokenFor) return;
        left = others;
        continue;
      }
      if (lease !== 'failed') this.#begin(HERE, chosen, lease, cores, lease.share.cores);
      left = [...others, ...this.#behind(chosen.run)];
    }
    if (this.#next === null) budget.leave(this.#claimant);
  }

  /** What a run of this machine takes, or why it does not. The first that waits holds its turn. */
  #lease({ run: { runId }, demand }: Contender): Lease | 'waits' | 'failed' {
    const { budget, fail } = this.#of;
    if (demand.pool !== 'here') throw new Error('A run of another place takes nothing of this machine.');
    const isNext = this.#next === null || this.#next === runId;
    try {
      const lease = isNext ? budget.take(this.#claimant, demand.share) : budget.takeBeside(demand.share);
      if (isNext) this.#next = lease === null ? runId : null;
      return lease ?? 'waits';
    } catch (error) {
      if (isNext) this.close();
      fail(runId, error);
      return 'failed';
    }
  }

  #dealThere(pool: string, contenders: Contender[]): void {
    const runs = this.#inUse(pool, () => 1);
    let free = Math.max(0, ...contenders.map(({ demand }) => (demand.pool === 'there' ? demand.most : 0)));
    for (const count of runs.values()) free -= count;
    for (let left = contenders; left.length > 0 && free > 0; free -= 1) {
      const chosen = this.#fairest(pool, left, runs);
      this.#begin(pool, chosen, null, runs, 1);
      left = [...left.filter((one) => one !== chosen), ...this.#behind(chosen.run)];
    }
  }

  #begin(pool: string, { run: { runId, experiment }, demand }: Contender, lease: Lease | null, inUse: Map<string, number>, cost: number): void {
    this.#turn += 1;
    this.#turnsOf(pool).set(experiment, this.#turn);
    inUse.set(experiment, (inUse.get(experiment) ?? 0) + cost);
    this.#of.begin(runId, { experiment, demand, lease });
  }

  #fairest(pool: string, contenders: readonly Contender[], inUse: ReadonlyMap<string, number>): Contender {
    const turns = this.#turnsOf(pool);
    const before = (left: QueuedRun, right: QueuedRun): number =>
      (inUse.get(left.experiment) ?? 0) - (inUse.get(right.experiment) ?? 0) ||
      (turns.get(left.experiment) ?? 0) - (turns.get(right.experiment) ?? 0) ||
      left.createdAt - right.createdAt ||
      left.number - right.number;
    return contenders.reduce((best, one) => (before(one.run, best.run) < 0 ? one : best));
  }

  #turnsOf(pool: string): Map<string, number> {
    const turns = this.#turns.get(pool) ?? new Map<string, number>();
    this.#turns.set(pool, turns);
    return turns;
  }

  #inUse(pool: string, cost: (placed: Placed) => number): Map<string, number> {
    const inUse = new Map<string, number>();
    for (const placed of this.#of.placed()) {
      if (poolOf(placed.demand) === pool) inUse.set(placed.experiment, (inUse.get(placed.experiment) ?? 0) + cost(placed));
    }
    return inUse;
  }

  /** The next of a run's line, if there is one. */
  #behind(run: QueuedRun): Contender[] {
    for (let last = run, size = FIRST_PIECE; ; size = Math.min(LARGEST_PIECE, size * 4)) {
      const piece = this.#of.store.queuedBehind(last, size);
      for (const one of piece) {
        const contender = this.#contender(one);
        if (contender !== null) return [contender];
      }
      const end = piece.at(-1);
      if (end === undefined || piece.length < size) return [];
      last = end;
    }
  }

  /** The run or, where it has no turn now, the next of its line. */
  #from(run: QueuedRun): Contender[] {
    const contender = this.#contender(run);
    return contender === null ? this.#behind(run) : [contender];
  }

  /** Null where it has no turn now. */
  #contender(run: QueuedRun): Contender | null {
    if (this.#of.isAway(run.runId)) return null;
    try {
      return { run, demand: this.demandOf(run.runId) };
    } catch (error) {
      this.#of.fail(run.runId, error);
      return null;
    }
  }
}

const HERE = 'here';

function poolOf(demand: Demand): string {
  return demand.pool === 'here' ? HERE : `there:${demand.name}`;
}
