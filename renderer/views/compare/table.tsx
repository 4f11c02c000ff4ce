/** The comparison as a table: baseline pinned on top, a row a variant, its seeds below it when opened. */
import { memo, useMemo, useRef, useState, type CSSProperties, type KeyboardEvent, type ReactNode } from 'react';
import { ChevronDown, ChevronRight } from 'lucide-react';
import { Tooltip } from '@mantine/core';
import { findBest } from '../../../src/analysis/best';
import { decimalsAlone, formatFixed, formatSigned } from '../../../src/analysis/format';
import type { ComparisonView } from '../../../src/api/rows';
import { Section } from '../../frame/view';
import { go } from '../../state/place';
import { Cut } from './cut';
import { align, deltaParts, meanParts, pairedDifferences, percent, pText, unitText, type AlignedColumn, type ComparedVariant } from './numbers';
import { Swatch } from './swatch';

type Mark = 'best' | 'tied' | null;

function Part({ text, digits }: { readonly text: string | undefined; readonly digits: number | undefined }) {
  return (
    <span className="compare-part" style={{ '--digits': digits ?? 0 } as CSSProperties}>
      {text}
    </span>
  );
}

function MeanCell({ column, row }: { readonly column: AlignedColumn; readonly row: number }) {
  const parts = column.rows[row] ?? null;
  if (parts === null) return <>no value</>;
  const [mean, half] = parts;
  return (
    <>
      <Part text={mean} digits={column.widths[0]} />
      {column.widths.length > 1 && (
        <>
          <span className="soft"> ± </span>
          <Part text={half ?? '–'} digits={column.widths[1]} />
        </>
      )}
    </>
  );
}

function DeltaCell({ column, row }: { readonly column: AlignedColumn; readonly row: number }) {
  const parts = column.rows[row] ?? null;
  if (parts === null) return <>no pairs</>;
  const [mean, low, high] = parts;
  return (
    <>
      <Part text={mean} digits={column.widths[0]} />
      {column.widths.length > 1 && (
        <span className="compare-interval soft" style={{ '--digits': (column.widths[1] ?? 0) + (column.widths[2] ?? 0) + BRACKETS } as CSSProperties}>
          {low === undefined || high === undefined ? '–' : `[${low.trim()}, ${high.trim()}]`}
        </span>
      )}
    </>
  );
}

/** Brackets, comma and space of an interval, and what its signs are wider than digits, in digits. */
const BRACKETS = 3;

const MARKS = { best: 'best', tied: 'tied' } as const;

interface RowProps {
  readonly variant: ComparedVariant;
  readonly baseline: ComparedVariant | undefined;
  readonly place: number;
  readonly mark: Mark;
  readonly means: AlignedColumn;
  readonly deltas: AlignedColumn;
  readonly withP: boolean;
  readonly open: boolean;
  readonly selected: boolean;
  readonly reachable: boolean;
  readonly onOpen: (name: string, open: boolean) => void;
  readonly onSelect: (name: string) => void;
}

const VariantRow = memo(function VariantRow({ variant, baseline, place, mark, means, deltas, withP, open, selected, reachable, onOpen, onSelect }: RowProps) {
  const { name, summary, n, delta, values } = variant;
  const Chevron = open ? ChevronDown : ChevronRight;
  const paired = new Map(pairedDifferences(variant, baseline).map(({ seed, value }) => [seed, value]));
  return (
    <>
      <tr className={place === 0 ? 'compare-row compare-baseline' : 'compare-row'} data-name={name} aria-level={1} aria-expanded={open} aria-selected={selected} tabIndex={reachable ? 0 : -1} onClick={() => onSelect(name)} onDoubleClick={() => onOpen(name, !open)}>
        <td>
          <span className="compare-name">
            <Chevron size={14} className="compare-chevron" onClick={() => onOpen(name, !open)} aria-hidden="true" />
            <Swatch place={place} />
            <Cut text={name} />
            {mark !== null && <span className={`compare-mark ${mark}`}>{MARKS[mark]}</span>}
          </span>
        </td>
        <td className="compare-summary">
          {place === 0 ? <span className="soft">baseline</span> : <Cut text={summary} />}
        </td>
        <td className="number">{n}</td>
        <td className="number">
          <MeanCell column={means} row={place} />
        </td>
        <td className="number">{delta === null ? <span className="soft">–</span> : <DeltaCell column={deltas} row={place} />}</td>
        {withP && <td className="number">{pText(delta?.pValue ?? null)}</td>}
      </tr>
      {open &&
        values.map(({ seed, run, value }) => {
          const difference = seed === null ? undefined : paired.get(seed);
          const which = seed === null ? 'run without a seed' : `seed ${seed}`;
          return (
            <tr key={run} className="compare-row compare-seed" aria-level={2} tabIndex={-1} data-run={run}>
              <td>
                <button type="button" className="compare-link" tabIndex={-1} aria-label={`${which} of ${name}: open run`} onClick={() => go({ view: 'run', run })}>
                  {which}
                </button>
              </td>
              <td />
              <td />
              <td className="number">{formatFixed(value, decimalsAlone(value))}</td>
              <td className="number">{place === 0 || difference === undefined ? <span className="soft">–</span> : formatSigned(difference, decimalsAlone(value))}</td>
              {withP && <td />}
            </tr>
          );
        })}
    </>
  );
});

function marksOf({ variants, higherIsBetter }: ComparisonView): readonly Mark[] {
  if (variants.length < 2) return [];
  const { best, tied } = findBest(variants, higherIsBetter);
  return variants.map((_, place) => (place === best ? 'best' : tied.includes(place) ? 'tied' : null));
}

interface TableProps {
  readonly comparison: ComparisonView;
  /** Stands beside the title. */
  readonly aside: ReactNode;
  readonly provisional: boolean;
  readonly selected: string | null;
  /** null: none. */
  readonly onSelect: (name: string | null) => void;
}

export function ComparisonTable({ comparison, aside, provisional, selected, onSelect }: TableProps) {
  const { variants, metric, confidence } = comparison;
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const body = useRef<HTMLTableSectionElement>(null);
  const means = useMemo(() => align(variants.map((variant) => meanParts(variant))), [variants]);
  const deltas = useMemo(() => align(variants.map(({ delta }) => (delta === null ? null : deltaParts(delta)))), [variants]);
  const marks = useMemo(() => marksOf(comparison), [comparison]);
  const withP = variants.some(({ delta }) => delta !== null && delta.pValue !== null);
  const contrasts = variants.length - 1;
  const level = percent(confidence);

  const [onOpen] = useState(() => (name: string, open: boolean): void =>
    setOpened((before) => {
      const next = new Set(before);
      if (open) next.add(name);
      else next.delete(name);
      return next;
    }),
  );

  function onKeyDown(event: KeyboardEvent<HTMLTableSectionElement>): void {
    const rows = [...(body.current?.querySelectorAll<HTMLTableRowElement>('tr') ?? [])];
    const row = event.target instanceof Element ? event.target.closest('tr') : null;
    const place = row === null ? -1 : rows.indexOf(row);
    if (row === null || place < 0) return;
    const { name, run } = row.dataset;
    const moves: Readonly<Record<string, number>> = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: rows.length - 1, PageDown: place + 10, PageUp: place - 10 };
    const to = moves[event.key];
    if (to !== undefined) {
      const next = rows[Math.max(0, Math.min(rows.length - 1, to))];
      next?.focus();
      if (next?.dataset['name'] !== undefined) onSelect(next.dataset['name']);
    } else if (event.key === 'ArrowRight' && name !== undefined) onOpen(name, true);
    else if (event.key === 'ArrowLeft') {
      if (name !== undefined) onOpen(name, false);
      else rows.slice(0, place).findLast((other) => other.dataset['name'] !== undefined)?.focus();
    } else if ((event.key === 'Enter' || event.key === ' ') && name !== undefined) onOpen(name, !opened.has(name));
    else if (event.key === 'Escape' && selected !== null) onSelect(null);
    else if (event.key === 'Enter' && run !== undefined) go({ view: 'run', run });
    else return;
    event.preventDefault();
  }

  const reachable = variants.some(({ name }) => name === selected) ? selected : variants[0]?.name;
  return (
    <Section title="Table" aside={aside}>
      <div className="compare-scroll">
        <table role="treegrid" className={provisional ? 'dense compare-table compare-provisional' : 'dense compare-table'} aria-label={`Variants by ${metric}`}>
          <thead>
            <tr>
              <th scope="col">Variant</th>
              <th scope="col">Change</th>
              <th scope="col" className="number">
                n
              </th>
              <th scope="col" className="number">
                {metric}
                {unitText(comparison.unit)}
                <span className="compare-how">mean{means.widths.length > 1 ? ` ± ${level} interval` : ''}</span>
              </th>
              <th scope="col" className="number">
                Difference to baseline
                {deltas.widths.length > 1 && <span className="compare-how">{`[${contrasts > 1 ? 'simultaneous ' : ''}${level} interval]`}</span>}
              </th>
              {withP && (
                <th scope="col" className="number">
                  <Tooltip label={contrasts > 1 ? 'Of the paired t test, corrected for all differences (Bonferroni)' : 'Of the paired t test'}>
                    <span>
                      p{contrasts > 1 && <span className="compare-how">adjusted</span>}
                    </span>
                  </Tooltip>
                </th>
              )}
            </tr>
          </thead>
          <tbody ref={body} onKeyDown={onKeyDown}>
            {variants.map((variant, place) => (
              <VariantRow
                key={variant.name}
                variant={variant}
                baseline={variants[0]}
                place={place}
                mark={marks[place] ?? null}
                means={means}
                deltas={deltas}
                withP={withP}
                open={opened.has(variant.name)}
                selected={variant.name === selected}
                reachable={variant.name === reachable}
                onOpen={onOpen}
                onSelect={onSelect}
              />
            ))}
          </tbody>
        </table>
      </div>
      {marks.includes('best') && (
        <p className="compare-method soft">
          Best: the best mean. Tied: the interval of its paired difference to the best contains 0, or needs more seeds ({contrasts > 1 ? 'simultaneous ' : ''}
          {level}, as to the baseline; that the best was picked by the same values is not corrected for).
        </p>
      )}
    </Section>
  );
}
