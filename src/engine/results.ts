import type { RunResult } from '../api/rows';
import type { MetricRow, RunRow, Store } from '../store/types';

/** Test metrics at the selected checkpoint, or null while there are none. */
export function testMetrics(store: Store, runId: string): MetricRow | null {
  return store.metrics(runId).findLast((row) => row.split === 'test') ?? null;
}

/** A run as `reprise run` answers it. */
export function resultOf(store: Store, run: RunRow, reused = false): RunResult {
  const test = run.status === 'finished' ? testMetrics(store, run.runId) : null;
  return {
    run: run.runId,
    status: run.status,
    finalLoss: run.finalLoss,
    bestLoss: run.bestLoss,
    metrics: test === null ? null : { accuracy: test.accuracy, loss: test.loss },
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
