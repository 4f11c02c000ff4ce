import type { RunResult } from '../api/rows';
import type { RunRow, Store } from '../store/types';

/** Test metrics of a finished run at its selected checkpoint; null for any other run. */
export function testMetrics(store: Store, run: RunRow): { readonly accuracy: number; readonly loss: number } | null {
  const test = run.status === 'finished' ? store.metrics(run.runId).findLast((row) => row.split === 'test') : undefined;
  return test === undefined ? null : { accuracy: test.accuracy, loss: test.loss };
}

/** A run as `reprise run` answers it. */
export function resultOf(store: Store, run: RunRow, reused = false): RunResult {
  return {
    run: run.runId,
    status: run.status,
    finalLoss: run.finalLoss,
    bestLoss: run.bestLoss,
    metrics: testMetrics(store, run),
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
