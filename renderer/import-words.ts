/** What an import found, in words. */
import type { ImportedRunView, ImportResultView } from '../src/api/imports';
import * as format from './format';

type Outcome = ImportedRunView['outcome'];

export const outcomes: readonly Outcome[] = ['new', 'updated', 'present', 'broken'];

/** Of one run: before the import, and after it. */
export const OUTCOMES: Readonly<Record<'planned' | 'done', Readonly<Record<Outcome, string>>>> = {
  planned: { new: 'new', updated: 'to be completed', present: 'here already', broken: 'cannot be read' },
  done: { new: 'imported', updated: 'completed', present: 'here already', broken: 'read in part' },
};

export const FORMATS: Readonly<Record<ImportResultView['format'], string>> = {
  mlruns: 'MLflow’s folder of runs',
  'mlflow-db': 'MLflow’s database',
  tensorboard: 'TensorBoard logs',
  wandb: 'W&B’s offline runs',
  csv: 'Table (CSV)',
  json: 'Table (JSON)',
  jsonl: 'Table (JSON lines)',
  parquet: 'Table (Parquet)',
};

export function countOutcomes(runs: readonly Pick<ImportedRunView, 'outcome'>[]): Readonly<Record<Outcome, number>> {
  const counts: Record<Outcome, number> = { new: 0, updated: 0, present: 0, broken: 0 };
  for (const { outcome } of runs) counts[outcome] += 1;
  return counts;
}

/** `10 new, 2 here already`; `no runs`. */
export function outcomeInWords(runs: readonly Pick<ImportedRunView, 'outcome'>[], when: keyof typeof OUTCOMES): string {
  const counts = countOutcomes(runs);
  const parts = outcomes.filter((outcome) => counts[outcome] > 0).map((outcome) => `${format.count(counts[outcome])} ${OUTCOMES[when][outcome]}`);
  return parts.length === 0 ? 'no runs' : parts.join(', ');
}

/** Experiments with how many of the runs are in each, in the order in which they come. */
export function byExperiment(runs: readonly Pick<ImportedRunView, 'experiment'>[]): readonly { readonly experiment: string; readonly runs: number }[] {
  const counts = new Map<string, number>();
  for (const { experiment } of runs) counts.set(experiment, (counts.get(experiment) ?? 0) + 1);
  return [...counts].map(([experiment, count]) => ({ experiment, runs: count }));
}
