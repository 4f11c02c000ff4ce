/**
 * What a re-execution of a command may differ by, sealed at export. Nobody can flip a bit inside somebody else's
 * program, so what can be measured is whether it repeats itself: it is executed again with the same seed, here.
 */
import type { CommandTrace } from './series';
import { compareSeries, isJudged } from './series';
import { MAX_RELATIVE_DIFFERENCE } from './tolerance';

export interface CommandTolerance {
  /** `calibrated`: measured by a re-execution with the same seed. `default`: nothing was measured. */
  readonly kind: 'calibrated' | 'default';
  /** Largest relative difference measured in each series; empty where nothing was measured. */
  readonly observed: readonly { readonly key: string; readonly relative: number }[];
  /** Where the numbers come from, one sentence. */
  readonly reason: string;
}

/** One re-execution shows a part of what a program that does not repeat itself can come to. */
const SAFETY_FACTOR = 4;
/** Allowed where code, inputs, packages or machine are not the recorded ones: what single precision loses over a short training. */
export const DEFAULT_RELATIVE = 1e-3;
/** Differences up to this are rounding, where rounding is allowed. */
const ABSOLUTE_FLOOR = 1e-6;

export function defaultCommandTolerance(reason: string): CommandTolerance {
  return { kind: 'default', observed: [], reason };
}

/** @param again a re-execution with the same seed on the machine of the record */
export function calibrateCommand(recorded: CommandTrace, again: CommandTrace): CommandTolerance {
  if (again.status !== 'finished') return defaultCommandTolerance(`Not calibrated: the re-execution ended as "${again.status}".`);
  const observed: { key: string; relative: number }[] = [];
  for (const [key, series] of recorded.series) {
    const other = again.series.get(key);
    if (!isJudged(key) || other === undefined) continue;
    const { same, maxRelativeDifference } = compareSeries(key, series, other, 0, 0);
    // Points that only one of the two has cannot be told apart from an arbitrary difference.
    const relative = same ? 0 : other.steps.length === series.steps.length ? (maxRelativeDifference ?? 0) : MAX_RELATIVE_DIFFERENCE;
    observed.push({ key, relative });
  }
  if (observed.length === 0) return defaultCommandTolerance('Not calibrated: there is no series to measure.');
  const largest = Math.max(...observed.map(({ relative }) => relative));
  return {
    kind: 'calibrated',
    observed,
    reason: largest === 0 ? 'Measured by a re-execution with the same seed: it gave the same bits, so none may differ where everything is as recorded.' : `Measured by a re-execution with the same seed, which did not repeat itself; its differences times ${SAFETY_FACTOR} are allowed.`,
  };
}

/** Allowed difference of a series. @param asRecorded whether code, inputs, packages and machine are the recorded ones */
export function allowedDifference({ observed }: CommandTolerance, key: string, asRecorded: boolean): { readonly relative: number; readonly absolute: number } {
  const measured = SAFETY_FACTOR * (observed.find((one) => one.key === key)?.relative ?? 0);
  const relative = Math.min(MAX_RELATIVE_DIFFERENCE, asRecorded ? measured : Math.max(DEFAULT_RELATIVE, measured));
  return { relative, absolute: asRecorded ? 0 : ABSOLUTE_FLOOR };
}
