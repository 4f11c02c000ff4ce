/** Cores that several schedulers share: the workspace's queue, and what is executed apart from it. */

/** One who takes cores; its identity is its place in the line. */
export interface Claimant {
  /** Called when it is this claimant's turn: it takes what it can, or leaves the line. */
  readonly wake: () => void;
}

/**
 * First come, first served: whoever finds too few cores free waits in line, and nobody who came later overtakes it.
 * A claim for more than there is gets all of the machine.
 */
export class CoreBudget {
  readonly cores: number;
  #used = 0;
  readonly #line: Claimant[] = [];

  /** @param cores at least 1; fractions are cut off */
  constructor(cores: number) {
    this.cores = Math.max(1, Math.floor(cores));
  }

  /** Cores in use. */
  get used(): number {
    return this.#used;
  }

  /** What a worker of so many threads counts for. */
  costOf(threads: number): number {
    return Math.min(this.cores, threads);
  }

  /** Takes cores for a worker of so many threads; where that fails the claimant stands in line and is woken. */
  take(claimant: Claimant, threads: number): boolean {
    const first = this.#line[0] ?? claimant;
    if (first !== claimant || this.#used + this.costOf(threads) > this.cores) {
      if (!this.#line.includes(claimant)) this.#line.push(claimant);
      return false;
    }
    this.#used += this.costOf(threads);
    this.leave(claimant);
    return true;
  }

  /** Counts a worker that is at work already, whether there is room or not. */
  claim(threads: number): void {
    this.#used += this.costOf(threads);
  }

  /** Gives back what `take` or `claim` took. */
  free(threads: number): void {
    this.#used -= this.costOf(threads);
    this.#wakeFirst();
  }

  /** Takes a claimant out of the line: it wants nothing now. */
  leave(claimant: Claimant): void {
    const place = this.#line.indexOf(claimant);
    if (place < 0) return;
    this.#line.splice(place, 1);
    if (place === 0) this.#wakeFirst();
  }

  /** Later, so that nobody is woken in the middle of its own work. */
  #wakeFirst(): void {
    const [first] = this.#line;
    if (first !== undefined && this.#used < this.cores) queueMicrotask(() => this.#line[0] === first && first.wake());
  }
}
