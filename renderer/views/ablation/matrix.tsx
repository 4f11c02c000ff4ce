/** Variants × seeds as a grid: one cell a run, walked with the arrow keys. */
import { memo, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { useVirtualizer } from '@tanstack/react-virtual';
import { Repeat2 } from 'lucide-react';
import type { StudyView } from '../../../src/api/views';
import { ProgressBar } from '../../components/progress-bar';
import { StateShape } from '../../components/state-mark';
import { Swatch } from '../compare/swatch';
import { cellSentence, cellState, cellWords, rowMeans, type StudyCell } from './study-words';

export interface Selection {
  readonly row: number;
  readonly column: number;
}

const ROW = 44;
const PAGE = 10;

function MissingShape() {
  return (
    <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
      <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray="2 2" />
    </svg>
  );
}

interface CellProps {
  readonly cell: StudyCell;
  readonly variant: string;
  readonly metric: StudyView['metric'];
  readonly place: string;
  readonly column: number;
  readonly selected: boolean;
  /** Whether Tab leads here. */
  readonly reachable: boolean;
}

const Cell = memo(function Cell({ cell, variant, metric, place, column, selected, reachable }: CellProps) {
  const state = cellState(cell);
  const share = cell.run?.totalSteps != null && cell.run.totalSteps > 0 ? cell.run.stepsDone / cell.run.totalSteps : 0;
  return (
    <td role="gridcell" className={`cell ${state}`} aria-colindex={column + 3} aria-selected={selected} tabIndex={reachable ? 0 : -1} data-cell={place} aria-label={cellSentence(cell, variant, metric)} title={cell.run?.errorMessage ?? undefined}>
      <span className={`state ${state === 'missing' ? 'cancelled' : state}`}>
        {cell.run === null ? <MissingShape /> : <StateShape status={cell.run.status} />}
        <span className="cell-words">{cellWords(cell, metric)}</span>
        {cell.reused && <Repeat2 className="cell-reused" size={12} aria-hidden="true" />}
      </span>
      {state === 'running' && <ProgressBar share={share} />}
    </td>
  );
});

interface RowProps {
  readonly variant: StudyView['matrix'][number];
  readonly metric: StudyView['metric'];
  readonly row: number;
  /** Mean of the finished seeds with its interval. */
  readonly mean: string | null;
  readonly n: number;
  /** Column of the selected cell, where it is in this row. */
  readonly selected: number | null;
  /** Column of the cell that Tab leads to, where it is in this row. */
  readonly reachable: number | null;
}

const Row = memo(function Row({ variant, metric, row, mean, n, selected, reachable }: RowProps) {
  return (
    <tr aria-rowindex={row + 2}>
      <th scope="row" className="matrix-name" aria-colindex={1}>
        <span className="matrix-variant">
          <Swatch place={row} />
          <span className="truncate" title={variant.name}>
            {variant.name}
          </span>
        </span>
        <span className="matrix-summary truncate small" title={variant.summary}>
          {variant.summary}
        </span>
      </th>
      <td role="gridcell" className="number matrix-mean" aria-colindex={2}>
        {mean === null ? (
          <span className="soft">–</span>
        ) : (
          <>
            {mean} <span className="soft small">n = {n}</span>
          </>
        )}
      </td>
      {variant.cells.map((cell, column) => (
        <Cell key={cell.seed} cell={cell} variant={variant.name} metric={metric} place={`${row}:${column}`} column={column} selected={selected === column} reachable={reachable === column} />
      ))}
    </tr>
  );
});

export interface MatrixProps {
  readonly study: StudyView;
  /** null: none yet, or no longer. */
  readonly selection: Selection | null;
  readonly onSelect: (selection: Selection | null) => void;
  readonly onOpen: (selection: Selection) => void;
}

export function Matrix({ study, selection, onSelect, onOpen }: MatrixProps) {
  const scroll = useRef<HTMLDivElement>(null);
  const { matrix, seedValues, metric } = study;
  // oxlint-disable-next-line react/incompatible-library -- no compiler memoizes this component
  const rows = useVirtualizer({ count: matrix.length, getScrollElement: () => scroll.current, estimateSize: () => ROW, overscan: 12 });
  const [at, setAt] = useState<Selection>({ row: 0, column: 0 });
  const means = useMemo(() => rowMeans(matrix), [matrix]);
  const shown = rows.getVirtualItems();
  const before = shown[0]?.start ?? 0;
  const after = rows.getTotalSize() - (shown.at(-1)?.end ?? 0);

  const choose = (next: Selection): void => {
    setAt(next);
    onSelect(next);
  };
  const select = (row: number, column: number): void => {
    const next = { row: Math.max(0, Math.min(matrix.length - 1, row)), column: Math.max(0, Math.min(seedValues.length - 1, column)) };
    choose(next);
    rows.scrollToIndex(next.row);
    requestAnimationFrame(() => scroll.current?.querySelector<HTMLElement>(`[data-cell="${next.row}:${next.column}"]`)?.focus());
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const { row, column } = at;
    if (event.altKey || event.metaKey || (event.ctrlKey && event.key !== 'Home' && event.key !== 'End')) return;
    const moves: Readonly<Record<string, readonly [number, number]>> = {
      ArrowDown: [row + 1, column],
      ArrowUp: [row - 1, column],
      ArrowRight: [row, column + 1],
      ArrowLeft: [row, column - 1],
      PageDown: [row + PAGE, column],
      PageUp: [row - PAGE, column],
      Home: [event.ctrlKey ? 0 : row, 0],
      End: [event.ctrlKey ? matrix.length - 1 : row, seedValues.length - 1],
    };
    const to = moves[event.key];
    if (to !== undefined) select(...to);
    else if (event.key === 'Enter' || event.key === ' ') onOpen(at);
    else if (event.key === 'Escape' && selection !== null) onSelect(null);
    else return;
    event.preventDefault();
  };
  const placeOf = (target: EventTarget): Selection | null => {
    const place = target instanceof Element ? target.closest<HTMLElement>('[data-cell]')?.dataset['cell']?.split(':').map(Number) : undefined;
    return place === undefined ? null : { row: place[0] ?? 0, column: place[1] ?? 0 };
  };
  return (
    <div ref={scroll} className="matrix">
      <table
        role="grid"
        className="dense"
        aria-label="Variants and seeds"
        aria-rowcount={matrix.length + 1}
        aria-colcount={seedValues.length + 2}
        onKeyDown={onKeyDown}
        onFocus={(event) => {
          const place = placeOf(event.target);
          if (place !== null) choose(place);
        }}
        onClick={(event) => {
          const place = placeOf(event.target);
          if (place !== null) select(place.row, place.column);
        }}
        onDoubleClick={(event) => {
          const place = placeOf(event.target);
          if (place !== null) onOpen(place);
        }}
      >
        <thead>
          <tr aria-rowindex={1}>
            <th scope="col" className="matrix-name">Variant and its difference</th>
            <th scope="col" className="number" title={`Mean of ${metric ?? 'the metric'} over the seeds that are done, with half the width of its 95% t interval`}>
              Mean ± 95%
            </th>
            {seedValues.map((seed) => (
              <th key={seed} scope="col">
                Seed {seed}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {before > 0 && <tr style={{ height: before }} aria-hidden="true" />}
          {shown.map(({ index }) => {
            const variant = matrix[index];
            return variant === undefined ? null : <Row key={variant.name} variant={variant} metric={metric} row={index} mean={means[index]?.text ?? null} n={means[index]?.n ?? 0} selected={selection?.row === index ? selection.column : null} reachable={at.row === index ? at.column : null} />;
          })}
          {after > 0 && <tr style={{ height: after }} aria-hidden="true" />}
        </tbody>
      </table>
    </div>
  );
}
