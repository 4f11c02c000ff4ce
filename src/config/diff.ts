import { isMapping } from './mapping';

/** One leaf that differs between two documents. `undefined` = the leaf is not there. */
export interface Difference {
  readonly path: string;
  readonly left: unknown;
  readonly right: unknown;
}

/** Same value: NaN equals NaN, 1 is not "1", missing is not null; lists by content. */
export function sameValue(left: unknown, right: unknown): boolean {
  if (Object.is(left, right)) return true;
  if (left === 0 && right === 0) return true;
  if (Array.isArray(left) && Array.isArray(right)) return left.length === right.length && left.every((entry, index) => sameValue(entry, right[index]));
  if (isMapping(left) && isMapping(right)) {
    const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...keys].every((key) => Object.hasOwn(left, key) === Object.hasOwn(right, key) && sameValue(left[key], right[key]));
  }
  return false;
}

/** Leaves that differ, in the order of the left document and then of the right; a list is one leaf. Dots in keys are escaped (`a\.b`). */
export function diff(left: unknown, right: unknown, prefix = ''): Difference[] {
  if (isMapping(left) && isMapping(right)) {
    const keys = [...Object.keys(left), ...Object.keys(right).filter((key) => !Object.hasOwn(left, key))];
    return keys.flatMap((key) => {
      const name = key.replaceAll('.', String.raw`\.`);
      return diff(left[key], right[key], prefix === '' ? name : `${prefix}.${name}`);
    });
  }
  return sameValue(left, right) ? [] : [{ path: prefix === '' ? '(document)' : prefix, left, right }];
}
