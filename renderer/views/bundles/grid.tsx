/** A table whose rows can be walked with the arrow keys; one row is in the tab order. */
import { memo, useRef, type KeyboardEvent, type ReactNode } from 'react';

export interface Column<Row> {
  readonly title: string;
  readonly number?: boolean;
  readonly cell: (row: Row) => ReactNode;
}

export interface GridProps<Row> {
  readonly label: string;
  /** Must not change while the grid is shown. */
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly selected: string | null;
  readonly onSelect: (key: string) => void;
  /** Enter, space or a double click. */
  readonly onOpen?: (key: string) => void;
  /** A click opens at once. */
  readonly opensOnClick?: boolean;
}

const PAGE = 10;

function moveBy(key: string, at: number, last: number): number | null {
  switch (key) {
    case 'ArrowDown':
      return Math.min(last, at + 1);
    case 'ArrowUp':
      return Math.max(0, at - 1);
    case 'PageDown':
      return Math.min(last, at + PAGE);
    case 'PageUp':
      return Math.max(0, at - PAGE);
    case 'Home':
      return 0;
    case 'End':
      return last;
    default:
      return null;
  }
}

interface RowProps<Row> {
  readonly row: Row;
  readonly id: string;
  readonly columns: readonly Column<Row>[];
  readonly selected: boolean;
  readonly focusable: boolean;
}

function PlainRow<Row>({ row, id, columns, selected, focusable }: RowProps<Row>) {
  return (
    <tr data-row={id} aria-selected={selected} tabIndex={focusable ? 0 : -1}>
      {columns.map((column) => (
        <td key={column.title} className={column.number === true ? 'number' : undefined}>
          {column.cell(row)}
        </td>
      ))}
    </tr>
  );
}

const GridRow = memo(PlainRow) as typeof PlainRow;

export function Grid<Row>({ label, columns, rows, keyOf, selected, onSelect, onOpen, opensOnClick = false }: GridProps<Row>) {
  const table = useRef<HTMLTableElement>(null);
  const keys = rows.map(keyOf);
  const at = selected === null ? -1 : keys.indexOf(selected);
  const onKeyDown = (event: KeyboardEvent<HTMLElement>): void => {
    const id = (event.target as HTMLElement).dataset['row'];
    if (id === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      onOpen?.(id);
      return;
    }
    const next = moveBy(event.key, keys.indexOf(id), keys.length - 1);
    const key = next === null ? undefined : keys[next];
    if (key === undefined) return;
    event.preventDefault();
    onSelect(key);
    table.current?.querySelector<HTMLElement>(`tr[data-row="${CSS.escape(key)}"]`)?.focus();
  };
  const rowOf = (target: EventTarget): string | undefined => (target instanceof Element ? target.closest<HTMLElement>('tr[data-row]')?.dataset['row'] : undefined);
  const choose = (target: EventTarget, open: boolean): void => {
    const id = rowOf(target);
    if (id === undefined || (target instanceof Element && target.closest('button') !== null)) return;
    onSelect(id);
    if (open) onOpen?.(id);
  };
  return (
    <table
      ref={table}
      role="grid"
      className="dense"
      aria-label={label}
      onKeyDown={onKeyDown}
      onClick={(event) => choose(event.target, opensOnClick)}
      onDoubleClick={(event) => choose(event.target, !opensOnClick)}
    >
      <thead>
        <tr>
          {columns.map(({ title, number }) => (
            <th key={title} scope="col" className={number === true ? 'number' : undefined}>
              {title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => {
          const id = keys[index] ?? '';
          return <GridRow key={id} row={row} id={id} columns={columns} selected={id === selected} focusable={index === Math.max(0, at)} />;
        })}
      </tbody>
    </table>
  );
}
