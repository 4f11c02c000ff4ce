import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { RepriseError } from '../../../../src/errors/errors';
import { toMlflowError } from '../../../../src/ingest/mlflow/errors';
import { double, experimentName, int64, key, metric, metrics, pageSize, paramValue, runRef, timestamp } from '../../../../src/ingest/mlflow/fields';
import { routeOf } from '../../../../src/ingest/mlflow/routes';

const parses = (schema: z.ZodType, value: unknown): unknown => {
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : 'refused';
};

describe('numbers of requests', () => {
  test.each([
    [3, 3],
    ['3', 3],
    ['-12', -12],
    ['9007199254740991', 9_007_199_254_740_991],
    [1.5, 'refused'],
    ['1.5', 'refused'],
    ['', 'refused'],
    [' 3', 'refused'],
    [null, 'refused'],
    [true, 'refused'],
    [Number.NaN, 'refused'],
  ])('int64 %j', (given, expected) => expect(parses(int64, given)).toBe(expected));

  test.each([
    [0.5, 0.5],
    ['0.5', 0.5],
    ['NaN', Number.NaN],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['-Infinity', Number.NEGATIVE_INFINITY],
    ['1e300', 1e300],
    ['-0', -0],
    ['', 'refused'],
    ['nothing', 'refused'],
    [null, 'refused'],
    [[], 'refused'],
  ])('double %j', (given, expected) => expect(parses(double, given)).toBe(expected));

  test('a time is not before 1970', () => expect(parses(timestamp, -1)).toBe('refused'));

  test('a metric needs a name, a value and a time; its step is 0 unless it says so', () => {
    expect(parses(metric, { key: 'a', value: 'NaN', timestamp: '5' })).toEqual({ key: 'a', value: Number.NaN, timestamp: 5, step: 0 });
    expect(parses(metric, { key: 'a', timestamp: 5 })).toBe('refused');
    expect(parses(metric, { key: 'a', value: 1 })).toBe('refused');
  });

  const plain = { key: 'a', value: 1, timestamp: 5, step: 3 };
  test.each<[unknown]>([
    [[]],
    [[plain, { ...plain, value: -0 }, { ...plain, key: 'größe 実', model_id: 'm', dataset_name: 'd', dataset_digest: 'x' }]],
    [[plain, { ...plain, value: 'NaN', step: '7', timestamp: '5' }, { key: 'b', value: 2, timestamp: 5 }]],
    [[plain, null]],
    [['a', plain]],
    [[plain, { ...plain, key: '../a' }, plain, { ...plain, key: 7 }]],
    [[{ ...plain, key: 'a\nb' }, { ...plain, key: 'ü'.repeat(251) }, { ...plain, key: '' }]],
    [[plain, { ...plain, value: null }, { ...plain, value: 'nothing', step: 1.5 }]],
    [[{ ...plain, timestamp: -1 }, { ...plain, timestamp: 1e17 }, { ...plain, timestamp: undefined }]],
    [[{ ...plain, step: null }, { ...plain, model_id: 3 }, { ...plain, dataset_name: null }, { ...plain, dataset_digest: [] }]],
  ])('many metrics are taken and refused as each alone: %j', (given) => {
    const alone = z.object({ metrics: z.array(metric) }).safeParse({ metrics: given });
    const many = z.object({ metrics }).safeParse({ metrics: given });
    const said = (issues: readonly z.core.$ZodIssue[] | undefined) => issues?.map(({ path, message }) => ({ path, message }));
    expect(many.data).toEqual(alone.data);
    expect(said(many.error?.issues)).toEqual(said(alone.error?.issues));
  });

  test('metrics come as a list', () => expect([undefined, null, {}, 'a', 3].map((value) => parses(metrics, value))).toEqual(Array(5).fill('refused')));

  test('a page has at most 50,000', () => {
    expect(parses(pageSize(1000), undefined)).toBe(1000);
    expect(parses(pageSize(1000), '50000')).toBe(50_000);
    expect(parses(pageSize(1000), 50_001)).toBe('refused');
    expect(parses(pageSize(1000), 0)).toBe('refused');
  });
});

describe('names', () => {
  test.each(['a', 'val/loss', 'größe 実', 'a.b-c_d:e', '.hidden', 'a..b', 'ü'.repeat(250), '𝒳'.repeat(250)])('%j is one', (name) => expect(parses(key, name)).toBe(name));
  test.each(['', 'a//b', '/a', 'a/', '../a', 'a/../b', 'a/./b', '.', '..', 'a\nb', 'a;b', 'a"b', '🧪', 'ü'.repeat(251)])('%j is none', (name) => expect(parses(key, name)).toBe('refused'));

  test('a parameter holds 6000 characters', () => {
    expect(parses(paramValue, '🧪'.repeat(6000))).toBe('🧪'.repeat(6000));
    expect(parses(paramValue, 'x'.repeat(6001))).toBe('refused');
    expect(parses(paramValue, 5)).toBe('5');
  });

  test('an experiment has a name', () => {
    expect(parses(experimentName, ' ')).toBe('refused');
    expect(parses(experimentName, 'x'.repeat(501))).toBe('refused');
  });

  test('a run is named by either word for its id', () => {
    expect(parses(runRef, { run_id: 'a', run_uuid: 'b' })).toBe('a');
    expect(parses(runRef, { run_id: '', run_uuid: 'b' })).toBe('b');
    expect(parses(runRef, {})).toBe('refused');
  });
});

describe('errors', () => {
  const transient = new Set([408, 429, 500, 502, 503, 504]);

  test.each(['RUN_NOT_FOUND', 'EXPERIMENT_EXISTS', 'FILTER_INVALID', 'EVENT_LOG_NOT_WRITTEN', 'EVENT_LOG_CORRUPT', 'STORE_CORRUPT'])('what stays as it is is not tried again: %s', (code) => {
    const { status, body } = toMlflowError(new RepriseError(code, 'It is so.', { kind: code.includes('LOG') || code.startsWith('STORE') ? 'system' : 'input', hint: 'Do this.' }));
    expect(transient.has(status)).toBe(false);
    expect(body.message).toBe('It is so. Do this.');
  });

  test('a full disk is not tried again', () => {
    expect(transient.has(toMlflowError(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })).status)).toBe(false);
  });

  test('the registry and what is unknown have answers of their own', () => {
    expect(() => routeOf('POST', '/api/2.0/mlflow/registered-models/create')).toThrow(expect.objectContaining({ code: 'FEATURE_DISABLED' }));
    for (const path of ['/api/2.0/mlflow/runs/none', '/api/2.0/mlflow/constructor', '/api/2.0/mlflow/logged-models/a/b/c/d', '/elsewhere', '/api/3.0/mlflow/traces']) {
      expect(() => routeOf('POST', path), path).toThrow(expect.objectContaining({ code: 'ENDPOINT_NOT_FOUND' }));
    }
    expect(() => routeOf('GET', '/api/2.0/mlflow/runs/create')).toThrow(expect.objectContaining({ code: 'ENDPOINT_NOT_FOUND' }));
    expect(routeOf('DELETE', '/api/2.0/mlflow/logged-models/m-1/tags/a%2Fb').named).toEqual({ model_id: 'm-1', tag_key: 'a/b' });
  });
});
