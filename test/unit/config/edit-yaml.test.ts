import { describe, expect, it } from 'vitest';
import { editYaml, inlineYaml, type YamlEdit } from '../../../src/config/edit-yaml';
import { readYaml } from '../../../src/config/locate';
import { parseYaml } from '../../../src/config/yaml';

const text = `# head
experiment:   "quoted"      # aligned

baseline:
    model: {kind: mlp,hidden: [256],  dropout: 0.20}
    training:
        # how fast
        learningRate: 1.0e-3   # tuned
        optimizer:
            kind: sgd
            momentum: 0.9


design: one-at-a-time
seeds:
- 1
- 2   # the second
factors:
  - path: model.dropout # first
    levels: [ 0, 0.5 ]
  # the other
  - path: training.learningRate
    levels:
      - 0.1
`;

/** Lines that an edit took away and brought. */
function changed(edits: readonly YamlEdit[], before = text): { readonly gone: string[]; readonly come: string[]; readonly value: unknown } {
  const after = editYaml(before, edits);
  const [old, next] = [before.split('\n'), after.split('\n')];
  return { gone: old.filter((line) => !next.includes(line)), come: next.filter((line) => !old.includes(line)), value: parseYaml(after, 'after') };
}

describe('editYaml', () => {
  it('changes one value and no other byte', () => {
    expect(changed([{ path: ['baseline', 'training', 'learningRate'], value: 0.01 }])).toMatchObject({ gone: ['        learningRate: 1.0e-3   # tuned'], come: ['        learningRate: 0.01   # tuned'] });
    expect(changed([{ path: ['experiment'], value: 'a: b' }])).toMatchObject({ come: ['experiment:   "a: b"      # aligned'] });
    expect(changed([{ path: ['baseline', 'model', 'hidden'], value: [64, 32] }])).toMatchObject({ come: ['    model: {kind: mlp,hidden: [64, 32],  dropout: 0.20}'] });
  });
  it('adds a missing key at the end of its mapping, with what is missing on the way', () => {
    expect(changed([{ path: ['baseline', 'training', 'epochs'], value: 3 }])).toMatchObject({ gone: [], come: ['        epochs: 3'] });
    expect(changed([{ path: ['baseline', 'model', 'activation'], value: 'tanh' }])).toMatchObject({ come: ['    model: {kind: mlp,hidden: [256],  dropout: 0.20, activation: tanh}'] });
    const nested = changed([{ path: ['baseline', 'data', 'split', 'test'], value: 0.2 }]);
    expect(nested).toMatchObject({ gone: [], come: ['    data: { split: { test: 0.2 } }'], value: { baseline: { data: { split: { test: 0.2 } } } } });
  });
  it('adds to and takes from lists, written as a block or on a line', () => {
    expect(changed([{ path: ['seeds', 2], value: 3 }])).toMatchObject({ gone: [], come: ['- 3'] });
    expect(changed([{ path: ['seeds', 0], remove: true }])).toMatchObject({ gone: ['- 1'], come: [] });
    expect(changed([{ path: ['factors', 0, 'levels', 2], value: 0.7 }])).toMatchObject({ come: ['    levels: [ 0, 0.5, 0.7 ]'] });
    expect(changed([{ path: ['factors', 0, 'levels', 0], remove: true }])).toMatchObject({ come: ['    levels: [ 0.5 ]'] });
    expect(changed([{ path: ['factors', 1, 'levels', 0], remove: true }])).toMatchObject({ gone: ['    levels:', '      - 0.1'], come: ['    levels: []'] });
  });
  it('adds a mapping to a block list a key a line', () => {
    expect(changed([{ path: ['factors', 2], value: { path: 'training.epochs', levels: [3, 4] } }])).toMatchObject({ gone: [], come: ['  - path: training.epochs', '    levels: [3, 4]'] });
    expect(editYaml('a: 1\nfactors: []\nb: 2\n', [{ path: ['factors'], value: [{ path: 'x', levels: [1] }] }])).toBe('a: 1\nfactors:\n  - path: x\n    levels: [1]\nb: 2\n');
    expect(editYaml('a: 1', [{ path: ['factors'], value: [{ path: 'x', levels: [1] }] }])).toBe('a: 1\nfactors:\n  - path: x\n    levels: [1]');
  });
  it('keeps the comments around what it takes out', () => {
    const { gone, come } = changed([{ path: ['factors', 1], remove: true }]);
    expect(come).toEqual([]);
    expect(gone).toEqual(['  - path: training.learningRate', '    levels:', '      - 0.1']);
    expect(changed([{ path: ['baseline', 'training', 'optimizer', 'momentum'], remove: true }])).toMatchObject({ gone: ['            momentum: 0.9'], come: [] });
  });
  it('writes anew what it cannot change in place, with the same values', () => {
    const aliased = 'a: &x { k: 1 } # one\nb: *x\n';
    const after = editYaml(aliased, [{ path: ['b'], value: 5 }]);
    expect(parseYaml(after, 'after')).toEqual({ a: { k: 1 }, b: 5 });
    expect(after).toContain('# one');
    expect(parseYaml(editYaml('a: |\n  text\n  more\nb: 1\n', [{ path: ['a'], value: 'short' }]), 'after')).toEqual({ a: 'short', b: 1 });
    expect(parseYaml(editYaml('a:\nb: 1\n', [{ path: ['a', 'c'], value: 2 }]), 'after')).toEqual({ a: { c: 2 }, b: 1 });
    expect(editYaml('a:\nb: 1\n', [{ path: ['a'], value: 2 }])).toBe('a: 2\nb: 1\n');
    expect(parseYaml(editYaml('{"a": {"b": [1]}}', [{ path: ['a', 'b', 1], value: 'x' }]), 'after')).toEqual({ a: { b: [1, 'x'] } });
    expect(editYaml('', [{ path: ['a'], value: 1 }])).toBe('a: 1\n');
  });
  it('refuses a path through a scalar and a text that cannot be read', () => {
    expect(() => editYaml('a: 1\n', [{ path: ['a', 'b'], value: 2 }])).toThrow(/a\.b cannot be set/u);
    expect(() => editYaml('a: [1\n', [{ path: ['a'], value: 2 }])).toThrow(/line/u);
  });
  it('quotes on one line what a list would tear apart', () => {
    for (const value of ['a, b', 'x]', '1', 'true', '', ' a', 'a: b', '# c', "it's", 'null', ['a,b', [1]], { 'k, l': { m: 'n}' } }, 1e-8, -0.5, 1e21]) {
      expect(parseYaml(`v: ${inlineYaml([value])}`, 'x'), inlineYaml(value)).toEqual({ v: [value] });
    }
  });
});

describe('readYaml', () => {
  it('says where a path stands: its value, or the key of a block, or the nearest that exists', () => {
    const yaml = readYaml(text);
    if (!yaml.ok) throw new Error(yaml.problem.message);
    const shown = (path: string): string => text.slice(yaml.locate(path).from, yaml.locate(path).to);
    expect(shown('baseline.training.learningRate')).toBe('1.0e-3');
    expect(yaml.locate('baseline.training.learningRate').line).toBe(8);
    expect(shown('baseline.model.hidden[0]')).toBe('256');
    expect(shown('baseline.training.batchSize')).toBe('training');
    expect(shown('factors[1].levels[0]')).toBe('0.1');
    expect(shown('seeds[1]')).toBe('2');
    expect(yaml.locate('(document)').line).toBe(1);
  });
  it('finds keys that have dots themselves', () => {
    const source = 'set: { training.epochs: 3, training: 4 }';
    const yaml = readYaml(source);
    if (!yaml.ok) throw new Error(yaml.problem.message);
    const { from, to } = yaml.locate('set.training.epochs');
    expect(source.slice(from, to)).toBe('3');
  });
  it('says where a text breaks', () => {
    expect(readYaml('a: 1\nb: [1,\nc: 2\n')).toMatchObject({ ok: false, problem: { line: expect.any(Number) } });
    expect(readYaml('a: &x 1\nb: *x\nc: *nope\n')).toMatchObject({ ok: false, problem: { line: 3, from: 17 } });
    const twice = readYaml('a: 1\na: 2\n');
    expect(twice).toMatchObject({ ok: false, problem: { line: 2, message: 'Map keys must be unique' } });
  });
});
