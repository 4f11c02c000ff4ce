import { describe, expect, it } from 'vitest';
import type { VerdictView } from '../../../src/api/views';
import { relativeDifference as engineDifference } from '../../../src/bundle/tolerance';
import { differences, relativeDifference } from '../../../renderer/views/bundles/differences';
import { secondsLeft } from '../../../renderer/views/bundles/pace';
import { countVerdicts, largestDifference, relative, step, summaryText, tellingRun } from '../../../renderer/views/bundles/words';

type Run = VerdictView['result']['runs'][number];

function judged(change: Partial<Run>): Run {
  return { run: 'r1', reproductionId: 'study-1-AAAA', variant: 'baseline', seed: 1, verdict: 'identical', firstDivergentStep: null, firstDifferentStep: null, maxRelativeDifference: 0, sentence: 'All agree.', causes: [], series: [], files: [], kind: 'training', ...change };
}

const late = judged({ run: 'r2', variant: 'a|b', seed: 2, verdict: 'diverged', firstDivergentStep: 40, firstDifferentStep: 40, maxRelativeDifference: 0.0312, causes: ['Candidate, not confirmed: node was 20 and is 24.'] });
const early = judged({ run: 'r3', seed: 3, verdict: 'diverged', firstDivergentStep: 4, firstDifferentStep: 4, maxRelativeDifference: 3.14e-7, causes: ['Candidate, not confirmed: node was 20 and is 24.'] });
const skipped = judged({ run: 'r4', seed: 4, verdict: 'not-executed', maxRelativeDifference: null });

describe('the run that is shown first', () => {
  it('is the one that diverged earliest', () => {
    expect(tellingRun([judged({}), late, early])).toBe(early);
  });

  it('is an executed one where none diverged', () => {
    const executed = judged({});
    expect(tellingRun([skipped, executed])).toBe(executed);
    expect(tellingRun([skipped])).toBe(skipped);
    expect(tellingRun([])).toBeNull();
  });
});

describe('numbers of a verdict', () => {
  it('counts steps from 1, as the sentences do', () => {
    expect(step(411, 'training')).toBe('412');
    expect(step(411, 'command')).toBe('411');
    expect(step(null, 'training')).toBe('–');
  });

  it('gives differences two digits and a true minus', () => {
    expect([null, 0, 0.0312, 3.14e-7, 2].map(relative)).toEqual(['–', '0', '0.031', '3.1e−7', '2.0']);
  });

  it('takes the largest difference of the runs that have one', () => {
    expect(largestDifference([skipped, early, late])).toBe(0.0312);
    expect(largestDifference([skipped])).toBeNull();
  });

  it('counts runs by verdict, the worst first', () => {
    expect(countVerdicts([judged({}), skipped, late, early])).toEqual([
      { verdict: 'diverged', runs: 2 },
      { verdict: 'identical', runs: 1 },
      { verdict: 'not-executed', runs: 1 },
    ]);
  });
});

describe('the summary for a review', () => {
  const view: VerdictView = {
    verdictId: 'v',
    createdAt: Date.UTC(2026, 10, 23, 3, 26, 40),
    seconds: 64,
    file: '/home/somebody/study.crate.zip',
    name: 'study',
    digest: 'ab'.repeat(32),
    verdict: 'diverged',
    sentence: 'Re-executing 3 of 4 runs: 2 runs did not give the recorded results.',
    runs: 4,
    result: { verdict: 'diverged', sentence: '', digest: 'ab'.repeat(32), runs: [judged({}), late, early, skipped] },
    environment: [
      { name: 'versions.node', recorded: '20', here: '24', same: false },
      { name: 'os', recorded: 'linux', here: 'linux', same: true },
    ],
  };
  const text = summaryText(view);

  it('says verdict, sentence, digest, time in UTC, counts and differences', () => {
    expect(text).toContain('## Reproduction of study: diverged\n\nRe-executing 3 of 4 runs');
    expect(text).toContain(`(SHA-256): ${'ab'.repeat(32)}`);
    expect(text).toContain('2026-11-23 03:26 UTC, in 1 min 04 s');
    expect(text).toContain('2 diverged, 1 identical, 1 not executed');
    expect(text).toContain('Environment: versions.node was 20 and is 24');
  });

  it('names no path of this machine, and a cause once', () => {
    expect(text).not.toContain('/home/somebody');
    expect(text.match(/node was 20 and is 24\./gu)).toHaveLength(1);
  });

  it('keeps a bar in a name from breaking the table', () => {
    expect(text).toContain(String.raw`| a\|b | 2 | Diverged | 41 | 41 | 0.031 |`);
  });
});

describe('differences of two traces', () => {
  it('are measured as the engine measures them', () => {
    const values = [0, 1, -1, 1 + 1e-7, Number.NaN, Infinity, -Infinity, 2.5];
    for (const a of values) for (const b of values) expect(relativeDifference(a, b)).toBe(engineDifference(a, b));
  });

  it('are taken at the steps both have, with a gap for zero', () => {
    const found = differences({ steps: Float64Array.of(0, 1, 2, 5), recorded: Float64Array.of(1, 2, 4, 8), hereSteps: Float64Array.of(0, 2, 5), here: Float64Array.of(1, 2, 8) });
    expect([...found.steps]).toEqual([0, 2, 5]);
    expect([...found.values]).toEqual([Number.NaN, 0.5, Number.NaN]);
  });
});

describe('time left of a task', () => {
  const startedAt = 1_000_000;
  it('goes on at the pace so far', () => {
    expect(secondsLeft({ startedAt, done: 25, total: 100 }, startedAt + 10_000)).toBe(30);
  });

  it('is not told before there is a pace, nor at the end', () => {
    expect(secondsLeft({ startedAt, done: 4, total: 100 }, startedAt + 10_000)).toBeNull();
    expect(secondsLeft({ startedAt, done: 100, total: 100 }, startedAt + 10_000)).toBeNull();
    expect(secondsLeft({ startedAt, done: 5, total: null }, startedAt + 10_000)).toBeNull();
  });
});
