/** What the cells of a table mean. CSV has texts only, JSON and Parquet have types. */
import type { StateRecord } from '../../events/records';
import { pythonNumber } from '../mlruns/mlflow';

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$|^[+-]?inf(?:inity)?$|^nan$/iu;

export function isMissing(cell: unknown): boolean {
  return cell === undefined || cell === null || cell === '';
}

/** Null for what is no number; truth counts as 1. */
export function numberOf(cell: unknown): number | null {
  switch (typeof cell) {
    case 'number':
      return cell;
    case 'bigint':
    case 'boolean':
      return Number(cell);
    case 'string':
      return NUMBER.test(cell.trim()) ? pythonNumber(cell.trim().replace(/^\+/u, '')) : null;
    default:
      return null;
  }
}

export function textOf(cell: unknown): string {
  if (typeof cell === 'string') return cell;
  if (cell instanceof Date) return cell.toISOString();
  if (typeof cell === 'object') return JSON.stringify(cell, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  return String(cell);
}

/** Milliseconds since 1970, UTC; null where the cell holds no time. A number counts seconds, milliseconds or microseconds, by its size; a text without a zone is UTC. */
export function timeOf(cell: unknown): number | null {
  if (cell instanceof Date) return cell.getTime();
  const number = numberOf(cell);
  if (number !== null) {
    if (!Number.isFinite(number)) return null;
    if (number > 1e14) return number / 1000;
    return number > 1e11 ? number : number * 1000;
  }
  if (typeof cell !== 'string' || !/^\d{4}-\d\d-\d\d/u.test(cell)) return null;
  const zoned = /(?:Z|[+-]\d\d:?\d\d)$/u.test(cell) || /^\d{4}-\d\d-\d\d$/u.test(cell);
  const time = Date.parse(zoned ? cell : `${cell}Z`);
  return Number.isNaN(time) ? null : time;
}

const STATUSES: Readonly<Record<string, NonNullable<StateRecord['status']>>> = {
  scheduled: 'scheduled', queued: 'scheduled', pending: 'scheduled',
  running: 'running', interrupted: 'killed',
  finished: 'finished', completed: 'finished', success: 'finished',
  failed: 'failed', crashed: 'failed',
  killed: 'killed', cancelled: 'killed',
};

export function statusOf(cell: unknown): NonNullable<StateRecord['status']> {
  return STATUSES[textOf(cell ?? '').toLowerCase()] ?? 'finished';
}
