/**
 * How each metric is summed up: over the rows of a split, in their order and in float64. Formulas are those of
 * scikit-learn where it has the metric, and of Guo et al. (2017) for the calibration error.
 */
import { metricsFor, type MetricName, type MetricNumbers, type Task } from '../config/metrics';
import { outputWidth, type DataShape, type TargetShape } from '../models/types';
import { portableExp } from '../random/portable';

/** What evaluation tells of a row whose target is a class or a token. */
export interface ClassRow {
  readonly loss: number;
  readonly target: number;
  readonly prediction: number;
  /** How many classes were put before the target. */
  readonly rank: number;
  /** Probability of the prediction. */
  readonly confidence: number;
}

/** The same where the target is numbers. */
export interface ValuesRow {
  readonly loss: number;
  readonly targets: ArrayLike<number>;
  readonly predictions: ArrayLike<number>;
}

interface Meter<Row> {
  readonly add: (row: Row) => void;
  /** NaN where the rows say nothing. */
  readonly value: () => number;
}

/** @param size number of classes, tokens or values */
type MeterOf<Row> = (size: number) => Meter<Row>;

function mean<Row>(of: (row: Row) => number): Meter<Row> {
  let sum = 0;
  let rows = 0;
  return {
    add: (row) => {
      sum += of(row);
      rows += 1;
    },
    value: () => sum / rows,
  };
}

const share = (holds: (row: ClassRow) => boolean): Meter<ClassRow> => mean((row) => (holds(row) ? 1 : 0));

/** As f1_score(average='macro', zero_division=0): classes that are neither there nor told are left out. */
function macroF1(classes: number): Meter<ClassRow> {
  const [hits, there, told] = [0, 1, 2].map(() => new Float64Array(classes)) as [Float64Array, Float64Array, Float64Array];
  return {
    add: ({ target, prediction }) => {
      there[target]! += 1;
      told[prediction]! += 1;
      if (target === prediction) hits[target]! += 1;
    },
    value: () => {
      let sum = 0;
      let counted = 0;
      for (let one = 0; one < classes; one++) {
        const both = there[one]! + told[one]!;
        if (both === 0) continue;
        sum += (2 * hits[one]!) / both;
        counted += 1;
      }
      return sum / counted;
    },
  };
}

const BINS = 15;

/** Σ over bins (m − 1)/15 < confidence ≤ m/15 of their share of the rows · |accuracy − mean confidence|. */
function calibrationError(): Meter<ClassRow> {
  // Of a bin share · |accuracy − confidence| is |Σ (1 if right) − Σ confidence| / rows.
  const gaps = new Float64Array(BINS);
  let rows = 0;
  return {
    add: ({ target, prediction, confidence }) => {
      const bin = Math.min(BINS, Math.max(1, Math.ceil(confidence * BINS))) - 1;
      gaps[Number.isNaN(bin) ? 0 : bin]! += (target === prediction ? 1 : 0) - confidence;
      rows += 1;
    },
    value: () => gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / rows,
  };
}

/** The mean over the values of what is summed up of each alone. */
function meanOfValues(size: number, one: () => Meter<{ readonly target: number; readonly prediction: number }>): Meter<ValuesRow> {
  const meters = Array.from({ length: size }, one);
  return {
    add: ({ targets, predictions }) => {
      for (const [index, meter] of meters.entries()) meter.add({ target: targets[index]!, prediction: predictions[index]! });
    },
    value: () => meters.reduce((sum, meter) => sum + meter.value(), 0) / size,
  };
}

function rootMeanSquare(): Meter<{ readonly target: number; readonly prediction: number }> {
  const squares = mean<{ readonly target: number; readonly prediction: number }>(({ target, prediction }) => (prediction - target) * (prediction - target));
  return { add: squares.add, value: () => Math.sqrt(squares.value()) };
}

/** 1 − Σ (t − p)² / Σ (t − mean of t)²; where all targets are equal 1 if every one is told exactly, else 0; NaN for fewer than two rows. */
function determination(): Meter<{ readonly target: number; readonly prediction: number }> {
  let rows = 0;
  let errors = 0;
  // Welford (1962): the mean so far, and the squared distances from it.
  let middle = 0;
  let spread = 0;
  return {
    add: ({ target, prediction }) => {
      rows += 1;
      errors += (target - prediction) * (target - prediction);
      const distance = target - middle;
      middle += distance / rows;
      spread += distance * (target - middle);
    },
    value: () => {
      if (rows < 2) return Number.NaN;
      if (spread === 0) return errors === 0 ? 1 : 0;
      return 1 - errors / spread;
    },
  };
}

const OF_CLASSES: Readonly<Partial<Record<MetricName, MeterOf<ClassRow>>>> = {
  loss: () => mean(({ loss }) => loss),
  perplexity: () => {
    const entropy = mean<ClassRow>(({ loss }) => loss);
    return { add: entropy.add, value: () => portableExp(entropy.value()) };
  },
  accuracy: () => share(({ target, prediction }) => target === prediction),
  top5: () => share(({ rank }) => rank < 5),
  macroF1,
  calibrationError,
};

const OF_VALUES: Readonly<Partial<Record<MetricName, MeterOf<ValuesRow>>>> = {
  loss: () => mean(({ loss }) => loss),
  rmse: (size) => meanOfValues(size, rootMeanSquare),
  mae: (size) => meanOfValues(size, () => mean(({ target, prediction }) => Math.abs(prediction - target))),
  r2: (size) => meanOfValues(size, determination),
};

const TASKS = { class: 'classification', values: 'regression', 'next-token': 'language-model' } as const satisfies Readonly<Record<TargetShape['kind'], Task>>;

type Told = Pick<DataShape, 'input' | 'target'>;

/** Metrics that say something of the targets, in the order of the table. */
export function metricsOf(data: Told): MetricName[] {
  return metricsFor(TASKS[data.target.kind], outputWidth(data));
}

/** Sums up every metric that fits the targets. */
export interface Meters<Row> {
  readonly add: (row: Row) => void;
  readonly values: () => MetricNumbers;
}

function metersOf<Row>(table: Readonly<Partial<Record<MetricName, MeterOf<Row>>>>, data: Told): Meters<Row> {
  const size = outputWidth(data);
  const meters = metricsOf(data).map((name) => {
    const meter = table[name];
    if (meter === undefined) throw new Error(`nothing sums up ${name} of targets of the kind ${data.target.kind}`);
    return { name, ...meter(size) };
  });
  return {
    add: (row) => {
      for (const { add } of meters) add(row);
    },
    values: () => ({ loss: Number.NaN, ...(Object.fromEntries(meters.map(({ name, value }) => [name, value()])) as { readonly [M in MetricName]?: number }) }),
  };
}

export function classMeters(data: Told): Meters<ClassRow> {
  return metersOf(OF_CLASSES, data);
}

export function valuesMeters(data: Told): Meters<ValuesRow> {
  return metersOf(OF_VALUES, data);
}
