/**
 * The metrics of a split. One that is added here needs nothing but how it is summed up (`worker/meters`): configs may
 * declare it, logs and stores carry it, and every view shows it.
 */
import type { Config, DataConfig } from './schema';

/** What a model is to say of an example: one of the classes, numbers, or which token comes next. */
export type Task = 'classification' | 'regression' | 'language-model';

export interface Metric {
  /** As it stands inside a sentence. */
  readonly title: string;
  readonly higherIsBetter: boolean;
  /** Tasks that it says something of. */
  readonly tasks: readonly Task[];
  /** Number of classes or tokens there must be more of; any where it is left out. */
  readonly moreClassesThan?: number;
  /** Has no scale of its own: two values are compared by what share of them they differ. */
  readonly isRelative?: true;
  /** Digits behind the point where nothing is known of the uncertainty. */
  readonly decimals: number;
}

const TOLD: readonly Task[] = ['classification', 'language-model'];

export const METRICS = {
  /** Mean over the rows of what training makes small, label smoothing left out. */
  loss: { title: 'loss', higherIsBetter: false, tasks: ['classification', 'regression', 'language-model'], decimals: 4 },
  /** The exponential of the mean cross-entropy. */
  perplexity: { title: 'perplexity', higherIsBetter: false, tasks: ['language-model'], isRelative: true, decimals: 2 },
  /** Share of the rows whose class or token was told. */
  accuracy: { title: 'accuracy', higherIsBetter: true, tasks: TOLD, decimals: 4 },
  /** Share of the rows whose class or token was among the five told first. */
  top5: { title: 'top-5 accuracy', higherIsBetter: true, tasks: TOLD, moreClassesThan: 5, decimals: 4 },
  /** Mean over the classes of 2·tp / (2·tp + fp + fn); of classes that are neither there nor told nothing is counted. */
  macroF1: { title: 'macro F1', higherIsBetter: true, tasks: ['classification'], decimals: 4 },
  /** Expected calibration error in 15 bins of equal width (Guo et al., 2017). */
  calibrationError: { title: 'calibration error', higherIsBetter: false, tasks: TOLD, decimals: 4 },
  /** Root of the mean squared error; of several values the mean of their roots. */
  rmse: { title: 'RMSE', higherIsBetter: false, tasks: ['regression'], isRelative: true, decimals: 4 },
  /** Mean absolute error. */
  mae: { title: 'MAE', higherIsBetter: false, tasks: ['regression'], isRelative: true, decimals: 4 },
  /** Coefficient of determination; of several values the mean of theirs. */
  r2: { title: 'R²', higherIsBetter: true, tasks: ['regression'], decimals: 4 },
} as const satisfies Readonly<Record<string, Metric>>;

export type MetricName = keyof typeof METRICS;

export const METRIC_NAMES = Object.keys(METRICS) as [MetricName, ...MetricName[]];

/** Values of a split by metric; only what was measured is there. */
export type MetricValuesOf<V> = { readonly loss: V } & { readonly [M in MetricName]?: V | undefined };
/** The same as numbers; NaN where a metric has no value. */
export type MetricNumbers = MetricValuesOf<number>;

export function metricOf(name: MetricName): Metric {
  return METRICS[name];
}

/** Whether a larger value of a metric is better. */
export function higherIsBetter(name: MetricName): boolean {
  return METRICS[name].higherIsBetter;
}

/** The metrics among the keys of a row, in the order of the table. */
export function metricsIn(row: { readonly [M in MetricName]?: unknown }): MetricName[] {
  return METRIC_NAMES.filter((name) => row[name] !== undefined);
}

/** The metrics of a row with each value changed; other keys of the row are left out. */
export function mapMetrics<A, B>(row: MetricValuesOf<A>, change: (value: A) => B): MetricValuesOf<B> {
  const others = metricsIn(row).map((name) => [name, change(row[name] as A)] as const);
  return { loss: change(row.loss), ...(Object.fromEntries(others) as { readonly [M in MetricName]?: B }) };
}

/** The metrics of a row without its other keys. */
export function metricsAlone<V>(row: MetricValuesOf<V>): MetricValuesOf<V> {
  return mapMetrics(row, (value) => value);
}

/** What data ask of a model. */
export function taskOf(data: DataConfig): Task {
  if (data.kind === 'text' || data.kind === 'moby-dick') return 'language-model';
  return 'task' in data ? data.task : 'classification';
}

/** Metrics that say something of a task. @param classes number of classes or tokens, where there are any; taken for many where it is not known */
export function metricsFor(task: Task, classes = Infinity): MetricName[] {
  return METRIC_NAMES.filter((name) => {
    const { tasks, moreClassesThan = 0 } = metricOf(name);
    return tasks.includes(task) && (task === 'regression' || classes > moreClassesThan);
  });
}

const DEFAULTS = { classification: 'accuracy', regression: 'rmse', 'language-model': 'perplexity' } as const satisfies Readonly<Record<Task, MetricName>>;

/** The metric that a config declares where it names none. */
export function defaultMetric(task: Task): MetricName {
  return DEFAULTS[task];
}

const LOSSES = {
  'cross-entropy': { title: 'cross-entropy', unit: 'nats' },
  'binary-cross-entropy': { title: 'binary cross-entropy', unit: 'nats' },
  mse: { title: 'squared error', unit: '' },
  huber: { title: 'Huber loss', unit: '' },
} as const;

function lossOf({ data, training: { loss } }: Pick<Config, 'data' | 'training'>): { readonly title: string; readonly unit: string } {
  return LOSSES[loss?.kind ?? (taskOf(data) === 'regression' ? 'mse' : 'cross-entropy')];
}

/** What a config's training makes small: `cross-entropy, nats`. */
export function lossInWords(config: Pick<Config, 'data' | 'training'>): string {
  const { title, unit } = lossOf(config);
  return unit === '' ? title : `${title}, ${unit}`;
}

/** The unit of a metric's values; empty where there is none that is known, as of errors, which are in the unit of the user's numbers. */
export function unitOf(name: MetricName, config: Pick<Config, 'data' | 'training'>): string {
  return name === 'loss' ? lossOf(config).unit : '';
}

/** A metric of the test split as people read it: `test macro F1`. */
export function testLabel(name: MetricName): string {
  return `test ${METRICS[name].title}`;
}

/** The metric of the test split that people read so; null for any other name. */
export function testMetricOf(label: string): MetricName | null {
  return METRIC_NAMES.find((name) => testLabel(name) === label) ?? null;
}
