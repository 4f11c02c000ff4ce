/** Columns of config leaves, for runs and for groups of them. */
import { createColumnHelper, type ColumnDef } from '@tanstack/react-table';
import { nounOf } from '../../../src/ablation/describe';
import type { GridFeatures } from './grid-columns';
import { leafNames, leafText } from './values';

const NARROWEST = 80;
const WIDEST = 160;
/** Pixels a letter, roughly, and what stands beside the name. */
const LETTER = 8;
const BESIDE = 32;

interface WithLeaves {
  readonly leaves: readonly unknown[];
}

/** @param paths in the order in which rows have their values */
export function leafColumns<T extends WithLeaves>(paths: readonly string[]): ColumnDef<GridFeatures, T>[] {
  const helper = createColumnHelper<GridFeatures, T>();
  const names = leafNames(paths);
  return paths.map((path, index) => {
    const name = names.get(path) ?? path;
    return helper.accessor((row: T) => row.leaves[index], {
      id: `config:${path}`,
      header: name,
      sortDescFirst: false,
      meta: { width: Math.min(WIDEST, Math.max(NARROWEST, BESIDE + LETTER * name.length)), hint: `${path} (${nounOf(path)})` },
      cell: ({ row }) => {
        const text = leafText(row.original.leaves[index]);
        return text === '' ? <span className="soft">–</span> : <span title={text}>{text}</span>;
      },
    }) as ColumnDef<GridFeatures, T>;
  });
}
