/** Gathers what a reader finds into few records. */
import type { EventBody, LoggedNumber } from '../../events/records';
import { toLogged } from '../../events/records';

interface Columns {
  readonly steps: number[];
  readonly times: number[];
  readonly values: LoggedNumber[];
}

/** Points in one record: a line of the log stays below some hundred kilobytes. */
const POINTS_A_RECORD = 5000;

export class RecordCollector {
  private readonly series = new Map<string, Columns>();
  private readonly params = new Map<string, string>();
  private readonly tags = new Map<string, string>();
  private readonly others: EventBody[] = [];
  /** Series of which points were left out, and why. */
  private readonly impossible = new Map<string, string>();

  /** `time` in milliseconds since 1970, rounded. A point that no log can hold is left out, and named once. */
  point(key: string, step: number, time: number, value: number): void {
    if (key === '' || !Number.isSafeInteger(step) || !Number.isFinite(time)) {
      this.impossible.set(key, key === '' ? 'it has no name' : `step ${step}, time ${time}`);
      return;
    }
    let columns = this.series.get(key);
    if (columns === undefined || columns.steps.length >= POINTS_A_RECORD) {
      if (columns !== undefined) this.others.push({ type: 'points', key, ...columns });
      columns = { steps: [], times: [], values: [] };
      this.series.set(key, columns);
    }
    columns.steps.push(step);
    columns.times.push(Math.round(time));
    columns.values.push(toLogged(value));
  }

  param(name: string, value: string): void {
    if (name !== '') this.params.set(name, value);
  }

  tag(name: string, value: string): void {
    if (name !== '') this.tags.set(name, value);
  }

  add(record: EventBody): void {
    this.others.push(record);
  }

  note(level: 'info' | 'warning', text: string): void {
    this.others.push({ type: 'message', level, text });
  }

  /** All that was gathered; a series' points in the order in which they came. */
  take(): EventBody[] {
    const points = [...this.series].map(([key, columns]): EventBody => ({ type: 'points', key, ...columns }));
    const left = [...this.impossible].map(([key, why]): EventBody => ({ type: 'message', level: 'warning', text: `Points of the series ${JSON.stringify(key)} are left out: a step is a whole number below 2^53 and a time a number (${why}).` }));
    return [
      ...left,
      ...(this.params.size > 0 ? [{ type: 'params' as const, params: Object.fromEntries(this.params) }] : []),
      ...(this.tags.size > 0 ? [{ type: 'tags' as const, tags: Object.fromEntries(this.tags) }] : []),
      ...this.others,
      ...points,
    ];
  }
}
