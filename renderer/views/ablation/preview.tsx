/** What the study being edited would run: variants × seeds with what is reused, and how long the rest takes. */
import { memo, useMemo } from 'react';
import { describeChanges } from '../../../src/ablation/describe';
import { sameValue } from '../../../src/config/diff';
import type { StudyReading } from '../../../src/ablation/read';
import { changedCodeInWords } from '../../../src/api/plan-words';
import type { StudyPlan } from '../../../src/api/rows';
import { Problem } from '../../components/messages';
import * as format from '../../format';
import { Swatch } from '../compare/swatch';
import type { Planning } from './reading';

interface PreviewRow {
  readonly name: string;
  readonly summary: string;
}

/** Most variants that are listed; a matrix beyond it is counted, not shown. */
const MOST_ROWS = 400;
const MOST_SEEDS = 40;

type Cell = 'unknown' | 'new' | 'reused';

const WORDS: Readonly<Record<Cell, string>> = { unknown: 'a run', new: 'new', reused: 'reused' };

function CellShape({ cell }: { readonly cell: Cell }) {
  return (
    <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true" className={`preview-${cell}`}>
      {cell === 'reused' ? <path d="M1.5 6.5l3 3 6-7" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" /> : <circle cx="6" cy="6" r="3.5" fill="none" stroke="currentColor" strokeWidth="1.5" strokeDasharray={cell === 'unknown' ? '2 2' : undefined} />}
    </svg>
  );
}

/** @param cells a letter a seed: n new, r reused, u unknown */
function PlainRow({ name, summary, place, cells, seeds }: PreviewRow & { readonly place: number; readonly cells: string; readonly seeds: readonly number[] }) {
  return (
    <tr>
      <th scope="row" className="preview-name">
        <Swatch place={place} />
        <span className="truncate" title={name}>
          {name}
        </span>
      </th>
      <td className="preview-summary">
        <span className="truncate" title={summary}>
          {summary}
        </span>
      </td>
      {seeds.slice(0, MOST_SEEDS).map((seed, index) => {
        const cell: Cell = cells[index] === 'r' ? 'reused' : cells[index] === 'n' ? 'new' : 'unknown';
        return (
          <td key={seed} className="preview-cell" title={`seed ${seed}: ${WORDS[cell]}`}>
            <CellShape cell={cell} />
            <span className="hidden">{WORDS[cell]}</span>
          </td>
        );
      })}
      {seeds.length > MOST_SEEDS && <td className="soft">+ {format.count(seeds.length - MOST_SEEDS)} more</td>}
    </tr>
  );
}

/** Draws again only where a name, a difference or a cell changed. */
const Row = memo(PlainRow, sameValue);

function cellsOf(planned: StudyPlan['variants'][number] | undefined, seeds: readonly number[]): string {
  return seeds.map((seed) => {
    const run = planned?.runs.find((candidate) => candidate.seed === seed);
    return run === undefined ? 'u' : run.reuses === null ? 'n' : 'r';
  }).join('');
}

function planTotals(plan: StudyPlan): string {
  const left = plan.totalRuns - plan.reusedRuns;
  const time = plan.estimatedSeconds === null || left === 0 ? '' : `, ${format.estimate(plan.estimatedSeconds)}`;
  return `${format.plural(plan.totalRuns, 'run')}, ${format.count(plan.reusedRuns)} reused${time}`;
}

/** What clusters would get, to be read before it is sent. */
function Scripts({ scripts }: Pick<StudyPlan, 'scripts'>) {
  return scripts.map(({ machine, runs, text }) => (
    <details key={`${machine} ${text}`} className="preview-script">
      <summary>
        Batch script for {machine}, {format.plural(runs, 'run')}
      </summary>
      <pre className="mono" tabIndex={0}>
        {text}
      </pre>
    </details>
  ));
}

export function Preview({ reading, planning }: { readonly reading: StudyReading; readonly planning: Planning }) {
  const { plan, stale, error, problems } = planning;
  const { study, variants } = reading;
  const rows = useMemo((): readonly PreviewRow[] => (study === null ? (plan?.variants ?? []) : variants.map((variant) => ({ name: variant.name, summary: describeChanges(variant) }))), [study, variants, plan]);
  const planned = useMemo(() => new Map((plan?.variants ?? []).map((variant) => [variant.name, variant])), [plan]);
  const seeds = study?.seeds ?? plan?.seeds ?? [];
  const changed = plan === null ? null : changedCodeInWords(plan);
  return (
    <section className="preview" aria-label="What will run">
      <header className="preview-head">
        <h2>What will run</h2>
        {rows.length > 0 && (
          <span className={stale ? 'preview-totals stale' : 'preview-totals'}>
            {format.plural(rows.length, 'variant')} × {format.plural(seeds.length, 'seed')}
          </span>
        )}
        {plan !== null && error === null && (
          <span className={stale ? 'preview-totals stale' : 'preview-totals'} title={plan.estimateBasis}>
            {planTotals(plan)}
            {plan.estimatedSeconds !== null && plan.totalRuns > plan.reusedRuns && <span className="soft"> ({plan.estimateBasis})</span>}
          </span>
        )}
        <span className="preview-legend soft small">
          <CellShape cell="new" /> new <CellShape cell="reused" /> reused
        </span>
      </header>
      {error !== null && problems.length === 0 && <Problem error={error} />}
      {changed !== null && error === null && <p className={stale ? 'preview-changed stale' : 'preview-changed'}>{changed}.</p>}
      {plan !== null && error === null && <Scripts scripts={plan.scripts} />}
      {rows.length === 0 ? (
        <p className="soft preview-none">{reading.file !== null && reading.problems.length === 0 && problems.length === 0 && error === null ? 'Reading the baseline…' : 'The matrix of variants × seeds appears here when the study has no problems left.'}</p>
      ) : (
        <div className="preview-scroll" tabIndex={0} role="region" aria-label="Variants and seeds">
          <table className="dense">
            <thead>
              <tr>
                <th scope="col">Variant</th>
                <th scope="col">Difference to the baseline</th>
                {seeds.slice(0, MOST_SEEDS).map((seed) => (
                  <th key={seed} scope="col" className="preview-cell" aria-label={`Seed ${seed}`}>
                    {seed}
                  </th>
                ))}
                {seeds.length > MOST_SEEDS && <th scope="col">Further seeds</th>}
              </tr>
            </thead>
            <tbody className={stale ? 'stale' : undefined}>
              {rows.slice(0, MOST_ROWS).map(({ name, summary }, place) => (
                <Row key={name} name={name} summary={summary} place={place} seeds={seeds} cells={cellsOf(planned.get(name), seeds)} />
              ))}
            </tbody>
          </table>
          {rows.length > MOST_ROWS && <p className="soft preview-none">and {format.count(rows.length - MOST_ROWS)} more variants</p>}
        </div>
      )}
    </section>
  );
}
