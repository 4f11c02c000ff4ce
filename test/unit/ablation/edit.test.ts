import { describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { addFactor, factorOver, removeFactor, setDescription, setLeaf, setLevels, setSeeds, unsetLeaf, writtenBaseline, writtenFactors } from '../../../src/ablation/edit';
import { compactStudy, NEW_STUDY, studyAround } from '../../../src/ablation/new-study';
import { readStudyText, type StudyReading } from '../../../src/ablation/read';
import { suggestLevel } from '../../../src/ablation/suggest';
import { canVary, parseStudy, selfContainedStudy } from '../../../src/ablation/study';
import { diff, sameValue } from '../../../src/config/diff';
import { fieldsOf, type Field } from '../../../src/config/fields';
import { formatYaml, parseYaml } from '../../../src/config/yaml';
import { uniforms } from '../../../src/random/streams';

const SAMPLE = readFileSync(new URL('../../../resources/samples/mnist-ablation.yaml', import.meta.url), 'utf8');
const BLOCKS = `experiment: blocks # a comment
baseline:
  # the model
  model:
    kind: cnn
    kernel: 5 # odd
  training:
    learningRate: 0.01
    batchSize: 32
    optimizer:
      kind: sgd
      momentum: 0.9
  data: { kind: csv, path: data.csv, target: class }
  seeds:
    init: 4
seeds: [1]
factors:
- path: training.learningRate
  levels:
  - 0.1 # fast
  - 0.001
`;

function read(text: string): StudyReading {
  const found = readStudyText(text);
  if (!found.ok) throw new Error(`${found.problem.line}: ${found.problem.message}\n${text}`);
  return found.reading;
}
const fieldsIn = (text: string): Field[] => fieldsOf(writtenBaseline(read(text).input)).filter(({ path }) => path !== 'seed' && path !== 'experiment');
const comments = (text: string): string[] => (text.match(/#.*$/gmu) ?? []).sort();

/** Values of a field other than the present one, bounds among them. */
function others({ of, value }: Field): unknown[] {
  const all = ((): unknown[] => {
    switch (of.type) {
      case 'integer':
        return [of.range.min, 7, 11].filter((candidate) => candidate !== null);
      case 'number':
        return [0.25, 1e-7, 0.1 + 0.2];
      case 'boolean':
        return [true, false];
      case 'choice':
      case 'kind':
        return [...of.options];
      case 'text':
        return ['a', 'b, c: d # e', "it's \"x\""];
      case 'integers':
        return [[], [3], [1, 2, 3]];
      case 'texts':
        return [['a, b'], ['x', 'y']];
    }
  })();
  return all.filter((candidate) => !sameValue(candidate, value));
}

describe('the form and its text', () => {
  it.each([['the sample', SAMPLE], ['a new study', NEW_STUDY], ['blocks', BLOCKS]])('every edit of a leaf of %s parses to exactly that change, comments kept', (_, text) => {
    const before = read(text).input;
    for (const field of fieldsIn(text)) {
      for (const value of others(field)) {
        const after = setLeaf(text, before, field, value);
        const changes = diff(before, read(after).input);
        const said = `${field.path} = ${JSON.stringify(value)}\n${after}`;
        if (field.of.type === 'kind') {
          // Another kind takes the keys away that it does not have.
          expect(changes.every((change) => change.path.startsWith(`baseline.${field.factorPath}.`) || change.path === `baseline.${field.factorPath}`), said).toBe(true);
          expect(fieldsIn(after).find(({ path }) => path === field.path)?.value, said).toBe(value);
        } else {
          // With the kind of the part where that was not written.
          const own = changes.filter(({ path }) => !path.endsWith('.kind'));
          expect(own.length === 1 || changes.length === 1, said).toBe(true);
          expect(fieldsIn(after).find(({ path }) => path === field.path)?.value, said).toEqual(value);
        }
        expect(comments(after).filter((comment) => !comments(text).includes(comment) && !comment.includes('e"')), said).toEqual([]);
        if (field.of.type !== 'kind') expect(comments(text).every((comment) => after.includes(comment)), said).toBe(true);
      }
    }
  });

  it('takes a leaf out again and comes back to the same values', () => {
    for (const text of [SAMPLE, NEW_STUDY, BLOCKS]) {
      const before = read(text).input;
      for (const field of fieldsIn(text)) {
        if (field.value !== undefined || field.of.type === 'kind') continue;
        const [value] = others(field);
        const set = setLeaf(text, before, field, value);
        const filled = fieldsIn(set).find(({ path }) => path === field.path);
        if (filled === undefined) throw new Error(field.path);
        const unset = read(unsetLeaf(set, read(set).input, filled)).input;
        // The kind, which the text had to say for the leaf, may stay.
        const left = diff(before, unset).filter(({ path, right }) => !path.endsWith('.kind') && path.split('.').length !== 3 && JSON.stringify(Object.keys(right ?? {})) !== '["kind"]');
        expect(left, field.path).toEqual([]);
        expect(fieldsIn(unsetLeaf(set, read(set).input, filled)).find(({ path }) => path === field.path)?.value).toBeUndefined();
      }
    }
  });

  it('keeps what another kind shares', () => {
    const kind = fieldsIn(BLOCKS).find(({ path }) => path === 'model.kind') as Field;
    const after = setLeaf(BLOCKS, read(BLOCKS).input, kind, 'mlp');
    expect(read(after).input).toMatchObject({ baseline: { model: { kind: 'mlp' } } });
    expect(after).not.toContain('kernel');
    expect(after).toContain('# the model');
  });

  it('stays in step over long series of random edits', () => {
    const numbers = uniforms(7, 'order', 'edits', 1000)[Symbol.iterator]();
    const random = (): number => Number(numbers.next().value);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
    let text = NEW_STUDY;
    for (let step = 0; step < 150; step += 1) {
      const { input } = read(text);
      const field = pick(fieldsIn(text));
      const factor = factorOver(writtenFactors(input), field);
      if (random() < 0.3 && canVary(field.path)) {
        text = factor === null ? addFactor(text, input, field.factorPath, [1, 'x']) : removeFactor(text, factor.index);
        expect(factorOver(writtenFactors(read(text).input), field) === null, text).toBe(factor !== null);
        continue;
      }
      if (random() < 0.3) text = unsetLeaf(text, input, field);
      else {
        const values = others(field);
        if (values.length === 0) continue;
        const value = pick(values);
        text = setLeaf(text, input, field, value);
        expect(fieldsIn(text).find(({ path }) => path === field.path)?.value, text).toEqual(value);
      }
    }
    expect(comments(text).length).toBeGreaterThan(2);
  });
});

describe('factors', () => {
  it('come and go with one gesture and leave the text as it was', () => {
    for (const text of [SAMPLE, NEW_STUDY, BLOCKS]) {
      const { input, study } = read(text);
      for (const field of fieldsIn(text)) {
        if (!canVary(field.path) || factorOver(writtenFactors(input), field) !== null) continue;
        const level = suggestLevel(field, study?.baseline ?? null);
        const on = addFactor(text, input, field.factorPath, level === null ? [] : [level]);
        const factor = factorOver(writtenFactors(read(on).input), field);
        expect(factor?.levels, field.path).toEqual(level === null ? [] : [level]);
        expect(removeFactor(on, factor?.index ?? -1), field.path).toBe(text);
      }
    }
  });
  it('suggest levels with which the study can run', () => {
    const { input, study } = read(NEW_STUDY);
    for (const field of fieldsIn(NEW_STUDY)) {
      const level = canVary(field.path) && factorOver(writtenFactors(input), field) === null ? suggestLevel(field, study?.baseline ?? null) : null;
      if (level === null) continue;
      const { problems } = read(addFactor(NEW_STUDY, input, field.factorPath, [level]));
      expect(problems, `${field.path} = ${JSON.stringify(level)}`).toEqual([]);
    }
  });
  it('suggest to do without what can be left out, and a tenth of the learning rate', () => {
    const { study } = read(NEW_STUDY);
    const suggested = (path: string): unknown => suggestLevel(fieldsIn(NEW_STUDY).find((field) => field.path === path) as Field, study?.baseline ?? null);
    expect(suggested('model.dropout')).toBe(0);
    expect(suggested('training.learningRate')).toBe(0.001);
    expect(suggested('training.optimizer.kind')).toEqual({ kind: 'sgd' });
    expect(suggested('model.hidden')).toEqual([16]);
    expect(suggested('seeds.split')).toBe(1);
  });
  it('take levels, change and lose them in place', () => {
    const [factor] = writtenFactors(read(BLOCKS).input);
    if (factor === undefined) throw new Error('no factor');
    expect(setLevels(BLOCKS, factor, [0.1, 0.001, 0.5])).toBe(`${BLOCKS.trimEnd()}\n  - 0.5\n`);
    expect(setLevels(BLOCKS, factor, [0.1])).toBe(BLOCKS.replace('  - 0.001\n', ''));
    expect(setLevels(BLOCKS, factor, [0.001])).toBe(BLOCKS.replace('  - 0.1 # fast\n', ''));
    expect(setLevels(BLOCKS, factor, [0.2, 0.001])).toBe(BLOCKS.replace('0.1 #', '0.2 #'));
  });
  it('over several paths are shown by their labels', () => {
    expect(writtenFactors(read(SAMPLE).input)[1]).toMatchObject({ name: 'optimizer', path: null, levels: ['SGD with momentum'] });
  });
});

describe('a study text', () => {
  it('takes seeds and a description', () => {
    expect(setSeeds(SAMPLE, read(SAMPLE).input, [1, 2, 3, 4])).toBe(SAMPLE.replace('[1, 2, 3]', '[1, 2, 3, 4]'));
    expect(setSeeds(SAMPLE, read(SAMPLE).input, [])).toBe(SAMPLE.replace('[1, 2, 3]', '[]'));
    expect(setDescription(NEW_STUDY, 'Why?')).toContain('\ndescription: Why?');
    expect(setDescription(SAMPLE, '')).not.toContain('description:');
  });
  it('is read with what is wrong and where', () => {
    const text = SAMPLE.replace('batchSize: 64', 'batchSize: 0').replace('levels: [0]', 'levels: [0, 2]');
    expect(read(text).problems.map(({ path, line }) => [path, line])).toEqual([['baseline.training.batchSize', 12]]);
    expect(read(SAMPLE.replace('levels: [0]', 'levels: [0, 2]')).problems).toMatchObject([{ path: 'factors[0].levels[1]', line: 26 }]);
    expect(readStudyText('a: [')).toMatchObject({ ok: false, problem: { line: 1 } });
    expect(readStudyText('- a')).toMatchObject({ ok: false });
    expect(read('').problems.length).toBeGreaterThan(2);
  });
  it('leaves a baseline that is a file to the engine', () => {
    const found = read('experiment: x\nbaseline: base.yaml\nseeds: [1]\nfactors:\n  - path: model.dropout\n    levels: [0]\n');
    expect(found).toMatchObject({ file: 'base.yaml', study: null, problems: [] });
  });
  it('is written briefly when a study that ran is edited again, and parses to the same study', () => {
    for (const text of [SAMPLE, NEW_STUDY, BLOCKS]) {
      const study = parseStudy(parseYaml(text, 'x'));
      const brief = compactStudy(formatYaml(selfContainedStudy(study)));
      expect(parseStudy(parseYaml(brief, 'x')), brief).toEqual(study);
      expect(brief.split('\n').length, brief).toBeLessThan(40);
      expect(brief).not.toMatch(/beta1|reprise|author: ''/u);
    }
  });
  it('begins complete, and around a single config', () => {
    expect(read(NEW_STUDY)).toMatchObject({ problems: [], variants: [{ name: 'baseline' }, { name: 'model.dropout=0' }] });
    const config = '---\nexperiment: one # name\nmodel:\n  kind: mlp\ntraining: { learningRate: 0.1, batchSize: 8 }\n\ndata: { kind: mnist }\nseed: 7\n';
    const around = studyAround(config);
    expect(around).toContain('# name');
    expect(parseYaml(around, 'x')).toMatchObject({ experiment: 'one', seeds: [7], factors: [], baseline: { model: { kind: 'mlp' }, training: { batchSize: 8 }, seed: 7 } });
    expect(read(around).problems).toMatchObject([{ path: 'factors' }]);
    const { input } = read(around);
    expect(read(addFactor(around, input, 'model.dropout', [0.5])).problems).toEqual([]);
    expect(studyAround(SAMPLE)).toBe(SAMPLE);
    expect(studyAround('a: [')).toBe('a: [');
    expect(around.startsWith('experiment: one')).toBe(true);
  });
});
