/** Groups of runs in the order of a column. */
import type { RunGroup } from '../../../src/api/views';
import { leafText } from './values';

export interface GroupSort {
  /** `experiment`, `variant`, `mean`, `n`, `runs`, or `config:PATH`. */
  readonly by: string;
  readonly descending: boolean;
}

/** The name under which people know a group of runs that differ in their seed alone. */
export function groupName({ variant, variantHash }: Pick<RunGroup, 'variant' | 'variantHash'>): string {
  return variant ?? variantHash.slice(0, 8);
}

function valueOf(group: RunGroup, by: string, paths: readonly string[]): string | number | null {
  switch (by) {
    case 'experiment':
      return group.experiment;
    case 'variant':
      return groupName(group);
    case 'mean':
      return group.mean;
    case 'n':
      return group.n;
    case 'runs':
      return group.runs;
    default: {
      const value = group.leaves[paths.indexOf(by.slice('config:'.length))];
      return typeof value === 'number' ? value : value === undefined ? null : leafText(value);
    }
  }
}

/** Sorted by a column; what has no value comes last both ways. The same order where `sort` is null. */
export function sortGroups(groups: readonly RunGroup[], sort: GroupSort | null, paths: readonly string[]): readonly RunGroup[] {
  if (sort === null) return groups;
  const sign = sort.descending ? -1 : 1;
  return groups
    .map((group) => ({ group, value: valueOf(group, sort.by, paths) }))
    .toSorted(({ value: left }, { value: right }) => {
      if (left === null || right === null) return Number(left === null) - Number(right === null);
      if (typeof left === 'number' && typeof right === 'number') return sign * (left - right || 0);
      return sign * (String(left) < String(right) ? -1 : Number(String(left) > String(right)));
    })
    .map(({ group }) => group);
}
