import type { RunResult } from '../api/rows';
import { metricsAlone, type MetricNumbers } from '../config/metrics';
import type { RunRow, Store } from '../store/types';

/** Test metrics of a finished run at its selected checkpoint; null for any other run. */
export function testMetrics(store: Store, run: RunRow): MetricNumbers | null {
  const test = run.status === 'finished' ? store.metrics(run.runId).findLast((row) => row.split === 'test') : undefined;
  return test === undefined ? null : metricsAlone(test);
}

/** The numbers a run came to, by name: test metrics of a finished training, the latest values of another's series. */
function metricsOf(store: Store, run: RunRow): Readonly<Record<string, number>> | null {
  if (run.kind === 'training') return testMetrics(store, run);
  const latest = store.latestMetrics(run.runId);
  return latest.length === 0 ? null : Object.fromEntries(latest.map(({ key, value }) => [key, value]));
}

/** A run as `reprise run` answers it. */
export function resultOf(store: Store, run: RunRow, reused = false): RunResult {
  return {
    run: run.runId,
    status: run.status,
    finalLoss: run.finalLoss,
    bestLoss: run.bestLoss,
    metrics: metricsOf(store, run),
    weightsHash: run.weightsHash,
    configHash: run.configHash,
    computeHash: run.computeHash,
    experiment: run.experiment,
    variant: run.variant,
    seed: run.seed,
    reproductionId: run.reproductionId,
    reused,
    error: run.errorCode === null ? null : { code: run.errorCode, message: run.errorMessage ?? run.errorCode },
  };
}
