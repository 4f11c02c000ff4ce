import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verdictTrace, verdictView } from '../../../src/api/views';
import type { EngineContext } from '../../../src/engine/context';
import { getVerdict, getVerdictTrace, keepVerdict, listVerdicts, type NewVerdict } from '../../../src/engine/verdicts';
import { temporaryFolder } from '../store/sample';

const STEPS = 40_000;
const FIRST = 12_345;

function sample(seconds = 1): NewVerdict {
  const recorded = Array.from({ length: STEPS }, (_, step) => Math.fround(1 / (step + 1)));
  const here = recorded.map((loss, step) => (step < FIRST ? loss : step === 30_000 ? Number.NaN : loss * 1.5)).slice(0, STEPS - 5);
  const run = { run: 'run-a', reproductionId: 'sample-1-A', variant: 'baseline', seed: 1, verdict: 'diverged', firstDivergentStep: FIRST, firstDifferentStep: FIRST, maxRelativeDifference: Number.NaN, sentence: 'It differs.', causes: ['one'], kind: 'command' } as const;
  const series = [{ key: 'loss', points: STEPS - 5, same: false, firstDifferentStep: FIRST, firstDivergentStep: FIRST, maxRelativeDifference: Number.NaN }];
  const files = [{ path: 'out/model.bin', recorded: 'a'.repeat(64), here: null, same: false }];
  const steps = recorded.map((_, step) => step);
  return {
    seconds,
    file: '/somewhere/x.crate.zip',
    name: 'x',
    result: { verdict: 'diverged', sentence: 'Re-executing differs.', digest: 'd'.repeat(64), runs: [{ ...run, causes: [...run.causes], series, files }] },
    environment: [{ name: 'versions.node', recorded: '20', here: '24', same: false }],
    traces: [{ run: 'run-a', key: 'train.loss', recorded: { steps, values: recorded }, here: { steps: steps.slice(0, here.length), values: here }, firstDivergentStep: FIRST }],
  };
}

const contextOf = (workspace: string): EngineContext => ({ workspace }) as EngineContext;

describe('kept verdicts', () => {
  it('come back as they were, NaN included', async () => {
    const workspace = temporaryFolder();
    const verdictId = await keepVerdict(workspace, sample());
    const view = await getVerdict(contextOf(workspace), { verdictId });
    const { result, environment, name, file, seconds } = sample();
    expect(view).toEqual({ verdictId, createdAt: view.createdAt, seconds, file, name, digest: result.digest, verdict: 'diverged', sentence: result.sentence, runs: 1, result, environment });
    expect(verdictView.safeParse(view).success).toBe(true);
  });

  it('have traces that are thinned, but whole around the first divergent step', async () => {
    const workspace = temporaryFolder();
    const verdictId = await keepVerdict(workspace, sample());
    const trace = await getVerdictTrace(contextOf(workspace), { verdictId, run: 'run-a' });
    expect(verdictTrace.safeParse(trace).success).toBe(true);
    expect(trace.firstDivergentStep).toBe(FIRST);
    const [{ recorded, here }] = sample().traces as [NewVerdict['traces'][number]];
    expect(trace.key).toBe('train.loss');
    for (const [steps, values, all] of [[trace.steps, trace.recorded, recorded.values], [trace.hereSteps, trace.here, here.values]] as const) {
      expect(steps.length).toBeLessThanOrEqual(1500);
      expect([steps[0], steps.at(-1)]).toEqual([0, all.length - 1]);
      for (let step = FIRST - 50; step <= FIRST + 50; step += 1) expect(steps).toContain(step);
      expect([...steps].every((step, at) => Object.is(values[at], all[step]))).toBe(true);
    }
    expect(trace.here[trace.hereSteps.indexOf(30_000)]).toBeNaN();
    expect((await stat(join(workspace, 'verdicts', `${verdictId}.traces.json`))).size).toBeLessThan(120_000);
  });

  it('are listed newest first; a damaged one is passed over and named when asked for', async () => {
    const workspace = temporaryFolder();
    expect(await listVerdicts(contextOf(workspace))).toEqual([]);
    const first = await keepVerdict(workspace, sample(1));
    await new Promise((resolve) => setTimeout(resolve, 3));
    const second = await keepVerdict(workspace, sample(2));
    expect((await listVerdicts(contextOf(workspace))).map(({ verdictId }) => verdictId)).toEqual([second, first]);
    const file = join(workspace, 'verdicts', `${second}.json`);
    await writeFile(file, (await readFile(file, 'utf8')).replace('"diverged"', '"splendid"'));
    expect((await listVerdicts(contextOf(workspace))).map(({ verdictId }) => verdictId)).toEqual([first]);
    await expect(getVerdict(contextOf(workspace), { verdictId: second })).rejects.toMatchObject({ code: 'VERDICT_DAMAGED', message: expect.stringContaining(file) as string });
    await writeFile(join(workspace, 'verdicts', `${first}.traces.json`), '{"format":1,"runs":[{"run":"run-a","firstDivergentStep":null,"recorded":{"steps":[0],"values":[]},"here":{"steps":[],"values":[]}}]}');
    await expect(getVerdictTrace(contextOf(workspace), { verdictId: first, run: 'run-a' })).rejects.toMatchObject({ code: 'VERDICT_DAMAGED' });
  });

  it.each(['none', '../x', 'a/b', ''])('has none of the name %j', async (verdictId) => {
    await expect(getVerdict(contextOf(temporaryFolder()), { verdictId })).rejects.toMatchObject({ code: 'VERDICT_NOT_FOUND' });
  });
});
