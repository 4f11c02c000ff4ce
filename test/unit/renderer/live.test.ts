import { afterAll, describe, expect, it, vi } from 'vitest';
import type { RunView } from '../../../src/api/rows';

vi.stubGlobal('window', { reprise: { shell: {} } });
const { secondsLeft } = await import('../../../renderer/state/live');
afterAll(() => vi.unstubAllGlobals());

const hash = 'ab'.repeat(32);
function run(stepsDone: number, change: Partial<RunView> = {}): RunView {
  return {
    runId: 'r', kind: 'training', name: null, reproductionId: 'r', experiment: 'e', studyId: null, variant: null, seed: 1, status: 'running', exitCode: null, signal: null, configHash: hash, computeHash: hash,
    createdAt: 0, startedAt: 0, endedAt: null, attempts: 1, stepsDone, totalSteps: 100, throughput: 1, finalLoss: null, bestLoss: null, weightsHash: null, selectedStep: null, errorCode: null, errorMessage: null,
    ...change,
  };
}

describe('secondsLeft', () => {
  it('goes down with the steps that were made since the engine estimated', () => {
    expect(secondsLeft(run(60), { run: run(20), secondsLeft: 80 })).toBe(40);
    expect(secondsLeft(run(100), { run: run(60), secondsLeft: 40 })).toBe(0);
    expect(secondsLeft(run(100), { run: run(100), secondsLeft: 1 })).toBe(0);
  });
  it('says nothing where nothing was estimated, or the run does not run', () => {
    expect(secondsLeft(run(60), { run: run(20), secondsLeft: null })).toBeNull();
    expect(secondsLeft(run(60, { totalSteps: null }), { run: run(20), secondsLeft: 80 })).toBeNull();
    expect(secondsLeft(run(60, { status: 'cancelled' }), { run: run(20), secondsLeft: 80 })).toBeNull();
  });
});
