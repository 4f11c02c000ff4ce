import { describe, expect, it } from 'vitest';
import { fieldsOf } from '../../../src/config/fields';
import { defaultMetric, lossInWords, mapMetrics, METRIC_NAMES, METRICS, metricsFor, metricsIn, taskOf, testLabel, testMetricOf, unitOf } from '../../../src/config/metrics';
import { parseTrainingConfig } from '../../../src/config/parse';
import type { Config } from '../../../src/config/schema';

const table = { kind: 'csv', path: 'x.csv', target: 'y' };

function configOf(data: object, more: object = {}): Config {
  return parseTrainingConfig({ model: { kind: 'mlp' }, training: { learningRate: 0.1, batchSize: 4 }, data, seed: 1, ...more });
}

describe('a metric', () => {
  it('goes by a label that leads back to it', () => {
    for (const name of METRIC_NAMES) expect(testMetricOf(testLabel(name))).toBe(name);
    expect([testLabel('macroF1'), testMetricOf('val_loss'), testMetricOf('test'), testMetricOf('test speed'), testMetricOf('test.loss')]).toEqual(['test macro F1', null, null, null, null]);
    expect(new Set(METRIC_NAMES.map((name) => METRICS[name].title)).size).toBe(METRIC_NAMES.length);
  });
  it('stands in a row among other keys', () => {
    const row = { split: 'test', step: 3, loss: 1, r2: 0.5 };
    expect(metricsIn(row)).toEqual(['loss', 'r2']);
    expect(mapMetrics(row, String)).toEqual({ loss: '1', r2: '0.5' });
  });
});

describe('the metric of a config', () => {
  it.each([
    [{ kind: 'mnist' }, 'classification', 'accuracy'],
    [table, 'classification', 'accuracy'],
    [{ ...table, task: 'regression' }, 'regression', 'rmse'],
    [{ kind: 'labelled-text', path: 'x.csv' }, 'classification', 'accuracy'],
    [{ kind: 'text', path: 'x.txt' }, 'language-model', 'perplexity'],
    [{ kind: 'moby-dick' }, 'language-model', 'perplexity'],
  ] as const)('follows from the data where none is named: %j', (data, task, metric) => {
    const config = configOf(data);
    expect([taskOf(config.data), config.selection]).toEqual([task, { metric, checkpoint: 'last' }]);
    expect(defaultMetric(task)).toBe(metric);
    expect(metricsFor(task)).toContain(metric);
    expect(configOf(data, { selection: { metric: 'loss' } }).selection).toEqual({ metric: 'loss', checkpoint: 'last' });
    expect(parseTrainingConfig(config)).toEqual(config);
  });
  it('is offered where it fits, and what is written stays', () => {
    const field = (written: object) => fieldsOf(written).find(({ path }) => path === 'selection.metric');
    expect(field({ data: { ...table, task: 'regression' } })).toMatchObject({ fallback: 'rmse', of: { options: ['loss', 'rmse', 'mae', 'r2'] } });
    expect(field({ data: { kind: 'moby-dick' }, selection: { metric: 'r2' } })).toMatchObject({ value: 'r2', fallback: 'perplexity', of: { options: ['loss', 'perplexity', 'accuracy', 'top5', 'calibrationError', 'r2'] } });
    expect(field({ data: { kind: 'x' } })?.fallback).toBeUndefined();
  });
});

describe('a loss', () => {
  it('says what it is, and in which unit', () => {
    const regression = configOf({ ...table, task: 'regression' });
    const huber = configOf({ ...table, task: 'regression' }, { training: { learningRate: 0.1, batchSize: 4, loss: { kind: 'huber' } } });
    expect([configOf(table), regression, huber].map((config) => [lossInWords(config), unitOf('loss', config)])).toEqual([['cross-entropy, nats', 'nats'], ['squared error', ''], ['Huber loss', '']]);
    expect(unitOf('accuracy', configOf(table))).toBe('');
  });
});
