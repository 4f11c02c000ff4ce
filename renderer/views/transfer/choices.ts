/** What a person chose of an import, and what the engine is asked for it. */
import type { Input } from '../../../src/api/contract';
import type { ImportResultView } from '../../../src/api/imports';

export type Format = ImportResultView['format'];
export type Rows = 'found' | 'runs' | 'points';

export interface Choices {
  /** null: as it is found. */
  readonly format: Format | null;
  /** Empty: as the source says. */
  readonly experiment: string;
  readonly rows: Rows;
  readonly metrics: readonly string[];
}

export const AS_FOUND: Choices = { format: null, experiment: '', rows: 'found', metrics: [] };

/** What the engine is asked, said with what was chosen only. */
export function inputOf(path: string, { format, experiment, rows, metrics }: Choices): Omit<Input<'runs.import'>, 'task' | 'dryRun'> {
  const into = experiment.trim();
  return {
    path,
    ...(format === null ? {} : { format }),
    ...(into === '' ? {} : { experiment: into }),
    ...(rows === 'found' ? {} : { rows }),
    ...(metrics.length === 0 ? {} : { metrics: [...metrics] }),
  };
}
