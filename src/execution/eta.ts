import type { RunRow } from '../store/types';

/** Seconds until a running run is through its steps at its present throughput; null where that is not known. */
export function etaSeconds(row: Pick<RunRow, 'status' | 'stepsDone' | 'totalSteps' | 'throughput'>): number | null {
  if (row.status !== 'running' || row.totalSteps === null || row.throughput === null || row.throughput <= 0) return null;
  return Math.max(0, row.totalSteps - row.stepsDone) / row.throughput;
}
