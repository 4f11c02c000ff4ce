/** What benchmarks measured: rows that `npm run bench` prints as one table, or with `--json` as JSON. */
import { appendFileSync } from 'node:fs';

export interface Measured {
  readonly name: string;
  readonly ours: number;
  /** The peer's, measured in the same run; null where it has nothing of the kind. */
  readonly peer: number | null;
  readonly unit: string;
  /** What a reader of the numbers must know. */
  readonly note?: string;
  /** Whether a larger number is better; a shorter time is, for instance, not larger. */
  readonly larger?: boolean;
}

const rounded = (value: number): number => Number(value.toPrecision(3));

/** Notes a row. Its ratio is above 1 where ours is better. */
export function row({ name, ours, peer, unit, note, larger = false }: Measured): void {
  const ratio = peer === null ? null : larger ? ours / peer : peer / ours;
  const line = JSON.stringify({ name, ours: rounded(ours), peer: peer === null ? null : rounded(peer), unit, ratio: ratio === null ? null : rounded(ratio), note });
  const file = process.env['REPRISE_BENCH_ROWS'];
  if (file === undefined) process.stdout.write(`${line}\n`);
  else appendFileSync(file, `${line}\n`);
}

export const median = (values: readonly number[]): number => values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN;

/** The value below which a quarter of them lie. */
export const quartile = (values: readonly number[]): number => values.toSorted((left, right) => left - right)[values.length >> 2] ?? Number.NaN;
