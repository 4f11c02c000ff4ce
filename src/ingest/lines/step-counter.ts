import type { RecordCollector } from '../tail/collector';
import type { LinePoint } from './json-points';

/** Longest name of a series. */
const LONGEST_KEY = 250;

/** Gives points without a step the next one of their key. */
export class StepCounter {
  private readonly next: Map<string, number>;

  constructor(next: Readonly<Record<string, number>>) {
    this.next = new Map(Object.entries(next));
  }

  /** @param time milliseconds since 1970, for points that name none */
  collect(points: readonly LinePoint[], time: number, into: RecordCollector): void {
    for (const { key, value, step, time: own } of points) {
      if (key === '' || key.length > LONGEST_KEY) continue;
      const at = step ?? this.next.get(key) ?? 0;
      this.next.set(key, Math.max(at + 1, this.next.get(key) ?? 0));
      into.point(key, at, own ?? time, value);
    }
  }

  state(): Record<string, number> {
    return Object.fromEntries(this.next);
  }
}
