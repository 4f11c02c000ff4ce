/** Training losses beside the runs in sight: asked for together, at most once a second. */
import { useEffect, useEffectEvent } from 'react';
import { create } from 'zustand';
import type { RunView } from '../../../src/api/rows';
import { call } from '../../state/answers';

const POINTS = 40;
/** A line that runs have moved on from is asked for again after so long. */
const REFRESH_MS = 1000;
/** So often it is looked whether there are runs in sight without a line. */
const LOOK_MS = 150;
const MOST_KEPT = 1000;
/** The engine takes no more at once. */
const MOST_ASKED = 100;

interface Kept {
  readonly values: Float64Array;
  /** The run's step when it was asked for: the line is true until it moves on. */
  readonly steps: number;
}

const useKept = create<{ readonly lines: ReadonlyMap<string, Kept> }>(() => ({ lines: new Map() }));

/** Thinned training losses of a run; undefined: not here yet. */
export function useSparkline(runId: string): Float64Array | undefined {
  return useKept(({ lines }) => lines.get(runId)?.values);
}

async function fetchLines(runs: readonly RunView[]): Promise<void> {
  const answered = await call('runs.sparklines', { runs: runs.map(({ runId }) => runId), points: POINTS });
  const values = new Map(answered.map((line) => [line.run, line.values]));
  const next = new Map(useKept.getState().lines);
  // Deleted first, so that the map's order is the order of last use. A run that is gone has no line, and is not asked for again.
  for (const { runId, stepsDone } of runs) {
    next.delete(runId);
    next.set(runId, { values: values.get(runId) ?? new Float64Array(0), steps: stepsDone });
  }
  for (const run of next.keys()) {
    if (next.size <= MOST_KEPT) break;
    next.delete(run);
  }
  useKept.setState({ lines: next });
}

/** Those of the runs whose line is missing, or also those whose line is old. */
export function without(lines: ReadonlyMap<string, { readonly steps: number }>, runs: readonly RunView[], alsoOld: boolean): RunView[] {
  return runs.filter(({ runId, stepsDone }) => {
    const line = lines.get(runId);
    return stepsDone > 0 && (line === undefined || (alsoOld && line.steps !== stepsDone));
  });
}

/** Keeps the lines of the runs in sight true while the component is shown. */
export function useSparklines(visible: () => readonly RunView[]): void {
  const look = useEffectEvent(visible);
  useEffect(() => {
    let timer = 0;
    let ended = false;
    let refreshed = 0;
    const next = async (): Promise<void> => {
      const isDue = Date.now() - refreshed >= REFRESH_MS;
      const asked = without(useKept.getState().lines, look(), isDue).slice(0, MOST_ASKED);
      if (isDue) refreshed = Date.now();
      // A line that cannot be had leaves its place empty; the table says the rest.
      if (asked.length > 0) await fetchLines(asked).catch(() => undefined);
      if (!ended) timer = window.setTimeout(() => void next(), LOOK_MS);
    };
    timer = window.setTimeout(() => void next(), LOOK_MS);
    return () => {
      ended = true;
      window.clearTimeout(timer);
    };
  }, []);
}
