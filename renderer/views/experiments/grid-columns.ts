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

/** CSS grid columns, and the least width they need in pixels. */
export function templateOf(columns: readonly (ColumnMeta | undefined)[], lead: number): { readonly template: string; readonly width: number } {
  const widths = columns.map((meta) => meta?.width ?? 100);
  const tracks = columns.map((meta, index) => (meta?.grow === true ? `minmax(${widths[index]}px, 1fr)` : `${widths[index]}px`));
  return { template: [...(lead > 0 ? [`${lead}px`] : []), ...tracks].join(' '), width: widths.reduce((sum, width) => sum + width, lead) };
}
