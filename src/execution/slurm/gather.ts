/** Puts together what comes within a moment, so that it can be done at once. */

export interface GatherTimes {
  /** Milliseconds without anything new after which it is done. */
  readonly quietMs: number;
  /** Milliseconds after the first after which it is done whatever comes. */
  readonly mostMs: number;
}

/** Collects items by key; those of one key are handed over together. */
export class Gatherer<T> {
  readonly #times: GatherTimes;
  readonly #work: (items: readonly T[]) => void;
  readonly #waiting = new Map<string, { readonly items: T[]; readonly since: number; timer: NodeJS.Timeout }>();

  /** @param work must not throw */
  constructor(times: GatherTimes, work: (items: readonly T[]) => void) {
    this.#times = times;
    this.#work = work;
  }

  add(key: string, item: T): void {
    const now = performance.now();
    const group = this.#waiting.get(key);
    if (group === undefined) {
      this.#waiting.set(key, { items: [item], since: now, timer: this.#handOver(key, this.#times.quietMs) });
      return;
    }
    group.items.push(item);
    clearTimeout(group.timer);
    group.timer = this.#handOver(key, Math.max(0, Math.min(this.#times.quietMs, group.since + this.#times.mostMs - now)));
  }

  #handOver(key: string, inMs: number): NodeJS.Timeout {
    return setTimeout(() => {
      const items = this.#waiting.get(key)?.items ?? [];
      this.#waiting.delete(key);
      this.#work(items);
    }, inMs);
  }
}
