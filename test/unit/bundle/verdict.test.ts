import { describe, expect, it } from 'vitest';
import { calibrate, defaultTolerance } from '../../../src/bundle/tolerance';
import { ulpDistance, type Trace } from '../../../src/bundle/trace';
import { judgeRun, judgeStudy, type JudgeContext, type RunVerdict, type Verdict } from '../../../src/bundle/verdict';

const losses = Array.from({ length: 100 }, (_, step) => Math.fround(2 / (1 + step)));
const recorded: Trace = {
  status: 'finished',
  losses,
  weightsHashes: [0, 50, 100].map((step) => ({ step, hash: `hash-${step}` })),
  weightsHash: 'hash-100',
  metrics: { accuracy: 0.95, loss: 0.2 },
};
const tolerance = calibrate(losses, losses.map((loss, step) => loss * (1 + step * 1e-6)), 0.95, 0.951, 'accuracy');
const same: JudgeContext = { sameRuntime: true, differences: [], tolerance, metric: 'accuracy' };
const other: JudgeContext = { sameRuntime: false, differences: ['CPU flags: avx2 → avx512f'], tolerance, metric: 'accuracy' };
const changed = (step: number, to: (loss: number) => number): number[] => losses.map((loss, index) => (index === step ? to(loss) : loss));
const from = (step: number, to: (loss: number) => number): number[] => losses.map((loss, index) => (index >= step ? to(loss) : loss));

describe('judgeRun', () => {
  it('calls the same bits identical, on any runtime, NaN included', () => {
    for (const context of [same, other]) {
      expect(judgeRun(recorded, structuredClone(recorded), context)).toMatchObject({
        verdict: 'identical', firstDivergentStep: null, firstDifferentStep: null, maxRelativeDifference: 0, maxUlp: 0, weightsHashEqual: true, causes: [],
      });
    }
    const nan = { ...recorded, losses: changed(99, () => Number.NaN), metrics: { accuracy: 0.1, loss: Number.NaN } };
    expect(judgeRun(nan, structuredClone(nan), { ...same, metric: 'loss' }).verdict).toBe('identical');
  });

  it('names the first step that differs, and tolerates nothing on the same runtime', () => {
    const actual = { ...recorded, losses: from(37, (loss) => Math.fround(loss * (1 + 2 ** -23))), weightsHashes: [{ step: 0, hash: 'hash-0' }, { step: 50, hash: 'x' }], weightsHash: 'y' };
    const verdict = judgeRun(recorded, actual, same);
    expect(verdict).toMatchObject({ verdict: 'diverged', firstDivergentStep: 37, firstDifferentStep: 37, weightsHashEqual: false });
    // One factor 1 + 2^-23 is one or two float32 values, by where in its binade a number lies.
    expect(verdict.maxUlp).toBe(2);
    expect(verdict.sentence).toContain('step 38 (index 37)');
    expect(judgeRun(recorded, actual, other)).toMatchObject({ verdict: 'within-tolerance', firstDivergentStep: null, firstDifferentStep: 37 });
  });

  it('sees a loss that was altered in the record', () => {
    const verdict = judgeRun({ ...recorded, losses: changed(12, (loss) => loss + 0.5) }, recorded, same);
    expect(verdict).toMatchObject({ verdict: 'diverged', firstDivergentStep: 12 });
    expect(verdict.causes.join(' ')).toMatch(/recorded losses may have been altered/u);
    expect(verdict.causes.every((cause) => cause.startsWith('Candidate, not confirmed'))).toBe(true);
  });

  it('sees weights that differ under equal losses', () => {
    expect(judgeRun(recorded, { ...recorded, weightsHashes: [{ step: 50, hash: 'x' }] }, same)).toMatchObject({ verdict: 'diverged', firstDivergentStep: 49 });
    expect(judgeRun(recorded, { ...recorded, weightsHash: 'x' }, same)).toMatchObject({ verdict: 'diverged', firstDivergentStep: null });
    expect(judgeRun(recorded, { ...recorded, metrics: { accuracy: 0.94, loss: 0.2 } }, same).verdict).toBe('diverged');
  });

  it('leaves the sealed tolerance at the first step outside it', () => {
    const actual = { ...recorded, losses: from(20, (loss) => loss * 1.05), weightsHash: 'x' };
    const verdict = judgeRun(recorded, actual, other);
    expect(verdict).toMatchObject({ verdict: 'diverged', firstDivergentStep: 20, metric: { name: 'accuracy', recorded: 0.95, actual: 0.95, within: true } });
    expect(verdict.causes[0]).toBe('Candidate, not confirmed: CPU flags: avx2 → avx512f.');
  });

  it('judges the declared metric apart from the trace', () => {
    const verdict = judgeRun(recorded, { ...recorded, weightsHash: 'x', metrics: { accuracy: 0.5, loss: 0.2 } }, other);
    expect(verdict).toMatchObject({ verdict: 'diverged', firstDivergentStep: null, metric: { within: false } });
  });

  it('says inconclusive where only an uncalibrated tolerance is left and the metric agrees', () => {
    const context = { ...other, tolerance: defaultTolerance('none') };
    const actual = { ...recorded, losses: from(20, (loss) => loss * 1.05), weightsHash: 'x' };
    expect(judgeRun(recorded, actual, context)).toMatchObject({ verdict: 'inconclusive', firstDivergentStep: 20 });
    expect(judgeRun(recorded, { ...actual, metrics: { accuracy: 0.5, loss: 0.2 } }, context).verdict).toBe('diverged');
  });

  it('does not compare what is not the same run', () => {
    expect(judgeRun(recorded, { ...recorded, losses: losses.slice(0, 90) }, same).verdict).toBe('not-comparable');
    expect(judgeRun({ ...recorded, status: 'cancelled' }, recorded, same).verdict).toBe('not-comparable');
    expect(judgeRun({ ...recorded, losses: [] }, recorded, same).verdict).toBe('not-comparable');
  });

  it('tells a run that failed on the way from one that had departed before', () => {
    const failed: Trace = { ...recorded, status: 'failed', losses: losses.slice(0, 30), weightsHashes: [], weightsHash: null, metrics: null };
    expect(judgeRun(recorded, failed, same)).toMatchObject({ verdict: 'inconclusive', firstDivergentStep: null });
    expect(judgeRun(recorded, { ...failed, losses: changed(10, () => 9).slice(0, 30) }, same)).toMatchObject({ verdict: 'diverged', firstDivergentStep: 10 });
  });

  it('says so when nothing was run', () => {
    expect(judgeRun(recorded, null, same)).toMatchObject({ verdict: 'not-executed', maxRelativeDifference: null, maxUlp: null });
  });
});

describe('judgeRun, of all that a run leaves', () => {
  const whole: Trace = {
    ...recorded,
    learningRates: losses.map(() => Math.fround(0.01)),
    validation: [50, 100].map((step) => ({ step, accuracy: 0.9, loss: 0.3 })),
    selectedStep: 100,
    artifacts: { weights: 'w', 'inference-graph': 'i', 'training-graph': 't', scalars: 's', 'optimizer-state': 'o' },
  };

  it('calls it identical when all of it is, and compares only what both have', () => {
    expect(judgeRun(whole, structuredClone(whole), same).verdict).toBe('identical');
    expect(judgeRun(whole, recorded, same).verdict).toBe('identical');
    expect(judgeRun({ ...whole, artifacts: { weights: 'w' } }, whole, same).verdict).toBe('identical');
  });

  it.each([
    ['weights', 'weights.safetensors'],
    ['inference-graph', 'inference.onnx'],
    ['training-graph', 'training.onnx'],
    ['scalars', 'scalars.safetensors'],
    ['optimizer-state', 'optimizer.safetensors'],
  ])('names a bundled file that is not the one made (%s)', (name, file) => {
    const forged = { ...whole, artifacts: { ...whole.artifacts, [name]: 'x' } };
    const verdict = judgeRun(forged, whole, same);
    expect(verdict).toMatchObject({ verdict: 'diverged', firstDivergentStep: null });
    expect(verdict.sentence).toContain(`the file ${file} is not the one`);
    const elsewhere = judgeRun(forged, whole, other);
    expect(elsewhere.verdict).toBe('within-tolerance');
    expect(elsewhere.sentence).toContain(file);
  });

  it('counts a forged learning rate or validation metric like a loss of that step', () => {
    const rates = { ...whole, learningRates: whole.learningRates!.map((rate, step) => (step === 30 ? 0.02 : rate)) };
    const measured = { ...whole, validation: whole.validation!.map((point) => (point.step === 50 ? { ...point, accuracy: 0.99 } : point)) };
    const missing = { ...whole, validation: whole.validation!.slice(1) };
    expect(judgeRun(rates, whole, same)).toMatchObject({ verdict: 'diverged', firstDivergentStep: 30 });
    expect(judgeRun(rates, whole, same).sentence).toMatch(/learning rate .* step 31 \(index 30\)/u);
    expect(judgeRun(measured, whole, same)).toMatchObject({ verdict: 'diverged', firstDivergentStep: 49 });
    expect(judgeRun(measured, whole, same).sentence).toMatch(/validation metrics after step 50/u);
    expect(judgeRun(missing, whole, same)).toMatchObject({ verdict: 'diverged', firstDivergentStep: 49 });
    expect(judgeRun(whole, { ...whole, learningRates: whole.learningRates!.slice(0, 99) }, same)).toMatchObject({ verdict: 'diverged', firstDivergentStep: 99 });
  });

  it('measures them against the tolerance on another runtime', () => {
    const rates = { ...whole, learningRates: whole.learningRates!.map((rate, step) => (step === 30 ? 0.02 : rate)) };
    expect(judgeRun(rates, whole, other)).toMatchObject({ verdict: 'diverged', firstDivergentStep: 30 });
    const validated = (loss: number): Trace => ({ ...whole, validation: [{ step: 50, accuracy: 0.9, loss }, { step: 100, accuracy: 0.9, loss: 0.3 }] });
    expect(judgeRun(validated(0.6), whole, other)).toMatchObject({ verdict: 'diverged', firstDivergentStep: 49 });
    expect(judgeRun(validated(0.300001), whole, other).verdict).toBe('within-tolerance');
  });

  it('sees another selected checkpoint', () => {
    const verdict = judgeRun({ ...whole, selectedStep: 50 }, whole, same);
    expect(verdict.verdict).toBe('diverged');
    expect(verdict.sentence).toMatch(/selected checkpoint/u);
  });

  it('does not hold it against a run that failed half-way that the rest is missing', () => {
    const failed: Trace = { ...whole, status: 'failed', losses: losses.slice(0, 60), learningRates: whole.learningRates!.slice(0, 60), validation: whole.validation!.slice(0, 1), weightsHash: null, metrics: null, selectedStep: null, artifacts: {} };
    expect(judgeRun(whole, failed, same).verdict).toBe('inconclusive');
  });

  it('concludes nothing on another runtime where no metric was compared', () => {
    for (const [left, right] of [[{ ...whole, metrics: null }, whole], [whole, { ...whole, metrics: null }]] as const) {
      const verdict = judgeRun(left, right, other);
      expect(verdict).toMatchObject({ verdict: 'inconclusive', metric: { within: null } });
      expect(verdict.sentence).not.toMatch(/accuracy agrees/u);
    }
    expect(judgeRun({ ...whole, metrics: null }, whole, same).verdict).toBe('diverged');
  });

  it('compares nothing on other data and another runtime', () => {
    const actual = { ...whole, losses: from(20, (loss) => loss * 1.05), weightsHash: 'x' };
    expect(judgeRun(whole, actual, { ...other, sameData: false })).toMatchObject({ verdict: 'not-comparable', firstDivergentStep: null });
    expect(judgeRun(whole, actual, { ...same, sameData: false })).toMatchObject({ verdict: 'diverged', firstDivergentStep: 20 });
    expect(judgeRun(whole, actual, { ...other, sameData: true })).toMatchObject({ verdict: 'diverged', firstDivergentStep: 20 });
  });
});

describe('ulpDistance', () => {
  it('counts float32 values, across zero too', () => {
    expect(ulpDistance(1, Math.fround(1 + 2 ** -23))).toBe(1);
    expect(ulpDistance(0, -0)).toBe(0);
    expect(ulpDistance(2 ** -149, -(2 ** -149))).toBe(2);
    expect(ulpDistance(1, Number.NaN)).toBe(2 ** 32);
  });
});

describe('judgeStudy', () => {
  const run = (verdict: Verdict, firstDivergentStep: number | null = null): RunVerdict => ({ ...judgeRun(recorded, recorded, same), verdict, firstDivergentStep });

  it.each<[Verdict[], Verdict]>([
    [['identical', 'identical'], 'identical'],
    [['identical', 'within-tolerance'], 'within-tolerance'],
    [['within-tolerance', 'inconclusive', 'identical'], 'inconclusive'],
    [['inconclusive', 'not-comparable'], 'not-comparable'],
    [['not-comparable', 'diverged', 'identical'], 'diverged'],
    [['identical', 'not-executed'], 'identical'],
    [['not-executed'], 'not-executed'],
    [[], 'not-executed'],
  ])('%j → %s', (verdicts, expected) => {
    expect(judgeStudy(verdicts.map((verdict) => run(verdict))).verdict).toBe(expected);
  });

  it('says how many runs were executed and where they depart', () => {
    const study = judgeStudy([run('diverged', 40), run('diverged', 7), run('identical'), run('not-executed')]);
    expect(study.sentence).toBe('Re-executing 3 of 4 runs: 2 runs did not give the recorded results, the earliest at step 8 (index 7).');
    expect(study.counts).toMatchObject({ diverged: 2, identical: 1, 'not-executed': 1 });
  });

  const many = (count: number, verdict: Verdict): RunVerdict[] => Array.from({ length: count }, () => run(verdict));
  it.each<[RunVerdict[], string]>([
    [[...many(2, 'identical'), ...many(14, 'not-executed')], 'Re-executing 2 of 16 runs gave the recorded losses, weights and metrics, bit for bit.'],
    [many(16, 'identical'), 'Re-executing all 16 runs gave the recorded losses, weights and metrics, bit for bit.'],
    [many(1, 'identical'), 'Re-executing the run gave the recorded losses, weights and metrics, bit for bit.'],
    [[...many(1, 'identical'), ...many(1, 'not-executed')], 'Re-executing 1 of 2 runs gave the recorded losses, weights and metrics, bit for bit.'],
    [many(1, 'within-tolerance'), 'Re-executing the run gave the recorded results within the tolerance sealed in the bundle.'],
    [[...many(1, 'within-tolerance'), ...many(2, 'identical')], 'Re-executing all 3 runs gave the recorded results within the tolerance sealed in the bundle (2 of them bit for bit).'],
    [[run('diverged', 4)], 'Re-executing the run did not give the recorded results, from step 5 (index 4) on.'],
    [many(1, 'inconclusive'), 'Re-executing the run did not show whether the recorded results hold.'],
    [[...many(1, 'inconclusive'), ...many(1, 'identical')], 'Re-executing all 2 runs: 1 run did not show whether the recorded results hold.'],
    [many(1, 'not-executed'), 'Nothing was re-executed.'],
  ])('puts %# into a sentence', (runs, sentence) => {
    expect(judgeStudy(runs).sentence).toBe(sentence);
  });
});
