/** How long runs take that wait for the cores of several places. */

/** Cores of a place (`placeOf`) that runs share; `Infinity` where it has a queue of its own. */
export type CoresOf = (place: string) => number;

interface Load {
  readonly cores: number;
  coreSeconds: number;
  longest: number;
}

/** Adds up what runs take, for each place by itself: each has its own line. */
export class Spread {
  readonly #coresOf: CoresOf;
  readonly #loads = new Map<string, Load>();

  constructor(coresOf: CoresOf) {
    this.#coresOf = coresOf;
  }

  add(place: string, seconds: number, threads: number): void {
    const load = this.#loads.get(place) ?? { cores: this.#coresOf(place), coreSeconds: 0, longest: 0 };
    load.coreSeconds += seconds * Math.min(load.cores, threads);
    load.longest = Math.max(load.longest, seconds);
    this.#loads.set(place, load);
  }

  /** Until the last place is done: its work spread over its cores, but no less than its longest run. */
  get seconds(): number {
    return Math.max(0, ...[...this.#loads.values()].map(({ cores, coreSeconds, longest }) => Math.max(longest, coreSeconds / cores)));
  }
}
