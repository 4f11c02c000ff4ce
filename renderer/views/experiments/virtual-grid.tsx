/** A grid of very many rows, of which only those in sight exist; by mouse and by keyboard. */
import { memo, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type MouseEvent, type ReactNode } from 'react';
import { FlexRender, useTable, type Column, type ColumnDef, type Row, type RowData, type SortingState } from '@tanstack/react-table';
import { defaultRangeExtractor, useVirtualizer } from '@tanstack/react-virtual';
import { usePainted } from '../../components/after-paint';
import { columnsWithin, features, templateOf, type GridFeatures } from './grid-columns';
import { gridKey, type Reach } from './grid-keys';
import { GridHead } from './grid-head';
import type { GridPlace } from './table-state';
import './virtual-grid.css';

const ROW = 28;
const HEAD = 32;
const OVERSCAN = 6;
/** About what stands above and below a grid, and beside it. */
const ABOVE = 180;
const BESIDE = 300;
/** Width of the column of selection boxes. */
const BOX = 36;

export interface VirtualGridProps<T extends RowData> {
  readonly label: string;
  readonly columns: ColumnDef<GridFeatures, T>[];
  readonly visibility: Readonly<Record<string, boolean>>;
  readonly count: number;
  /** Rows of another version stand in no relation to these: the grid begins at its top again. */
  readonly version: string;
  /** undefined: the row is not here yet. */
  readonly at: (index: number) => T | undefined;
  readonly idOf: (row: T) => string;
  /** Where a row is now, or -1 where it is not among those here. */
  readonly indexOf: (id: string) => number;
  readonly sort: { readonly by: string; readonly descending: boolean } | null;
  readonly onSort: (by: string, descending: boolean) => void;
  /** Ids. With null rows cannot be selected, and there are no boxes. */
  readonly selected: { readonly has: (id: string) => boolean } | null;
  /** In the head of the column of boxes. */
  readonly corner?: ReactNode;
  /** Rows that belong to an older question. */
  readonly stale?: boolean;
  /** Where it stood when it was last shown: whoever comes back by key goes on there. */
  readonly initial: GridPlace | null;
  readonly onPlace: (place: GridPlace) => void;
  readonly onRange?: (first: number, last: number) => void;
  readonly onMove?: (index: number, reach: Reach) => void;
  readonly onToggle?: (index: number) => void;
  readonly onOpen: (index: number) => void;
  readonly onAll?: () => void;
  readonly onClear?: () => void;
  readonly onDelete?: () => void;
  readonly onMenu?: (index: number, at: { readonly x: number; readonly y: number }) => void;
}

interface GridRowProps<T extends RowData> {
  readonly row: Row<GridFeatures, T> | undefined;
  readonly columns: readonly Column<GridFeatures, T>[];
  readonly index: number;
  readonly start: number;
  /** null: rows cannot be selected. */
  readonly selected: boolean | null;
  readonly isCursor: boolean;
}

function GridRow<T extends RowData>({ row, columns, index, start, selected, isCursor }: GridRowProps<T>) {
  return (
    <div
      role="row"
      className="grid-row"
      data-index={index}
      aria-rowindex={index + 2}
      aria-selected={selected ?? undefined}
      aria-busy={row === undefined || undefined}
      tabIndex={isCursor ? 0 : -1}
      style={{ transform: `translateY(${start}px)` }}
    >
      {selected !== null && (
        <div role="gridcell" className="grid-cell grid-check" aria-label={selected ? 'Selected' : 'Not selected'}>
          <span className="grid-box" />
        </div>
      )}
      {row === undefined ? (
        <div role="gridcell" className="grid-cell grid-loading" aria-label="Loading" aria-colspan={columns.length} />
      ) : (
        columns.map((column) => row.getAllCellsByColumnId()[column.id]!).map((cell) => (
          <div key={cell.column.id} role="gridcell" className={cell.column.columnDef.meta?.number === true ? 'grid-cell number' : 'grid-cell'}>
            <FlexRender cell={cell} />
          </div>
        ))
      )}
    </div>
  );
}

// The table makes its row objects anew with every page; what is shown depends on the data alone.
const MemoRow = memo(
  GridRow,
  (before, after) =>
    before.row?.original === after.row?.original &&
    before.columns === after.columns &&
    before.index === after.index &&
    before.start === after.start &&
    before.selected === after.selected &&
    before.isCursor === after.isCursor,
) as typeof GridRow;

function indexUnder(target: EventTarget | null): number | null {
  const row = target instanceof Element ? target.closest<HTMLElement>('.grid-row') : null;
  return row === null ? null : Number(row.dataset['index']);
}

export function VirtualGrid<T extends RowData>(props: VirtualGridProps<T>) {
  const { columns, visibility, count, version, at, idOf, indexOf, sort, onSort, selected, initial, onPlace, onRange, onMove, onToggle, onOpen, onMenu } = props;
  const scroller = useRef<HTMLDivElement>(null);
  // What lies beyond the window's edges comes after what is in sight.
  const painted = usePainted();
  const [place, setPlace] = useState(initial?.cursor ?? 0);
  const cursor = Math.max(0, Math.min(place, count - 1));
  const wantsFocus = useRef(initial !== null && document.activeElement === document.body);

  // oxlint-disable-next-line react/incompatible-library -- no compiler memoizes this component
  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: painted ? OVERSCAN : 0,
    // Until it is measured: the first rendering has rows already.
    initialRect: { width: 0, height: window.innerHeight - ABOVE },
    // The head lies over the upper rows, so the viewport is lower by its height.
    scrollPaddingEnd: HEAD,
    initialOffset: initial?.offset ?? 0,
    useFlushSync: false,
    // The row with the focus stays, or the keyboard would lose its place when the wheel turns.
    rangeExtractor: (range) => {
      const indexes = defaultRangeExtractor(range);
      if (cursor < count && !indexes.includes(cursor)) indexes.push(cursor);
      return indexes;
    },
  });
  const items = virtualizer.getVirtualItems();
  /** Rows that can exist at once, besides the cursor's. */
  const slots = Math.ceil((virtualizer.scrollRect?.height ?? 0) / ROW) + 2 + 2 * OVERSCAN;
  const first = virtualizer.range?.startIndex ?? 0;
  const last = virtualizer.range?.endIndex ?? 0;

  const data = items.map(({ index }) => at(index)).filter((row) => row !== undefined);
  const sorting: SortingState = useMemo(() => (sort === null ? [] : [{ id: sort.by, desc: sort.descending }]), [sort]);
  const table = useTable({
    features,
    columns,
    data,
    getRowId: idOf,
    manualSorting: true,
    enableSortingRemoval: false,
    enableMultiSort: false,
    state: { sorting, columnVisibility: visibility },
    onSortingChange: (change) => {
      const [next] = typeof change === 'function' ? change(sorting) : change;
      if (next !== undefined) onSort(next.id, next.desc);
    },
  });
  const { rowsById } = table.getRowModel();
  const leaves = table.getVisibleLeafColumns();
  const lead = selected === null ? 0 : BOX;
  const { template, width } = useMemo(() => templateOf(leaves.map(({ columnDef }) => columnDef.meta), lead), [leaves, lead]);
  const shown = useMemo(
    () => (painted ? leaves : leaves.slice(0, columnsWithin(leaves.map(({ columnDef }) => columnDef.meta), window.innerWidth - BESIDE - lead))),
    [painted, leaves, lead],
  );
  const allHeaders = table.getHeaderGroups()[0]?.headers;
  const headers = useMemo(() => allHeaders?.slice(0, shown.length) ?? [], [allHeaders, shown]);

  useEffect(() => onRange?.(first, last), [onRange, first, last, version]);
  useEffect(() => onPlace({ offset: virtualizer.scrollOffset ?? 0, cursor }), [onPlace, virtualizer.scrollOffset, cursor]);

  // Before the next effect, which asks for the focus after the next rendering.
  useLayoutEffect(() => {
    if (!wantsFocus.current) return;
    const row = scroller.current?.querySelector<HTMLElement>(`.grid-row[data-index="${cursor}"]`);
    if (row == null) return;
    wantsFocus.current = false;
    row.focus({ preventScroll: true });
  });

  // The cursor stays with its run when others come before it, and so does what is in sight.
  const followed = useRef<{ readonly version: string; readonly id: string | null }>({ version, id: null });
  useLayoutEffect(() => {
    const row = at(cursor);
    const id = row === undefined ? null : idOf(row);
    if (followed.current.version !== version) {
      followed.current = { version, id: null };
      setPlace(0);
      virtualizer.scrollToOffset(0);
      return;
    }
    if (id === null || id === followed.current.id) return;
    const now = followed.current.id === null ? -1 : indexOf(followed.current.id);
    if (now < 0 || now === cursor) {
      followed.current = { version, id };
      return;
    }
    wantsFocus.current = scroller.current?.contains(document.activeElement) === true && document.activeElement?.getAttribute('role') === 'row';
    setPlace(now);
    const offset = virtualizer.scrollOffset ?? 0;
    if (offset > 0) virtualizer.scrollToOffset(offset + (now - cursor) * ROW);
  }, [at, idOf, indexOf, cursor, version, virtualizer]);

  const moveTo = useCallback(
    (index: number, focus: boolean): void => {
      const row = at(index);
      followed.current = { version, id: row === undefined ? null : idOf(row) };
      wantsFocus.current = focus;
      setPlace(index);
    },
    [at, idOf, version],
  );

  const focusCursor = useCallback(() => scroller.current?.querySelector<HTMLElement>('.grid-row[tabindex="0"]')?.focus(), []);

  const onKeyDown = (event: KeyboardEvent): void => {
    if (indexUnder(event.target) === null) return;
    const page = Math.floor(((scroller.current?.clientHeight ?? 0) - HEAD) / ROW);
    const pressed = gridKey(event, cursor, count, page);
    if (pressed === null) return;
    switch (pressed.does) {
      case 'move':
        moveTo(pressed.to, true);
        virtualizer.scrollToIndex(pressed.to, { align: 'auto' });
        onMove?.(pressed.to, pressed.reach);
        break;
      case 'toggle':
        onToggle?.(cursor);
        break;
      case 'open':
        onOpen(cursor);
        break;
      case 'all':
        props.onAll?.();
        break;
      case 'menu': {
        const box = event.target instanceof Element ? event.target.getBoundingClientRect() : new DOMRect();
        onMenu?.(cursor, { x: Math.max(box.left, scroller.current?.getBoundingClientRect().left ?? 0) + BOX, y: box.bottom });
        break;
      }
      case 'delete':
        props.onDelete?.();
        break;
      case 'clear':
        props.onClear?.();
        break;
      case 'head':
        scroller.current?.querySelector<HTMLElement>('.grid-head [tabindex="0"]')?.focus();
    }
    event.preventDefault();
  };

  const onClick = (event: MouseEvent): void => {
    const index = indexUnder(event.target);
    if (index === null || !(event.target instanceof Element) || event.target.closest('button') !== null) return;
    const toggles = event.target.closest('.grid-check') !== null || event.ctrlKey || event.metaKey;
    moveTo(index, true);
    if (toggles && !event.shiftKey) onToggle?.(index);
    else onMove?.(index, event.shiftKey ? 'extend' : 'only');
  };

  return (
    <div
      ref={scroller}
      className={props.stale === true ? 'grid stale' : 'grid'}
      role="grid"
      aria-label={props.label}
      aria-rowcount={count + 1}
      aria-colcount={leaves.length + (selected === null ? 0 : 1)}
      aria-multiselectable={selected === null ? undefined : true}
      aria-busy={props.stale === true || undefined}
      style={{ '--grid-columns': template, '--grid-width': `${width}px` } as React.CSSProperties}
      onKeyDown={onKeyDown}
      onClick={onClick}
      onDoubleClick={(event) => {
        const index = indexUnder(event.target);
        if (index !== null && event.target instanceof Element && event.target.closest('button, .grid-check') === null) onOpen(index);
      }}
      onContextMenu={(event) => {
        const index = indexUnder(event.target);
        if (index === null || onMenu === undefined) return;
        event.preventDefault();
        moveTo(index, true);
        onMenu(index, { x: event.clientX, y: event.clientY });
      }}
    >
      <GridHead headers={headers} sort={sort} corner={props.corner} onDown={focusCursor} />
      <div role="rowgroup" className="grid-body" style={{ height: virtualizer.getTotalSize() }}>
        {items.map(({ index, start }) => {
          const row = at(index);
          const id = row === undefined ? null : idOf(row);
          return (
            <MemoRow
              // Rows that leave make room for rows that come, in the same elements; but the focus belongs to one row.
              key={index === cursor ? `cursor ${index}` : index % slots}
              row={id === null ? undefined : rowsById[id]}
              columns={shown}
              index={index}
              start={start}
              selected={selected === null ? null : id !== null && selected.has(id)}
              isCursor={index === cursor}
            />
          );
        })}
      </div>
    </div>
  );
}
