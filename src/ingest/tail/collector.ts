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
  private readonly params: Record<string, string> = {};
  private readonly tags: Record<string, string | null> = {};
  private readonly others: EventBody[] = [];

  /** `time` in milliseconds since 1970, rounded. */
  point(key: string, step: number, time: number, value: number): void {
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
    this.params[name] = value;
  }

  tag(name: string, value: string): void {
    this.tags[name] = value;
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
    return [
      ...(Object.keys(this.params).length > 0 ? [{ type: 'params' as const, params: this.params }] : []),
      ...(Object.keys(this.tags).length > 0 ? [{ type: 'tags' as const, tags: this.tags }] : []),
      ...this.others,
      ...points,
    ];
  }
}
