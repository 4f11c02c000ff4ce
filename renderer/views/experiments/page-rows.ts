/** The pages that are here, as rows. */
import type { Input, Output } from '../../../src/api/contract';
import { opening } from '../../../src/api/opening';
import type { RunListRow } from '../../../src/api/views';

/** Runs a page. */
export const PAGE = opening.limit;
/** Rows beyond the viewport whose page is asked for ahead. */
const AHEAD = 30;

export type Page = Output<'runs.page'>;
export type RunsFilter = Omit<Input<'runs.page'>, 'offset' | 'limit'>;

export interface Runs {
  /** Which filter and order the rows belong to. */
  readonly version: string;
  /** Config leaves of which the rows have the values. */
  readonly paths: readonly string[];
  readonly total: number;
  readonly byStatus: Page['byStatus'];
  /** undefined: not here yet. */
  readonly at: (index: number) => RunListRow | undefined;
  /** Index of a run among the rows that are here, or -1. */
  readonly indexOf: (runId: string) => number;
}

/** First and last page for rows `first` to `last`, with what is near. */
export function pagesFor(first: number, last: number): readonly number[] {
  const from = Math.floor(Math.max(0, first - AHEAD) / PAGE);
  const to = Math.floor((last + AHEAD) / PAGE);
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

/** The same for filters that differ in nothing but their columns. */
export function versionOf({ columns: _columns, ...rest }: RunsFilter): string {
  return JSON.stringify(rest);
}

/** Rows of the pages that are here. `total` comes from the page that was answered last. */
export function runsOf(filter: RunsFilter, numbers: readonly number[], pages: readonly (Page | undefined)[], newest: Page): Runs {
  const byNumber = new Map(numbers.map((number, index) => [number, pages[index]]));
  const places = new Map<string, number>();
  for (const [number, page] of byNumber) for (const [place, { run }] of (page?.rows ?? []).entries()) places.set(run.runId, number * PAGE + place);
  return {
    version: versionOf(filter),
    paths: filter.columns ?? [],
    total: newest.total,
    byStatus: newest.byStatus,
    at: (index) => byNumber.get(Math.floor(index / PAGE))?.rows[index % PAGE],
    indexOf: (runId) => places.get(runId) ?? -1,
  };
}
