/** A study's state in words and numbers. */
import { summarize } from '../../../src/analysis/summary';
import type { StudySummary, StudyView } from '../../../src/api/views';
import * as format from '../../format';
import { align, meanParts } from '../compare/numbers';

export type StudyCell = StudyView['matrix'][number]['cells'][number];

/** What the run of a cell does, as far as its matrix is concerned. */
export type CellState = 'queued' | 'running' | 'finished' | 'failed' | 'cancelled' | 'interrupted' | 'missing';

export function cellState({ run }: StudyCell): CellState {
  return run === null ? 'missing' : run.status;
}

/** `done`, `42 %`, `failed`: the fewest words for a cell. */
export function cellWords(cell: StudyCell, metric: StudyView['metric']): string {
  const state = cellState(cell);
  if (state === 'finished') return cell.value === null ? 'done' : metricText(cell.value, metric);
  if (state === 'running' && cell.run?.totalSteps != null && cell.run.totalSteps > 0) return `${Math.floor((100 * cell.run.stepsDone) / cell.run.totalSteps)} %`;
  return state;
}

/** The same in full, for those who hear it. */
export function cellSentence(cell: StudyCell, variant: string, metric: StudyView['metric']): string {
  const state = cellState(cell);
  const words = cellWords(cell, metric);
  const said = state === 'finished' ? (cell.value === null ? 'done' : `done, ${metric ?? 'metric'} ${words}`) : state === 'running' ? `running, ${words}` : state;
  return `${variant}, seed ${cell.seed}: ${said}${cell.reused ? ', from an earlier run' : ''}`;
}

export function metricText(value: number, metric: StudyView['metric']): string {
  return format.measured(metric ?? '', value);
}

export interface RowMean {
  /** `0.9713 ± 0.0021`, or the mean alone for a single seed; null without a value. Lined up with the other rows on the decimal points. */
  readonly text: string | null;
  readonly n: number;
}

const FIGURE_SPACE = '\u2007';

/** Mean and half the width of the 95% t interval over the finished seeds of each variant. */
export function rowMeans(matrix: readonly { readonly cells: readonly StudyCell[] }[]): readonly RowMean[] {
  const summaries = matrix.map(({ cells }) => summarize(cells.flatMap(({ value }) => (value !== null && Number.isFinite(value) ? [value] : []))));
  const { rows } = align(summaries.map(({ mean, sd, ci }) => meanParts({ mean, sd, ci: ci === null ? null : [ci[0], ci[1]] })));
  const lengths = [0, 1].map((part) => Math.max(0, ...rows.map((row) => row?.[part]?.length ?? 0)));
  return summaries.map(({ n }, place) => {
    const [mean, half] = (rows[place] ?? []).map((part, index) => part.padStart(lengths[index] ?? 0, FIGURE_SPACE));
    return { n, text: mean === undefined ? null : half === undefined ? mean : `${mean} ± ${half}` };
  });
}

type Counts = Pick<StudySummary, 'byStatus' | 'missing' | 'variants' | 'seeds' | 'paused'>;

const of = (counts: Counts, status: keyof StudySummary['byStatus']): number => counts.byStatus[status] ?? 0;

/** Cells whose run may still change by itself or by going on. */
export function unfinished(counts: Counts): number {
  return of(counts, 'queued') + of(counts, 'running') + of(counts, 'interrupted');
}

/** `9 of 15 done, 2 running, 1 failed, ≈ 20 s left`. */
export function stateLine(counts: Counts, secondsLeft: number | null): string {
  const parts = [`${format.count(of(counts, 'finished'))} of ${format.count(counts.variants * counts.seeds)} done`];
  for (const status of ['running', 'queued', 'interrupted', 'failed', 'cancelled'] as const) {
    const count = of(counts, status);
    // What waits while others run needs no word of its own.
    if (count > 0 && !(status === 'queued' && of(counts, 'running') > 0)) parts.push(`${format.count(count)} ${status}`);
  }
  if (counts.missing > 0) parts.push(`${format.count(counts.missing)} missing`);
  if (!counts.paused && secondsLeft !== null && unfinished(counts) > 0) parts.push(`${format.estimate(secondsLeft)} left`);
  return `${counts.paused ? 'Paused: ' : ''}${parts.join(', ')}`;
}

/** Counts of a matrix as it is shown now: runs that changed since the engine counted are counted where they are. */
export function countsOf(study: StudyView): Counts {
  const byStatus: Record<string, number> = {};
  let missing = 0;
  for (const cell of study.matrix.flatMap(({ cells }) => cells)) {
    if (cell.run === null) missing += 1;
    else byStatus[cell.run.status] = (byStatus[cell.run.status] ?? 0) + 1;
  }
  return { byStatus: byStatus as StudySummary['byStatus'], missing, variants: study.variants, seeds: study.seeds, paused: study.paused };
}
