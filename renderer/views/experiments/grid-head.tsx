/** The head of a grid: every column sorts by click and by key; one stop for Tab, arrows go along. */
import { memo, useState, type KeyboardEvent, type ReactNode } from 'react';
import { ArrowDown, ArrowUp } from 'lucide-react';
import type { Header, RowData } from '@tanstack/react-table';
import type { GridFeatures } from './grid-columns';

function Arrow({ sorted }: { readonly sorted: false | 'asc' | 'desc' }) {
  if (sorted === false) return null;
  return sorted === 'asc' ? <ArrowUp size={12} aria-hidden="true" /> : <ArrowDown size={12} aria-hidden="true" />;
}

function sortedWord(sorted: false | 'asc' | 'desc'): 'ascending' | 'descending' | 'none' {
  if (sorted === false) return 'none';
  return sorted === 'asc' ? 'ascending' : 'descending';
}

interface GridHeadProps<T extends RowData> {
  readonly headers: readonly Header<GridFeatures, T>[];
  /** What is sorted by now. */
  readonly sort: { readonly by: string; readonly descending: boolean } | null;
  /** In the column of selection boxes; undefined: there is none. */
  readonly corner: ReactNode;
  /** Leaves the head for the rows. */
  readonly onDown: () => void;
}

function Head<T extends RowData>({ headers, sort, corner, onDown }: GridHeadProps<T>) {
  const [place, setPlace] = useState(0);
  const stop = Math.min(place, headers.length - 1);

  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('.grid-sort')];
    const now = buttons.indexOf(event.target as HTMLElement);
    const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key === 'ArrowDown') onDown();
    else if (to === undefined || now < 0) return;
    else {
      buttons[to]?.focus();
      if (buttons[to] !== undefined) setPlace(to);
    }
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div role="rowgroup" className="grid-head">
      <div role="row" className="grid-head-row" aria-rowindex={1} onKeyDown={onKeyDown}>
        {corner !== undefined && (
          <div role="columnheader" className="grid-cell grid-check">
            {corner}
          </div>
        )}
        {headers.map(({ id, column }, index) => {
          const { meta, header } = column.columnDef;
          const sorted = sort?.by === id ? (sort.descending ? 'desc' : 'asc') : false;
          return (
            <div key={id} role="columnheader" className={meta?.number === true ? 'grid-cell number' : 'grid-cell'} aria-sort={column.getCanSort() ? sortedWord(sorted) : undefined}>
              <button
                type="button"
                className="grid-sort"
                tabIndex={index === stop ? 0 : -1}
                title={meta?.hint}
                aria-disabled={column.getCanSort() ? undefined : true}
                onClick={() => {
                  setPlace(index);
                  if (column.getCanSort()) column.toggleSorting();
                }}
              >
                <span className="truncate">{typeof header === 'string' ? header : id}</span>
                <Arrow sorted={sorted} />
              </button>
            </div>
          );
        })}
      </div>
    </div>
  );
}

export const GridHead = memo(Head) as typeof Head;
