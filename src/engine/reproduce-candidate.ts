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

/** Packages that are named where more differ. */
const PACKAGES_NAMED = 5;

/** What differs, in words: `python.version was CPython 3.11.2 and is CPython 3.12.1`; many packages as one. */
export function differencesOf(rows: readonly EnvironmentRow[]): string[] {
  const words = ({ name, recorded, here }: EnvironmentRow): string => `${name} was ${recorded} and is ${here}`;
  const different = rows.filter(({ same }) => !same);
  const packages = different.filter(({ name }) => name.startsWith('packages.'));
  if (packages.length <= PACKAGES_NAMED) return different.map(words);
  const others = different.filter((row) => !packages.includes(row));
  return [...others.map(words), `${packages.length} packages differ: ${packages.slice(0, PACKAGES_NAMED).map(words).join(', ')}, and ${packages.length - PACKAGES_NAMED} more`];
}
