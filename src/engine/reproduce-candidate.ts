/** A bundle's run, ready to be executed here, or the reason why it cannot be; of either kind. */
import type { BundleRun } from '../bundle/model';
import type { CommandRunVerdict } from '../bundle/command-verdict';
import type { Provenance } from '../events/provenance';
import type { ApartRun, Executed } from './apart';
import type { EnvironmentRow } from './environment';

/** Where a reproduction works. */
export interface Surroundings {
  /** The unpacked bundle. */
  readonly unpacked: string;
  /** A folder of its own that is removed in the end. */
  readonly work: string;
  /** The user's data file or folder of inputs. */
  readonly data: string | undefined;
}

/** What was found of a run. Steps as `kind` counts them. */
export type Judged = Pick<CommandRunVerdict, 'verdict' | 'firstDivergentStep' | 'firstDifferentStep' | 'maxRelativeDifference' | 'series' | 'files' | 'causes' | 'sentence'> & {
  /** The series that is shown: recorded and here. */
  readonly trace: { readonly key: string; readonly recorded: TracePoints; readonly here: TracePoints };
};

/** Columns of equal length. */
export interface TracePoints {
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

export interface Candidate {
  readonly run: BundleRun;
  /** Null where it is not executed. */
  readonly ready: ApartRun | null;
  readonly obstacle: string | null;
  /** What this machine has for a command; null for a training, of which one capture tells. */
  readonly here: Provenance | null;
  /** @param runId of the re-execution; null where there is none */
  readonly judge: (executed: Executed, runId: string | null) => Judged;
}

/** What differs, in words: `python was CPython 3.11.2 and is CPython 3.12.1`. */
export function differencesOf(rows: readonly EnvironmentRow[]): string[] {
  return rows.flatMap(({ name, recorded, here, same }) => (same ? [] : [`${name} was ${recorded} and is ${here}`]));
}
