import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { METRICS, metricsIn, type MetricNumbers } from '../../../src/config/metrics';
import { Confusion } from '../../../src/worker/confusion';
import { classMeters, metricsOf, valuesMeters, type ClassRow, type ValuesRow } from '../../../src/worker/meters';

const ofClasses = (classes: number) => ({ input: { kind: 'features', size: 3, type: 'float32' }, target: { kind: 'class', classes } }) as const;
const ofTokens = (vocabulary: number) => ({ input: { kind: 'tokens', length: 4, vocabulary }, target: { kind: 'next-token' } }) as const;
const ofValues = (size: number) => ({ input: { kind: 'features', size: 3, type: 'float32' }, target: { kind: 'values', size } }) as const;

const CLASSES = 8;

const classRows = fc.array(
  fc.record({ loss: fc.float({ min: 0, max: 20, noNaN: true }), target: fc.nat(CLASSES - 1), prediction: fc.nat(CLASSES - 1), rank: fc.nat(CLASSES - 1), confidence: fc.float({ min: Math.fround(0.01), max: 1, noNaN: true }) }),
  { minLength: 1, maxLength: 60 },
);

function measure(rows: readonly ClassRow[], data: ReturnType<typeof ofClasses> | ReturnType<typeof ofTokens> = ofClasses(CLASSES)): MetricNumbers {
  const meters = classMeters(data);
  for (const row of rows) meters.add(row);
  return meters.values();
}

function measureValues(targets: readonly (readonly number[])[], predictions: readonly (readonly number[])[]): MetricNumbers {
  const meters = valuesMeters(ofValues(targets[0]?.length ?? 1));
  targets.forEach((target, row) => meters.add({ loss: 0, targets: target, predictions: predictions[row]! } satisfies ValuesRow));
  return meters.values();
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('metrics of classes', () => {
  it('are what their definitions say', () => {
    fc.assert(
      fc.property(classRows, (rows) => {
        const found = measure(rows);
        expect(found.accuracy).toBeCloseTo(mean(rows.map(({ target, prediction }) => Number(target === prediction))), 12);
        expect(found.top5).toBeCloseTo(mean(rows.map(({ rank }) => Number(rank < 5))), 12);
        const f1 = Array.from({ length: CLASSES }, (_, one) => {
          const count = (holds: (row: ClassRow) => boolean): number => rows.filter(holds).length;
          const hits = count(({ target, prediction }) => target === one && prediction === one);
          const [there, told] = [count(({ target }) => target === one), count(({ prediction }) => prediction === one)];
          if (there + told === 0) return null;
          const [precision, recall] = [told === 0 ? 0 : hits / told, there === 0 ? 0 : hits / there];
          return precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
        });
        expect(found.macroF1).toBeCloseTo(mean(f1.filter((value) => value !== null)), 12);
        let error = 0;
        for (let bin = 0; bin < 15; bin += 1) {
          const inside = rows.filter(({ confidence }) => confidence > bin / 15 && confidence <= (bin + 1) / 15);
          if (inside.length > 0) error += (inside.length / rows.length) * Math.abs(mean(inside.map(({ target, prediction }) => Number(target === prediction))) - mean(inside.map(({ confidence }) => confidence)));
        }
        expect(found.calibrationError).toBeCloseTo(error, 12);
      }),
    );
  });

  it('stay in 0 … 1, and perplexity is the exponential of the loss', () => {
    fc.assert(
      fc.property(classRows, (rows) => {
        const { loss, perplexity, ...shares } = measure(rows, ofTokens(CLASSES));
        expect(perplexity! / Math.exp(loss)).toBeCloseTo(1, 12);
        for (const name of metricsIn({ loss: 0, ...shares }).filter((one) => one !== 'loss')) {
          expect(shares[name as keyof typeof shares], name).toBeGreaterThanOrEqual(0);
          expect(shares[name as keyof typeof shares], name).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  it('are NaN where no row counts, and of the confidence where one is NaN', () => {
    expect(Object.values(measure([])).every(Number.isNaN)).toBe(true);
    expect(measure([{ loss: Number.NaN, target: 1, prediction: 0, rank: CLASSES - 1, confidence: Number.NaN }])).toMatchObject({ loss: Number.NaN, accuracy: 0, top5: 0, calibrationError: Number.NaN });
  });

  it('count a confidence on the edge of two bins to the lower one', () => {
    const row = (confidence: number, right: boolean): ClassRow => ({ loss: 0, target: 0, prediction: right ? 0 : 1, rank: 0, confidence });
    // 1 ends the last bin; 0.5 lies in the middle of the eighth.
    expect(measure([row(1, true), row(1, false)]).calibrationError).toBeCloseTo(0.5, 12);
    expect(measure([row(0.5, true), row(0.5, false)]).calibrationError).toBe(0);
  });

  it('say nothing of five classes by the five told first', () => {
    expect([metricsOf(ofClasses(5)).includes('top5'), metricsOf(ofClasses(6)).includes('top5')]).toEqual([false, true]);
    expect(Object.keys(measure([{ loss: 1, target: 0, prediction: 0, rank: 0, confidence: 0.5 }], ofClasses(3)))).not.toContain('top5');
  });
});

describe('metrics of values', () => {
  const tables = fc.integer({ min: 1, max: 3 }).chain((size) => {
    const row = fc.array(fc.float({ min: -1000, max: 1000, noNaN: true }), { minLength: size, maxLength: size });
    return fc.array(fc.tuple(row, row), { minLength: 2, maxLength: 40 });
  });

  it('are what their definitions say, value by value', () => {
    fc.assert(
      fc.property(tables, (rows) => {
        const [targets, predictions] = [rows.map(([target]) => target), rows.map(([, prediction]) => prediction)];
        const found = measureValues(targets, predictions);
        const each = targets[0]!.map((_, column) => {
          const errors = targets.map((target, row) => predictions[row]![column]! - target[column]!);
          const middle = mean(targets.map((target) => target[column]!));
          const spread = targets.reduce((sum, target) => sum + (target[column]! - middle) ** 2, 0);
          return { rmse: Math.sqrt(mean(errors.map((error) => error ** 2))), mae: mean(errors.map(Math.abs)), r2: 1 - errors.reduce((sum, error) => sum + error ** 2, 0) / spread, spread };
        });
        expect(found.rmse).toBeCloseTo(mean(each.map(({ rmse }) => rmse)), 6);
        expect(found.mae).toBeCloseTo(mean(each.map(({ mae }) => mae)), 6);
        // Rounding has its say where the targets hardly differ.
        const r2 = mean(each.map((one) => one.r2));
        if (each.every(({ spread }) => spread > 1e-3)) expect(Math.abs(found.r2! - r2)).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(r2)));
        expect(found.rmse!).toBeGreaterThanOrEqual(found.mae! - 1e-9);
      }),
    );
  });

  it('tell equal targets and single rows as scikit-learn does', () => {
    expect(measureValues([[3], [3]], [[3], [3]])).toMatchObject({ rmse: 0, mae: 0, r2: 1 });
    expect(measureValues([[3], [3]], [[3], [4]]).r2).toBe(0);
    expect(measureValues([[3]], [[4]])).toMatchObject({ rmse: 1, r2: Number.NaN });
  });

  it('lose nothing far from zero', () => {
    const targets = [1e8, 1e8 + 1, 1e8 + 2];
    expect(measureValues(targets.map((value) => [value]), [[1e8], [1e8 + 1], [1e8 + 1]]).r2).toBeCloseTo(0.5, 6);
  });
});

describe('a confusion matrix', () => {
  it('is of classes that somebody can read', () => {
    expect([Confusion.of(ofValues(1).target), Confusion.of(ofTokens(9).target), Confusion.of(ofClasses(101).target)]).toEqual([null, null, null]);
    const matrix = Confusion.of(ofClasses(3).target)!;
    for (const [target, prediction] of [[0, 0], [0, 1], [2, 1], [0, 1]] as const) matrix.add(target, prediction);
    expect(JSON.parse(new TextDecoder().decode(matrix.encode(['a', 'b', 'c'], 9)))).toEqual({ format: 'reprise-confusion-1', split: 'test', step: 9, classes: ['a', 'b', 'c'], counts: [[1, 2, 0], [0, 0, 0], [0, 1, 0]] });
  });
});

describe('the table of metrics', () => {
  it('has a way to sum up each metric of each task', () => {
    const seen = new Set([...metricsIn(measure([])), ...metricsIn(measure([], ofTokens(9))), ...metricsIn(measureValues([[1]], [[1]]))]);
    expect([...seen].toSorted()).toEqual(Object.keys(METRICS).toSorted());
  });
});
