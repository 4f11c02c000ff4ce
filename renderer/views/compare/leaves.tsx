/** Runs side by side: a column a run, a row a leaf, differences to the base marked by a sign and weight. */
import { useState, type KeyboardEvent } from 'react';
import { ArrowLeftToLine } from 'lucide-react';
import { ActionIcon, Tooltip } from '@mantine/core';
import type { RunView } from '../../../src/api/rows';
import { Hash } from '../../components/hash';
import { StateMark } from '../../components/state-mark';
import { plural } from '../../format';
import { copy } from '../../notice';
import { go } from '../../state/place';
import { Cut } from './cut';
import { copyText, differs, fullText, shortText, type Row, type ShownSection } from './values';

interface HeadProps {
  readonly run: RunView;
  readonly name: string;
  readonly place: number;
  readonly onMove: (from: number, to: number) => void;
}

function RunHead({ run, name, place, onMove }: HeadProps) {
  const [over, setOver] = useState(false);
  return (
    <th
      scope="col"
      className={over ? 'beside-run over' : 'beside-run'}
      draggable
      onDragStart={(event) => event.dataTransfer.setData('text/x-reprise-column', String(place))}
      onDragOver={(event) => {
        if (!event.dataTransfer.types.includes('text/x-reprise-column')) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        setOver(false);
        const from = event.dataTransfer.getData('text/x-reprise-column');
        if (from === '') return;
        event.preventDefault();
        onMove(Number(from), place);
      }}
    >
      <button type="button" className="compare-link beside-variant" aria-label={`${name}: open run`} onClick={() => go({ view: 'run', run: run.runId })}>
        <Cut text={run.variant ?? run.experiment} />
      </button>
      <div className="beside-facts">
        {run.seed === null ? 'no seed' : `seed ${run.seed}`}
        {place === 0 ? (
          <span className="compare-mark">base</span>
        ) : (
          <Tooltip label="Make base">
            <ActionIcon variant="subtle" color="gray" size={24} aria-label={`Make ${name} the base`} onClick={() => onMove(place, 0)}>
              <ArrowLeftToLine size={14} aria-hidden="true" />
            </ActionIcon>
          </Tooltip>
        )}
      </div>
      <div className="beside-facts">
        <StateMark status={run.status} />
        {run.configHash !== null && <Hash value={run.configHash} of={`config hash of ${name}`} />}
      </div>
    </th>
  );
}

export interface At {
  readonly section: string;
  readonly path: string;
  readonly column: number;
}

interface LeavesProps {
  readonly runs: readonly RunView[];
  readonly names: readonly string[];
  readonly sections: readonly ShownSection[];
  readonly unfolded: ReadonlySet<string>;
  readonly at: At | null;
  readonly onAt: (at: At) => void;
  readonly onFold: (section: string) => void;
  readonly onMove: (from: number, to: number) => void;
}

/** The cell that arrow keys lead to from another. */
function neighbour(cell: HTMLTableCellElement, key: string): Element | null | undefined {
  const row = cell.closest('tr');
  const rows = [...(cell.closest('table')?.querySelectorAll('tr[data-path]') ?? [])];
  const place = row === null ? -1 : rows.indexOf(row);
  const inRow = (to: number): Element | null | undefined => rows[Math.max(0, Math.min(rows.length - 1, to))]?.querySelectorAll('td')[cell.cellIndex - 1];
  switch (key) {
    case 'ArrowDown':
      return inRow(place + 1);
    case 'ArrowUp':
      return inRow(place - 1);
    case 'PageDown':
      return inRow(place + 10);
    case 'PageUp':
      return inRow(place - 10);
    case 'ArrowLeft':
      return cell.cellIndex > 1 ? cell.previousElementSibling : null;
    case 'ArrowRight':
      return cell.nextElementSibling;
    case 'Home':
      return row?.querySelector('td');
    case 'End':
      return row?.lastElementChild;
    default:
      return undefined;
  }
}

export function Leaves({ runs, names, sections, unfolded, at, onAt, onFold, onMove }: LeavesProps) {
  const shown = sections.flatMap(({ title, rows }) => rows.map(({ path }) => ({ section: title, path })));
  const reachable = at !== null && shown.some(({ section, path }) => section === at.section && path === at.path) ? at : { section: shown[0]?.section, path: shown[0]?.path, column: 0 };

  function onKeyDown(event: KeyboardEvent<HTMLTableElement>, row: Row, column: number): void {
    const cell = event.target;
    if (!(cell instanceof HTMLTableCellElement)) return;
    const value = row.values[column];
    if (value !== undefined && (event.key === 'Enter' || (event.key === 'c' && (event.ctrlKey || event.metaKey)))) {
      event.preventDefault();
      void copy(copyText(value), row.path);
      return;
    }
    const next = neighbour(cell, event.key);
    if (next === undefined) return;
    event.preventDefault();
    if (next instanceof HTMLElement) next.focus();
  }

  return (
    <table
      role="grid"
      className="dense beside"
      aria-label="Runs side by side"
      onKeyDown={(event) => {
        const { section, path, column } = event.target instanceof HTMLElement ? event.target.dataset : {};
        const row = sections.find(({ title }) => title === section)?.rows.find((one) => one.path === path);
        if (row !== undefined) onKeyDown(event, row, Number(column));
      }}
    >
      <thead>
        <tr>
          <th scope="col" className="beside-path">
            Leaf
          </th>
          {runs.map((run, place) => (
            <RunHead key={run.runId} run={run} name={names[place] ?? ''} place={place} onMove={onMove} />
          ))}
        </tr>
      </thead>
      {sections.map(({ title, rows, identical }) => (
        <tbody key={title}>
          <tr className="beside-section">
            <th scope="rowgroup" colSpan={runs.length + 1}>
              <span>{title}</span>
              {identical > 0 && (
                <button type="button" className="compare-link" aria-expanded={unfolded.has(title)} onClick={() => onFold(title)}>
                  {unfolded.has(title) ? `Fold ${plural(identical, 'identical row')}` : plural(identical, 'identical row')}
                </button>
              )}
            </th>
          </tr>
          {rows.map((row) => (
            <tr key={row.path} data-path={row.path} aria-selected={at !== null && at.section === title && at.path === row.path}>
              <th scope="row" className="beside-path" title={row.path}>
                <span className="truncate mono">{row.path}</span>
              </th>
              {row.values.map((cell, column) => {
                const different = column > 0 && differs(cell, row.values[0]);
                return (
                  <td
                    key={runs[column]?.runId}
                    className={`truncate${different ? ' beside-different' : ''}${cell.present ? '' : ' beside-absent'}`}
                    title={fullText(cell)}
                    data-section={title}
                    data-path={row.path}
                    data-column={column}
                    tabIndex={reachable.section === title && reachable.path === row.path && reachable.column === column ? 0 : -1}
                    onFocus={() => onAt({ section: title, path: row.path, column })}
                    onDoubleClick={() => void copy(copyText(cell), row.path)}
                  >
                    {different && (
                      <span className="beside-sign">
                        ≠<span className="hidden"> differs from the base: </span>
                      </span>
                    )}
                    {shortText(cell, title, row.path)}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      ))}
    </table>
  );
}
