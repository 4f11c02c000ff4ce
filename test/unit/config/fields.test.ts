import { describe, expect, it } from 'vitest';
import { looselyTyped, rangeInWords, readTyped, typedText } from '../../../src/config/field-text';
import { fieldsOf, keysOfKind, type Field } from '../../../src/config/fields';
import { configHash } from '../../../src/config/hash';
import { leavesOf } from '../../../src/config/leaves';
import { parseTrainingConfig } from '../../../src/config/parse';

const written = { model: { kind: 'mlp', hidden: [64] }, training: { learningRate: 0.01, batchSize: 32, schedule: { kind: 'cosine' } }, data: { kind: 'spirals' }, seed: 3 };
const field = (path: string, config: unknown = written): Field => {
  const found = fieldsOf(config).find((candidate) => candidate.path === path);
  if (found === undefined) throw new Error(`no field ${path}`);
  return found;
};

describe('fieldsOf', () => {
  it('has a field for every leaf of a complete config, and its default where nothing is written', () => {
    const leaves = leavesOf(parseTrainingConfig(written));
    // The executor's kind is a choice of one; nothing is set of the environment.
    for (const path of ['executor.kind', 'environment']) leaves.delete(path);
    for (const [path, value] of leaves) {
      const { value: own, fallback } = field(path);
      expect(own ?? fallback, path).toEqual(value);
    }
  });
  it('shows the leaves of the kind that is chosen, and of the default kind where none is', () => {
    expect(field('data.classes').of).toMatchObject({ type: 'integer', range: { min: 2, max: 10 } });
    expect(fieldsOf({ ...written, data: { kind: 'mnist' } }).map(({ path }) => path)).not.toContain('data.classes');
    expect(field('training.optimizer.kind')).toMatchObject({ value: undefined, fallback: 'adam', factorPath: 'training.optimizer', required: false });
    expect(field('training.optimizer.beta1').fallback).toBe(0.9);
    expect(field('model.kind')).toMatchObject({ required: true, of: { options: expect.arrayContaining(['mlp', 'cnn', 'transformer']) } });
    expect(fieldsOf({ model: { kind: 'tree' } }).filter(({ path }) => path.startsWith('model.')).map(({ path }) => path)).toEqual(['model.kind']);
  });
  it('tells bounds, units, descriptions and what must be written', () => {
    expect(field('training.learningRate')).toMatchObject({ required: true, of: { type: 'number', range: { min: 0, openMin: true, max: 1000, openMax: false } } });
    expect(field('training.checkpointEvery')).toMatchObject({ unit: 'steps', description: expect.stringContaining('checkpoints') });
    expect(field('seeds.init')).toMatchObject({ required: false, fallback: undefined, value: undefined });
  });
  it('knows the keys of another kind', () => {
    expect(keysOfKind('training.optimizer', 'sgd')).toEqual(['kind', 'momentum', 'nesterov', 'weightDecay', 'decay']);
    expect(keysOfKind('model', 'tree')).toEqual([]);
  });
  it('has the path and the names of a model of one’s own', () => {
    const own = { ...(written as object), model: { kind: 'onnx' } };
    expect(field('model.path', own)).toMatchObject({ of: { type: 'text', maxLength: 4096 }, required: true, value: undefined, fallback: undefined });
    expect(field('model.train', own)).toMatchObject({ of: { type: 'texts' }, required: false, fallback: ['*'] });
    expect(field('model.freeze', own)).toMatchObject({ of: { type: 'texts' }, required: false, fallback: [] });
    expect(keysOfKind('model', 'onnx')).toEqual(['kind', 'path', 'train', 'freeze']);
  });
  it('has no defaults in a part that is left out', () => {
    expect(field('training.earlyStopping.minDelta')).toMatchObject({ fallback: undefined, value: undefined, required: false });
    const stopping = { ...written, training: { ...written.training, earlyStopping: { patience: 3 } } };
    expect(field('training.earlyStopping.minDelta', stopping)).toMatchObject({ fallback: 0, value: undefined });
    expect(field('training.earlyStopping.patience', stopping)).toMatchObject({ value: 3, unit: 'validations', required: true });
    expect(field('training.loss.kind')).toMatchObject({ fallback: undefined, required: false });
  });
  it('shows a config that is half written', () => {
    for (const config of [null, [], 'x', { training: null }, { model: 3, data: [] }]) expect(fieldsOf(config).length).toBeGreaterThan(15);
  });
});

describe('what the schema says to a form', () => {
  it('changes no hash', () => {
    // Written down: descriptions and units have no part in it. A new key with a default has.
    expect(configHash(parseTrainingConfig(written))).toBe('972493efd5bdd00d7efe75ec42bc5598946419964175e13bf07d793a2ef3ea68');
  });
});

describe('readTyped', () => {
  it('reads back what typedText wrote', () => {
    const complete = leavesOf(parseTrainingConfig(written));
    for (const { path, of, value, fallback } of fieldsOf(written)) {
      const present = value ?? fallback;
      if (present === undefined || of.type === 'kind') continue;
      // A complete config says nothing of the provider that computes where nothing is said.
      expect(readTyped(of, typedText(present)), path).toEqual({ ok: true, value: path === 'executor.provider' ? 'cpu' : complete.get(path) });
    }
  });
  it('accepts numbers as people write them and refuses the rest with what is allowed', () => {
    const rate = field('training.learningRate').of;
    for (const [text, value] of [['1e-4', 0.0001], [' 0.5 ', 0.5], ['.5', 0.5], ['5.', 5], ['1E2', 100]] as const) expect(readTyped(rate, text)).toEqual({ ok: true, value });
    expect(readTyped(rate, '−1')).toEqual({ ok: false, message: 'must be > 0 and ≤ 1,000' });
    for (const text of ['', 'x', '0x10', '1 2', 'Infinity']) expect(readTyped(rate, text)).toEqual({ ok: false, message: 'must be a number' });
    expect(readTyped(field('training.epochs').of, '2.5')).toEqual({ ok: false, message: 'must be a whole number' });
    expect(readTyped(field('model.hidden').of, '[64, 32]')).toEqual({ ok: true, value: [64, 32] });
    expect(readTyped(field('model.hidden').of, 'none')).toEqual({ ok: true, value: [] });
    expect(readTyped(field('model.hidden').of, '64, 0')).toEqual({ ok: false, message: 'must be 1 to 65,536' });
    expect(readTyped(field('training.optimizer.kind').of, 'sg')).toEqual({ ok: true, value: { kind: 'sgd' } });
    expect(readTyped(field('training.optimizer.kind').of, 'ada')).toMatchObject({ ok: false });
    expect(readTyped(field('training.optimizer.kind').of, 'adam')).toEqual({ ok: true, value: { kind: 'adam' } });
  });
  it('keeps what is wrong as it was typed, for the schema to say so', () => {
    const epochs = field('training.epochs').of;
    expect([looselyTyped(epochs, '3'), looselyTyped(epochs, '0'), looselyTyped(epochs, '2.5'), looselyTyped(epochs, ' many ')]).toEqual([3, 0, 2.5, 'many']);
  });
  it('says bounds in words, and none where there is none to say', () => {
    expect(rangeInWords({ min: 1, max: Number.MAX_SAFE_INTEGER, openMin: false, openMax: false })).toBe('≥ 1');
    expect(rangeInWords({ min: 0, max: 1, openMin: false, openMax: true })).toBe('≥ 0 and < 1');
    expect(rangeInWords({ min: null, max: null, openMin: false, openMax: false })).toBe('');
  });
});
