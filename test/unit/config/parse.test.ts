import { describe, expect, it } from 'vitest';
import { parseTrainingConfig } from '../../../src/config/parse';
import { configHash, computeHash, variantHash, canonicalJson } from '../../../src/config/hash';
import { editYaml } from '../../../src/config/edit-yaml';
import { formatYaml, parseYaml } from '../../../src/config/yaml';
import { diff } from '../../../src/config/diff';
import { RepriseError, type Problem } from '../../../src/errors/errors';

const minimal = { model: { kind: 'mlp' }, training: { learningRate: 0.001, batchSize: 64 }, data: { kind: 'mnist' }, seed: 1 };

function problemsOf(input: unknown): readonly Problem[] {
  try {
    parseTrainingConfig(input, 'bad.yaml');
  } catch (error) {
    if (error instanceof RepriseError) {
      expect(error.code).toBe('CONFIG_INVALID');
      return error.problems;
    }
    throw error;
  }
  throw new Error('accepted');
}

describe('parseTrainingConfig', () => {
  it('fills in every default of a minimal config', () => {
    const config = parseTrainingConfig(minimal);
    expect(config.training).toMatchObject({ epochs: 5, optimizer: { kind: 'adam', beta1: 0.9 }, schedule: { kind: 'constant' } });
    expect(config.seeds).toEqual({ split: 0 });
    expect(config.selection).toEqual({ metric: 'accuracy', checkpoint: 'last' });
    expect(config.executor).toEqual({ kind: 'local', threads: 1 });
    expect(parseTrainingConfig(config)).toEqual(config);
  });

  it('names every problem at once, with path, value and what is allowed', () => {
    const problems = problemsOf({
      ...minimal,
      model: { kind: 'mlp', hidden: [0], droput: 0.1 },
      training: { learning_rate: 0.1, batchSize: 'many' },
      seed: -1,
    });
    const byPath = new Map(problems.map((problem) => [problem.path, problem.message]));
    expect(byPath.get('model.hidden[0]')).toBe('is 0, must be ≥ 1');
    expect(byPath.get('model.droput')).toBe('is an unknown key; did you mean "dropout"?');
    expect(byPath.get('training.learning_rate')).toBe('is an unknown key; did you mean "learningRate"?');
    expect(byPath.get('training.learningRate')).toBe('is missing, must be a number');
    expect(byPath.get('training.batchSize')).toBe('is "many", must be a number');
    expect(byPath.get('seed')).toBe('is -1, must be ≥ 0');
    expect(problems).toHaveLength(6);
  });

  it.each([
    [{ ...minimal, model: { kind: 'tree' } }, 'model.kind', /is "tree", must be one of .*"mlp", "cnn"/u],
    [{ ...minimal, seed: 1.5 }, 'seed', /is 1.5, must be a whole number/u],
    [{ ...minimal, training: { ...minimal.training, learningRate: 0 } }, 'training.learningRate', /is 0, must be > 0/u],
    [{ ...minimal, model: { kind: 'cnn', kernel: 4 } }, 'model.kernel', /is 4, must be odd/u],
    [{ ...minimal, data: { kind: 'mnist', split: { validation: 0.6, test: 0.5 } } }, 'data.split', /sum < 1/u],
    [{ ...minimal, selection: { metric: 'f1' } }, 'selection.metric', /must be one of "loss", "perplexity", "accuracy"/u],
    [{ ...minimal, experiment: 'a/b' }, 'experiment', /slashes/u],
    [{ ...minimal, environment: { memoryGb: '16' } }, 'environment.memoryGb', /is "16", must be a number/u],
    [{ ...minimal, model: undefined }, 'model', /is missing, must be a mapping whose kind is one of linear, mlp, /u],
    [{ ...minimal, data: { kind: 'text', path: 'a.txt', tokenizer: { kind: 'word' } } }, 'data.tokenizer.kind', /is "word", must be one of "character", "bytes", "bpe"$/u],
    [{ ...minimal, data: { kind: 'text', path: 'a.txt', tokenizer: 'word' } }, 'data.tokenizer', /is "word", must be a mapping whose kind is one of character, bytes, bpe$/u],
    [{ ...minimal, training: 3 }, 'training', /is 3, must be a mapping of learningRate, batchSize, /u],
    [{ ...minimal, training: { ...minimal.training, earlyStopping: true } }, 'training.earlyStopping', /is true, must be a mapping of patience, minDelta$/u],
    [null, '(document)', /is null, must be a mapping/u],
    [[], '(document)', /must be a mapping/u],
  ])('refuses %j', (input, path, message) => {
    const problem = problemsOf(input).find((entry) => entry.path === path);
    expect(problem?.message).toMatch(message);
  });

  it('load → save → load is the identity', () => {
    const first = parseTrainingConfig({ ...minimal, description: 'a: "b"\n# no comment', tags: ['1', 'null', 'yes'], author: 'Zoë' });
    const again = parseTrainingConfig(parseYaml(formatYaml(first), 'saved.yaml'));
    expect(again).toEqual(first);
    expect(parseTrainingConfig(parseYaml(JSON.stringify(first), 'saved.json'))).toEqual(first);
  });
});

describe('hashes', () => {
  const config = parseTrainingConfig(minimal);
  it('do not depend on key order, defaults left out or labels', () => {
    const spelled = parseTrainingConfig({ seed: 1, data: { kind: 'mnist', samples: 10_000 }, training: { batchSize: 64, learningRate: 1e-3, epochs: 5 }, model: { hidden: [128], kind: 'mlp' }, experiment: 'other', tags: ['x'] });
    expect(configHash(spelled)).toBe(configHash(config));
  });
  it('tell providers apart, of which the processor goes without saying', () => {
    const on = (provider: string): string => configHash(parseTrainingConfig({ ...minimal, executor: { provider } }));
    expect(on('cpu')).toBe(configHash(config));
    expect(new Set(['cpu', 'auto', 'webgpu', 'cuda'].map(on)).size).toBe(4);
    expect(() => on('tpu')).toThrow(/executor\.provider/u);
  });
  it('tell seeds apart, and leave them out of the variant', () => {
    const other = parseTrainingConfig({ ...minimal, seed: 2 });
    expect(configHash(other)).not.toBe(configHash(config));
    expect(variantHash(other)).toBe(variantHash(config));
  });
  it('computeHash changes with each fact and with nothing that cannot change numbers', () => {
    const facts = { dataFingerprint: 'd', trainingGraphHash: 'g', runtime: { threads: 1 } };
    const base = computeHash(config, facts);
    expect(computeHash(parseTrainingConfig({ ...minimal, description: 'x', environment: { os: 'linux' } }), facts)).toBe(base);
    expect(computeHash(parseTrainingConfig({ ...minimal, seeds: { split: 0, init: 1, order: 1, noise: 1 } }), facts)).toBe(base);
    for (const other of [{ ...facts, dataFingerprint: 'e' }, { ...facts, trainingGraphHash: 'h' }, { ...facts, runtime: { threads: 2 } }]) expect(computeHash(config, other)).not.toBe(base);
    expect(computeHash(parseTrainingConfig({ ...minimal, seeds: { init: 9 } }), facts)).not.toBe(base);
  });
  it('canonical JSON refuses what JSON would lose', () => {
    expect(() => canonicalJson(Number.NaN)).toThrow(TypeError);
    expect(canonicalJson({ b: 1, a: [undefined, 2].slice(1), c: undefined })).toBe('{"a":[2],"b":1}');
  });
});

describe('YAML', () => {
  const text = '# study of dropout\nmodel:\n  kind: mlp # small\n  dropout: 0.2   # tuned\ntraining: {learningRate: 0.001, batchSize: 64}\nseed: 1\n';
  it('keeps comments when the app edits a value', () => {
    const edited = editYaml(text, [{ path: ['model', 'dropout'], value: 0.5 }, { path: ['training', 'epochs'], value: 3 }]);
    expect(edited).toContain('# study of dropout');
    expect(edited).toMatch(/dropout: 0\.5 +# tuned/u);
    expect(edited).toMatch(/kind: mlp # small/u);
    expect(parseYaml(edited, 'x')).toMatchObject({ model: { dropout: 0.5 }, training: { epochs: 3, batchSize: 64 }, seed: 1 });
    expect(editYaml(edited, [{ path: ['training', 'epochs'], remove: true }])).not.toContain('epochs');
  });
  it('names file and line of what it cannot read', () => {
    expect(() => parseYaml('a: 1\na: 2\n', 'c.yaml')).toThrow(/c\.yaml, line 2: Map keys must be unique/u);
    expect(() => parseYaml('a: [1,\n', 'c.yaml')).toThrow(/c\.yaml, line \d/u);
  });
  it('refuses an alias bomb', () => {
    const lines = ['a0: &a0 [x,x,x,x,x,x,x,x,x,x]'];
    for (let i = 1; i < 9; i += 1) lines.push(`a${i}: &a${i} [${Array.from({ length: 10 }, () => `*a${i - 1}`).join(',')}]`);
    expect(() => parseYaml(lines.join('\n'), 'bomb.yaml')).toThrow(/bomb\.yaml/u);
  });
  it('does not turn a text into another type', () => {
    expect(parseYaml('a: yes\nb: 2024-01-01\nc: 0o17\nd: "1"\n', 'x')).toEqual({ a: 'yes', b: '2024-01-01', c: 15, d: '1' });
  });
});

describe('diff', () => {
  it('lists leaves that differ, tells types apart, and counts NaN as equal', () => {
    expect(diff({ a: 1, b: { c: [1, 2], d: Number.NaN }, e: null }, { a: '1', b: { c: [1, 3], d: Number.NaN } })).toEqual([
      { path: 'a', left: 1, right: '1' },
      { path: 'b.c', left: [1, 2], right: [1, 3] },
      { path: 'e', left: null, right: undefined },
    ]);
  });
  it('tells a missing leaf from one that is undefined on purpose only by its presence', () => {
    expect(diff({ 'x.y': 1 }, {})).toEqual([{ path: String.raw`x\.y`, left: 1, right: undefined }]);
  });
});
