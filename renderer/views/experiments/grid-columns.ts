/** What the grids' columns are made of. */
import { columnVisibilityFeature, metaHelper, rowSortingFeature, tableFeatures } from '@tanstack/react-table';

export interface ColumnMeta {
  /** Pixels. */
  readonly width: number;
  /** Takes what is left over. */
  readonly grow?: true;
  /** Right-aligned figures. */
  readonly number?: true;
  /** What the header says in full: a config leaf's path. */
  readonly hint?: string;
}

export const features = tableFeatures({ rowSortingFeature, columnVisibilityFeature, columnMeta: metaHelper<ColumnMeta>() });
export type GridFeatures = typeof features;

const DEFAULT_WIDTH = 100;

/** How many columns, from the first on, lie within so many pixels at least in part. */
export function columnsWithin(columns: readonly (ColumnMeta | undefined)[], pixels: number): number {
  let left = 0;
  const beyond = columns.findIndex((meta) => {
    if (left >= pixels) return true;
    left += meta?.width ?? DEFAULT_WIDTH;
    return false;
  });
  return beyond < 0 ? columns.length : beyond;
}

/** CSS grid columns, and the least width they need in pixels. */
export function templateOf(columns: readonly (ColumnMeta | undefined)[], lead: number): { readonly template: string; readonly width: number } {
  const widths = columns.map((meta) => meta?.width ?? DEFAULT_WIDTH);
  const tracks = columns.map((meta, index) => (meta?.grow === true ? `minmax(${widths[index]}px, 1fr)` : `${widths[index]}px`));
  return { template: [...(lead > 0 ? [`${lead}px`] : []), ...tracks].join(' '), width: widths.reduce((sum, width) => sum + width, lead) };
}
