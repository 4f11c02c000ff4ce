import { describe, expect, test } from 'vitest';
import type { Metric } from '../../../../src/ingest/mlflow/fields';
import { isModelFile, isOwnTag, modelInputsOf, modelInputsTag, modelMetricTags, modelOutputsOf, modelsOf, modelTag, newModelId, readModel, type ModelDocument } from '../../../../src/ingest/mlflow/model-tags';

const RUN = '0123456789abcdef0123456789abcdef';
const model: ModelDocument = { name: 'net', type: '', status: 'LOGGED_MODEL_READY', createdAt: 1, updatedAt: 2, deleted: false, params: { constructor: 'x' }, tags: {}, outputs: [0, 7], metrics: [] };
const metric = (key: string, value: number, step: number, more: Partial<Metric> = {}): Metric => ({ key, value, step, timestamp: 5, ...more });

describe('logged models as tags of their run', () => {
  test('come back as they were, beside tags of the run itself', () => {
    const [a, b] = [newModelId(RUN), newModelId('run-1.b')];
    const tags = { stage: 'x', ...modelTag(a, model), ...modelTag(b, { ...model, name: 'other', outputs: [] }) };
    expect(readModel(tags, a)).toEqual(model);
    expect(modelsOf(tags).map(({ modelId }) => modelId).sort()).toEqual([a, b].sort());
    expect(modelOutputsOf(tags)).toEqual([{ model_id: a, step: 0 }, { model_id: a, step: 7 }]);
    expect(Object.keys(tags).filter((key) => !isOwnTag(key))).toEqual(['stage']);
  });

  test('what Reprise did not write is none', () => {
    const id = newModelId(RUN);
    const [name = ''] = Object.keys(modelTag(id, model));
    for (const text of ['', '{', '[]', '{"name":"x"}', 'null']) {
      expect(readModel({ [name]: text }, id)).toBeNull();
      expect(modelsOf({ [name]: text })).toEqual([]);
      expect(modelInputsOf({ 'reprise.model-inputs': text })).toEqual([]);
    }
  });

  test('their files are told from those of the run', () => {
    expect(isModelFile(`models/${newModelId(RUN)}/MLmodel`)).toBe(true);
    for (const path of ['models/net/MLmodel', 'models', `other/${newModelId(RUN)}/MLmodel`]) expect(isModelFile(path)).toBe(false);
  });

  test('keep the latest value of each metric and data set', () => {
    const id = newModelId(RUN);
    const logged = [metric('acc', 0.5, 3), metric('acc', 0.4, 2), metric('acc', Number.NaN, 3), metric('acc', 0.9, 1, { dataset_name: 'test' }), metric('acc', 0.1, 9, { model_id: newModelId(RUN) })];
    const tags = modelMetricTags(modelTag(id, model), logged.map((entry) => ({ model_id: id, ...entry })));
    expect(readModel(tags, id)?.metrics).toEqual([
      { key: 'acc', value: 'NaN', timestamp: 5, step: 3 },
      { key: 'acc', value: 0.9, timestamp: 5, step: 1, dataset_name: 'test' },
    ]);
  });

  test('inputs are a set', () => {
    const once = modelInputsTag({}, ['m-1', 'm-2', 'm-1']);
    expect(modelInputsOf(modelInputsTag(once, ['m-2', 'm-3']))).toEqual([{ model_id: 'm-1' }, { model_id: 'm-2' }, { model_id: 'm-3' }]);
  });
});
