import { describe, expect, it } from 'vitest';
import { foldEvents } from '../../../src/events/fold';
import type { EventBody, EventRecord, MetricsRecord } from '../../../src/events/records';

function log(...bodies: EventBody[]): EventRecord[] {
  return bodies.map((body, seq) => ({ ...body, seq, time: 1000 + seq }));
}

const attempt = (number: number, fromStep: number): EventBody => ({ type: 'attempt', attempt: number, fromStep, totalSteps: 6, stepsPerEpoch: 3, pid: 40 + number });
const steps = (firstStep: number, ...losses: number[]): EventBody => ({ type: 'steps', firstStep, losses, learningRates: losses.map(() => 0.5), seconds: 0.25 });
const metrics = (split: MetricsRecord['split'], step: number, loss: number): EventBody => ({ type: 'metrics', split, step, epoch: step / 3, values: { loss, accuracy: 0.5 } });
const hash = (step: number, text: string): EventBody => ({ type: 'weights-hash', step, hash: text, chain: text });
const checkpoint = (step: number): EventBody => ({ type: 'checkpoint', step, file: `c${step}`, sha256: 'x' });
const finished: EventBody = { type: 'finished', weightsHash: 'w', selectedStep: 6, finalLoss: 1, bestLoss: 1 };

describe('foldEvents', () => {
  it('of nothing is a queued run', () => {
    expect(foldEvents([])).toMatchObject({ status: 'queued', attempts: 0, totalSteps: null, losses: [], startedAt: null });
  });

  it('of one attempt holds all it said', () => {
    const state = foldEvents(log(attempt(1, 0), hash(0, 'h0'), steps(0, 3, 2, 1), metrics('validation', 3, 9), checkpoint(3), steps(3, 0.5, 0.25, 0.125), metrics('validation', 6, 8), metrics('test', 6, 7), finished, { type: 'exit', attempt: 1, exitCode: 0, signal: null }));
    expect(state).toMatchObject({ status: 'finished', attempts: 1, totalSteps: 6, pid: 41, startedAt: 1000, endedAt: 1008, throughput: 12 });
    expect(state.losses).toEqual([3, 2, 1, 0.5, 0.25, 0.125]);
    expect(state.metrics.map((record) => [record.split, record.step])).toEqual([['validation', 3], ['validation', 6], ['test', 6]]);
    expect(state.exit).toMatchObject({ exitCode: 0 });
  });

  it('takes the newest attempt from its first step on, and leaves neither gap nor repeat', () => {
    const state = foldEvents(log(
      attempt(1, 0), hash(0, 'h0'), steps(0, 3, 2, 1), hash(3, 'h3'), metrics('validation', 3, 9), checkpoint(3), steps(3, 70, 71), hash(5, 'old'), checkpoint(5),
      { type: 'exit', attempt: 1, exitCode: null, signal: 'SIGKILL' }, { type: 'requeued' },
      attempt(2, 3), steps(3, 0.5, 0.25, 0.125), hash(5, 'new'), metrics('validation', 6, 8),
    ));
    expect(state.status).toBe('running');
    expect(state.losses).toEqual([3, 2, 1, 0.5, 0.25, 0.125]);
    expect(state.weightsHashes.map((record) => [record.step, record.hash])).toEqual([[0, 'h0'], [3, 'h3'], [5, 'new']]);
    expect(state.checkpoints.map((record) => record.step)).toEqual([3]);
    expect(state.metrics.map((record) => record.step)).toEqual([3, 6]);
    expect(state).toMatchObject({ attempts: 2, exit: null, endedAt: null, startedAt: 1000 });
  });

  it('drops the test metrics of an attempt that did not finish', () => {
    const state = foldEvents(log(attempt(1, 0), steps(0, 1, 1, 1), metrics('validation', 3, 9), checkpoint(3), metrics('test', 3, 5), attempt(2, 3)));
    expect(state.metrics.map((record) => record.split)).toEqual(['validation']);
  });

  it('falls back to step 0', () => {
    const state = foldEvents(log(attempt(1, 0), hash(0, 'a'), steps(0, 1, 2), hash(2, 'b'), checkpoint(2), attempt(2, 0), hash(0, 'a'), steps(0, 5)));
    expect(state.losses).toEqual([5]);
    expect(state.checkpoints).toEqual([]);
    expect(state.weightsHashes).toHaveLength(1);
  });

  it('reads non-finite losses', () => {
    const state = foldEvents(log(attempt(1, 0), { type: 'steps', firstStep: 0, losses: ['NaN', '-Infinity'], learningRates: [1, 1], seconds: 0 }));
    expect(state.losses).toEqual([NaN, -Infinity]);
    expect(state.throughput).toBeNull();
  });

  it('refuses a gap', () => {
    expect(() => foldEvents(log(attempt(1, 0), steps(0, 1), steps(2, 1)))).toThrow(/only 1 steps/);
  });

  it.each<[string, EventBody[], string]>([
    ['cancelled', [{ type: 'cancelled', step: 1 }], 'cancelled'],
    ['orphaned', [{ type: 'orphaned', step: 1 }], 'interrupted'],
    ['killed', [{ type: 'exit', attempt: 1, exitCode: null, signal: 'SIGKILL' }], 'interrupted'],
    ['failed', [{ type: 'failed', code: 'X', message: 'x' }, { type: 'exit', attempt: 1, exitCode: 1, signal: null }], 'failed'],
    ['put back', [{ type: 'failed', code: 'X', message: 'x' }, { type: 'requeued' }], 'queued'],
  ])('knows a run that was %s', (_, end, status) => {
    expect(foldEvents(log(attempt(1, 0), ...end)).status).toBe(status);
  });
});
