/**
 * The statistics against SciPy, and the promise of the simultaneous intervals by simulation.
 * REPRISE_PYTHON names a Python; REPRISE_JUDGES (comma-separated) says whether it has `scipy`.
 */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { compareVariants } from '../../src/analysis/compare';
import { studentTCdf, studentTCritical, studentTQuantile } from '../../src/analysis/student-t';
import { pearson, summarize } from '../../src/analysis/summary';

const python = process.env['REPRISE_PYTHON'] ?? '';
const judged = python !== '' && (process.env['REPRISE_JUDGES'] ?? '').split(',').map((name) => name.trim()).includes('scipy');
const reason = 'SKIPPED: no scipy (REPRISE_PYTHON, REPRISE_JUDGES): the statistics are not judged from outside.';
if (!judged) console.warn(reason);

/** Runs a Python program that reads JSON from stdin and prints JSON. */
function judge<T>(program: string, input: unknown): T {
  const answer = spawnSync(python, ['-c', `import json, sys\nimport numpy as np\nfrom scipy import stats\ndata = json.load(sys.stdin)\n${program}`], { input: JSON.stringify(input), encoding: 'utf8', maxBuffer: 1 << 26 });
  if (answer.status !== 0) throw new Error(`SciPy failed: ${answer.stderr}`);
  return JSON.parse(answer.stdout) as T;
}

/** mulberry32: a seeded generator for test data. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b_79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}

function gaussian(seed: number): () => number {
  const next = uniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

function near(actual: number | null | undefined, expected: number, tolerance: number): void {
  expect(Math.abs((actual ?? Number.NaN) - expected)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected)));
}

describe('against SciPy', () => {
  it('agrees on the t distribution to 1e-10, tails in relative terms', (context) => {
    if (!judged) context.skip(reason);
    const dfs = [1, 2, 3, 4, 5, 7.5, 9, 29, 99, 1000];
    const ps = [1e-6, 1e-4, 0.001, 0.0125, 0.025, 0.05, 0.2, 0.4, 0.5, 0.6, 0.9, 0.975, 0.995];
    const ts = [-40, -5, -1.3, -0.01, 0, 0.5, 1, 2.776_445, 12.7, 300];
    const { ppf, cdf, isf } = judge<{ ppf: number[][]; cdf: number[][]; isf: number[][] }>(
      'print(json.dumps({"ppf": [[stats.t.ppf(p, d) for p in data["ps"]] for d in data["dfs"]], "isf": [[stats.t.isf(p, d) for p in data["ps"] if p <= 0.5] for d in data["dfs"]], "cdf": [[stats.t.cdf(t, d) for t in data["ts"]] for d in data["dfs"]]}))',
      { dfs, ps, ts },
    );
    for (const [row, df] of dfs.entries()) {
      for (const [column, p] of ps.entries()) near(studentTQuantile(p, df), ppf[row]?.[column] as number, 1e-10);
      for (const [column, p] of ps.filter((value) => value <= 0.5).entries()) near(studentTCritical(p, df), isf[row]?.[column] as number, 1e-10);
      for (const [column, t] of ts.entries()) {
        const expected = cdf[row]?.[column] as number;
        const actual = studentTCdf(t, df);
        expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-10 * Math.min(1, Math.max(expected, 1e-300)) + 1e-15);
      }
    }
  });

  it('agrees on intervals, paired differences and correlations of random data to 1e-9', (context) => {
    if (!judged) context.skip(reason);
    const next = uniform(7);
    const normal = gaussian(8);
    const cases = Array.from({ length: 60 }, () => {
      const n = 3 + Math.floor(next() * 12);
      const m = 1 + Math.floor(next() * 6);
      const scale = 10 ** (next() * 6 - 4);
      const offset = normal() * 10;
      const shared = Array.from({ length: n }, () => normal());
      return Array.from({ length: m + 1 }, () => shared.map((value) => offset + scale * (value * next() + normal())));
    });
    interface Judged { ci: number[]; sd: number; delta: null | { mean: number; ci: number[]; r: number; p: number } }
    const answers = judge<Judged[][]>(`
out = []
for case in data:
    m = len(case) - 1
    base = np.array(case[0])
    rows = []
    for i, values in enumerate(case):
        x = np.array(values)
        ci = stats.t.interval(0.95, len(x) - 1, loc=x.mean(), scale=stats.sem(x))
        delta = None
        if i > 0:
            test = stats.ttest_rel(x, base)
            interval = test.confidence_interval(1 - 0.05 / m)
            delta = {"mean": float((x - base).mean()), "ci": [float(interval.low), float(interval.high)], "r": float(stats.pearsonr(x, base).statistic), "p": float(min(1, m * test.pvalue))}
        rows.append({"ci": [float(c) for c in ci], "sd": float(x.std(ddof=1)), "delta": delta})
    out.append(rows)
print(json.dumps(out))`, cases);
    for (const [index, values] of cases.entries()) {
      const seeds = (values[0] ?? []).map((_, seed) => seed);
      const { variants } = compareVariants({ metric: 'x', higherIsBetter: true, seeds, variants: values.map((list, i) => ({ name: `v${i}`, values: new Map(list.map((value, seed) => [seed, value])) })) });
      for (const [i, variant] of variants.entries()) {
        const expected = answers[index]?.[i];
        if (expected === undefined) throw new Error('no answer');
        near(variant.sd, expected.sd, 1e-9);
        near(variant.ci?.[0], expected.ci[0] as number, 1e-9);
        near(variant.ci?.[1], expected.ci[1] as number, 1e-9);
        if (expected.delta === null) expect(variant.delta).toBeNull();
        else {
          near(variant.delta?.mean, expected.delta.mean, 1e-9);
          near(variant.delta?.ci?.[0], expected.delta.ci[0] as number, 1e-9);
          near(variant.delta?.ci?.[1], expected.delta.ci[1] as number, 1e-9);
          near(variant.delta?.correlation, expected.delta.r, 1e-9);
          near(variant.delta?.pValue, expected.delta.p, 1e-9);
        }
      }
    }
  });

  it('agrees on small differences of large numbers', (context) => {
    if (!judged) context.skip(reason);
    const left = [1e6 + 0.1, 1e6 + 0.25, 1e6 + 0.4, 1e6 - 0.2];
    const right = [1e6, 1e6 + 0.5, 1e6 + 0.3, 1e6 - 0.1];
    const [sd, r] = judge<[number, number]>('print(json.dumps([float(np.std(data[0], ddof=1)), float(stats.pearsonr(data[0], data[1]).statistic)]))', [left, right]);
    near(summarize(left).sd, sd, 1e-9);
    near(pearson(left, right), r, 1e-9);
  });
});

describe('the simultaneous intervals', () => {
  /** Share of simulated studies in which all intervals hold their true differences; SDs differ by variant, pairs share noise. */
  function coverage(n: number, m: number, studies: number, adjusted: boolean): number {
    const normal = gaussian(1000 * n + m);
    const truth = Array.from({ length: m + 1 }, (_, index) => (index === 0 ? 0 : 0.3 * index));
    let held = 0;
    for (let study = 0; study < studies; study += 1) {
      const shared = Array.from({ length: n }, () => normal());
      const variants = truth.map((mean, index) => ({ name: `v${index}`, values: new Map(shared.map((noise, seed) => [seed, mean + 0.7 * noise + (0.5 + index) * normal()])) }));
      const seeds = shared.map((_, seed) => seed);
      // Unadjusted: each contrast compared as if it were the only one.
      const rows = adjusted
        ? compareVariants({ metric: 'x', higherIsBetter: true, seeds, variants }).variants.slice(1)
        : variants.slice(1).map((variant) => compareVariants({ metric: 'x', higherIsBetter: true, seeds, variants: [variants[0] ?? variant, variant] }).variants[1]);
      const all = rows.every((row, index) => {
        const [low = Number.NaN, high = Number.NaN] = row?.delta?.ci ?? [];
        const value = (truth[index + 1] ?? Number.NaN) - (truth[0] ?? 0);
        return low <= value && value <= high;
      });
      if (all) held += 1;
    }
    return held / studies;
  }

  it.each([[3, 4], [5, 4], [10, 2]])('hold together in at least 94%% of studies with unequal variances (n = %i, m = %i)', (n, m) => {
    expect(coverage(n, m, 4000, true)).toBeGreaterThanOrEqual(0.94);
  });

  it('are needed: intervals taken one by one do not', () => {
    expect(coverage(5, 4, 1500, false)).toBeLessThan(0.9);
  });
});
