/** What the window knows, and how the engine's answers and events change it. */
import { create } from 'zustand';
import type { EngineState } from '../src/api/bridge';
import type { EventOf, Output } from '../src/api/contract';
import type { RunView, StudyPlan } from '../src/api/rows';
import type { ErrorReport } from '../src/errors/errors';

export interface TestMetrics {
  readonly accuracy: number;
  readonly loss: number;
}

export interface SampleState {
  readonly plan: StudyPlan | null;
  readonly starting: boolean;
  readonly error: ErrorReport | null;
}

export interface WindowState {
  readonly engine: EngineState;
  readonly info: Output<'app.info'> | null;
  /** Newest first; null until the engine has answered once. */
  readonly runs: readonly RunView[] | null;
  /** Test metrics of finished runs, by run. */
  readonly tests: ReadonlyMap<string, TestMetrics>;
  readonly loadError: ErrorReport | null;
  readonly progress: EventOf<'progress'> | null;
  readonly sample: SampleState;
}

export const useWindow = create<WindowState>(() => ({
  engine: { status: 'starting' },
  info: null,
  runs: null,
  tests: new Map(),
  loadError: null,
  progress: null,
  sample: { plan: null, starting: false, error: null },
}));

/** Newest first; runs made in the same millisecond in the order of their ids. */
export function newestFirst(runs: Iterable<RunView>): RunView[] {
  return [...runs].sort((a, b) => b.createdAt - a.createdAt || (a.runId < b.runId ? 1 : -1));
}

/** Known runs with the changed ones in their place. */
export function merge(runs: readonly RunView[], changed: Iterable<RunView>): RunView[] {
  const byId = new Map(runs.map((run) => [run.runId, run]));
  for (const run of changed) byId.set(run.runId, run);
  return newestFirst(byId.values());
}
