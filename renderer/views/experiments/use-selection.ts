/** The selection of a table of runs, with all that mouse and keys do to it. */
import { startTransition, useCallback, useMemo, useRef, useState } from 'react';
import type { RunListRow } from '../../../src/api/views';
import { count } from '../../format';
import { complain, say } from '../../notice';
import type { Reach } from './grid-keys';
import type { Runs, RunsFilter } from './page-rows';
import { rowsBetween } from './pages';
import { MOST_SELECTED, nothing, only, ranged, rangeTo, refreshed, toggled, type Selection } from './selection';

export interface Selecting {
  readonly selection: Selection;
  readonly rows: readonly RunListRow[];
  readonly move: (index: number, reach: Reach) => void;
  readonly toggle: (index: number) => void;
  readonly all: () => void;
  readonly clear: () => void;
}

export function useSelection(runs: Runs | null, filter: RunsFilter): Selecting {
  const [kept, setKept] = useState(nothing);
  // Rows of a range may come after the selection has changed again.
  const asked = useRef(0);
  const selection = useMemo(() => (runs === null ? kept : refreshed(kept, (id) => runs.at(runs.indexOf(id)))), [kept, runs]);
  const rows = useMemo(() => [...selection.rows.values()], [selection]);

  const selectRange = useCallback(
    async (from: number, to: number, isMeant: (rows: readonly RunListRow[]) => void) => {
      if (runs === null || to < from) return;
      asked.current += 1;
      const mine = asked.current;
      try {
        const between = await rowsBetween(runs, filter, from, to);
        if (mine === asked.current) startTransition(() => isMeant(between));
      } catch (error) {
        complain('The runs could not be selected', error);
      }
    },
    [runs, filter],
  );

  const move = useCallback(
    (index: number, reach: Reach) => {
      if (reach === 'none') return;
      const row = runs?.at(index);
      if (reach === 'extend') {
        const [from, to] = rangeTo(kept.anchor, index);
        void selectRange(from, to, (between) => setKept((before) => ranged(before, between)));
      } else if (row !== undefined) {
        asked.current += 1;
        setKept(only(row, index));
      }
    },
    [runs, kept.anchor, selectRange],
  );
  const toggle = useCallback(
    (index: number) => {
      const row = runs?.at(index);
      asked.current += 1;
      if (row !== undefined) setKept((before) => toggled(before, row, index));
    },
    [runs],
  );
  const clear = useCallback(() => {
    asked.current += 1;
    setKept((before) => (before.rows.size === 0 ? before : { ...nothing, anchor: before.anchor }));
  }, []);
  const all = useCallback(() => {
    if (runs === null) return;
    const { total } = runs;
    void selectRange(0, Math.min(total, MOST_SELECTED) - 1, (between) => {
      setKept((before) => ranged(before, between));
      if (total > MOST_SELECTED) say(`The first ${count(MOST_SELECTED)} of ${count(total)} runs are selected; no more can be at once`);
    });
  }, [runs, selectRange]);
  return { selection, rows, move, toggle, all, clear };
}
