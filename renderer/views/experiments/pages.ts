/** The runs of a table, a page at a time: only pages near the viewport are asked for. */
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useQueries, type UseQueryResult } from '@tanstack/react-query';
import type { Input } from '../../../src/api/contract';
import type { RunListRow } from '../../../src/api/views';
import { answerKey, call } from '../../state/answers';
import { PAGE, pagesFor, runsOf, versionOf, type Page, type Runs, type RunsFilter } from './page-rows';

/** Rows of a range that are asked for at once: many more would take the window too long to receive. */
const MOST_ASKED = 200;
/** While the user scrolls, the wanted pages are looked at so often. */
const SETTLE_MS = 100;
/** A page with running runs is asked for again so often, for the estimates in it; events bring the rest. */
const ESTIMATE_MS = 2000;
/** Pages out of sight are forgotten soon: nothing keeps them true. */
export const FORGET_MS = 5000;

/** Rows `from` to `to`, of which those that are not here are asked for. @throws Refused */
export async function rowsBetween(runs: Runs, filter: RunsFilter, from: number, to: number): Promise<RunListRow[]> {
  const here = Array.from({ length: to - from + 1 }, (_, index) => runs.at(from + index)).filter((row) => row !== undefined);
  if (here.length === to - from + 1) return here;
  const rows: RunListRow[] = [];
  while (rows.length < to - from + 1) {
    const offset = from + rows.length;
    const page = await call('runs.page', { ...filter, offset, limit: Math.min(MOST_ASKED, to - offset + 1) });
    rows.push(...page.rows);
    if (page.rows.length === 0) break;
  }
  return rows;
}

function together(results: readonly UseQueryResult<Page>[]): { readonly pages: readonly (Page | undefined)[]; readonly newest: Page | null; readonly failed: UseQueryResult<Page> | null } {
  const answered = results.filter((result) => result.data !== undefined).toSorted((left, right) => right.dataUpdatedAt - left.dataUpdatedAt);
  return { pages: results.map(({ data }) => data), newest: answered[0]?.data ?? null, failed: results.find(({ isError }) => isError) ?? null };
}

/**
 * The runs that meet a filter, which must be the same object as long as it says the same. While the first answer to a new filter is under way the rows of the last one stay, and
 * `stale` says so. `want` tells which rows are visible.
 */
export function useRunPages(filter: RunsFilter): { readonly runs: Runs | null; readonly stale: boolean; readonly failed: UseQueryResult<Page> | null; readonly want: (first: number, last: number) => void } {
  const version = versionOf(filter);
  const [wanted, setWanted] = useState<{ readonly version: string; readonly numbers: readonly number[] }>({ version, numbers: [0] });
  if (wanted.version !== version) setWanted({ version, numbers: [0] });
  const { numbers } = wanted;
  const { pages, newest, failed } = useQueries({
    queries: numbers.map((number) => {
      const input: Input<'runs.page'> = { ...filter, offset: number * PAGE, limit: PAGE };
      return {
        queryKey: answerKey('runs.page', input),
        queryFn: () => call('runs.page', input),
        gcTime: FORGET_MS,
        refetchInterval: (query: { readonly state: { readonly data: Page | undefined } }) => (query.state.data?.rows.some(({ run }) => run.status === 'running') === true ? ESTIMATE_MS : false),
      };
    }),
    combine: together,
  });

  const present = useMemo(() => (newest === null ? null : runsOf(filter, numbers, pages, newest)), [filter, numbers, pages, newest]);
  const [last, setLast] = useState(present);
  if (present !== null && present !== last) setLast(present);

  const timer = useRef<number | null>(null);
  const visible = useRef({ first: 0, last: 0 });
  useEffect(() => () => window.clearTimeout(timer.current ?? undefined), []);
  const want = useCallback((first: number, last: number) => {
    visible.current = { first, last };
    timer.current ??= window.setTimeout(() => {
      timer.current = null;
      const next = pagesFor(visible.current.first, visible.current.last);
      setWanted((before) => (before.numbers.join() === next.join() ? before : { ...before, numbers: next }));
    }, SETTLE_MS);
  }, []);
  return { runs: present ?? last, stale: present === null && last !== null, failed, want };
}
