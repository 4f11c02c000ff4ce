/** What a confusion matrix says. */
import type { ConfusionView } from '../../../src/api/views';

export interface ClassFacts {
  readonly name: string;
  /** What its examples were taken for, by class. */
  readonly counts: readonly number[];
  readonly examples: number;
  /** Share of its examples that were told right; null where it has none. */
  readonly recall: number | null;
}

/** How often examples of one class were taken for another. */
export interface Mistake {
  readonly was: string;
  readonly taken: string;
  readonly count: number;
}

export interface ConfusionFacts {
  readonly rows: readonly ClassFacts[];
  /** Of each class the share of what was taken for it that was it; null where nothing was. */
  readonly precision: readonly (number | null)[];
  readonly examples: number;
  readonly right: number;
  /** Most frequent first, then in the order of the classes. */
  readonly mistakes: readonly Mistake[];
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

export function confusionFacts({ classes, counts }: ConfusionView): ConfusionFacts {
  const hits = counts.map((row, place) => row[place] ?? 0);
  const rows = counts.map((row, place): ClassFacts => ({ name: classes[place] ?? '', counts: row, examples: sum(row), recall: share(hits[place] ?? 0, sum(row)) }));
  const mistakes = counts.flatMap((row, was) => row.flatMap((count, taken) => (count === 0 || was === taken ? [] : [{ was: classes[was] ?? '', taken: classes[taken] ?? '', count }])));
  return {
    rows,
    precision: classes.map((_, column) => share(hits[column] ?? 0, sum(counts.map((row) => row[column] ?? 0)))),
    examples: sum(rows.map(({ examples }) => examples)),
    right: sum(hits),
    mistakes: mistakes.toSorted((left, right) => right.count - left.count),
  };
}

/** `97.1%`; a dash where there is no share. */
export function percentText(value: number | null): string {
  return value === null ? '–' : `${(value * 100).toFixed(1)}%`;
}
