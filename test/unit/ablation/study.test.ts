import { describe, expect, it } from 'vitest';
import { configFor, expandStudy } from '../../../src/ablation/expand';
import { baselinePath, parseStudy, selfContainedStudy } from '../../../src/ablation/study';
import type { Variant } from '../../../src/ablation/expand';
import { variantHash } from '../../../src/config/hash';
import type { Config } from '../../../src/config/schema';
import { formatYaml, parseYaml } from '../../../src/config/yaml';
import { RepriseError, type Problem } from '../../../src/errors/errors';

const baseline = {
  model: { kind: 'mlp', hidden: [32], dropout: 0.2 },
  training: { learningRate: 0.001, batchSize: 64, epochs: 2 },
  data: { kind: 'two-moons', samples: 300 },
  seed: 7,
};

function study(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { experiment: 'moons', baseline, factors: [{ path: 'training.learningRate', levels: [0.01, 0.1] }], design: 'one-at-a-time', seeds: [1, 2, 3], ...changes };
}

const trainingOf = (variant: Variant | undefined): Config => variant?.config as Config;

function problemsOf(input: unknown, file?: unknown): readonly Problem[] {
  try {
    parseStudy(input, file);
  } catch (error) {
    expect(error).toBeInstanceOf(RepriseError);
    expect((error as RepriseError).code).toBe('STUDY_INVALID');
    expect((error as RepriseError).message).toContain((error as RepriseError).problems[0]?.message);
    return (error as RepriseError).problems;
  }
  throw new Error('the study was accepted');
}

describe('one-at-a-time', () => {
  it('gives the baseline and one variant a level, in the order written', () => {
    const parsed = parseStudy(study({
      factors: [
        { path: 'training.optimizer', levels: [{ kind: 'sgd', momentum: 0.9 }, { kind: 'adamw' }] },
        { path: 'model.hidden', levels: [[64, 32], []] },
        { name: 'architecture', levels: [{ label: 'wide', set: { model: { kind: 'mlp', hidden: [256] }, 'training.epochs': 8 } }] },
      ],
    }));
    const variants = expandStudy(parsed);
    expect(variants.map((variant) => variant.name)).toEqual(['baseline', 'training.optimizer=sgd', 'training.optimizer=adamw', 'model.hidden=[64,32]', 'model.hidden=[]', 'wide']);
    expect(trainingOf(variants[1]).training.optimizer).toEqual({ kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0, decay: 'all' });
    expect(trainingOf(variants[5]).training.epochs).toBe(8);
    expect(variants[5]?.changes).toEqual([
      { path: 'model.hidden', from: [32], to: [256] },
      { path: 'model.dropout', from: 0.2, to: 0 },
      { path: 'training.epochs', from: 2, to: 8 },
    ]);
    for (const variant of variants) {
      expect(variant.config.seed).toBe(1);
      expect(variant.config.experiment).toBe('moons');
      expect(configFor(variant, 3)).toEqual({ ...variant.config, seed: 3 });
    }
  });

  it('tells levels of one kind apart by their values', () => {
    const variants = expandStudy(parseStudy(study({ factors: [{ path: 'training.optimizer', name: 'opt', levels: [{ kind: 'sgd' }, { kind: 'sgd', momentum: 0.9 }] }] })));
    expect(variants.map((variant) => variant.name)).toEqual(['baseline', 'opt=sgd', 'opt=sgd(momentum=0.9)']);
  });

  it('sets a path that the baseline leaves open', () => {
    const variants = expandStudy(parseStudy(study({ factors: [{ path: 'seeds.init', levels: [5] }] })));
    expect(variants[1]?.changes).toEqual([{ path: 'seeds.init', from: undefined, to: 5 }]);
  });
});

describe('grid', () => {
  it('combines all levels, the baseline\'s own included', () => {
    const variants = expandStudy(parseStudy(study({
      design: 'grid',
      factors: [{ path: 'training.learningRate', name: 'lr', levels: [0.01, 0.1] }, { name: 'arch', levels: [{ label: 'wide', set: { 'model.hidden': [256] } }] }],
    })));
    expect(variants.map((variant) => variant.name)).toEqual(['baseline', 'wide', 'lr=0.01', 'lr=0.01, wide', 'lr=0.1', 'lr=0.1, wide']);
    const seen = new Set(variants.map((variant) => JSON.stringify([trainingOf(variant).training.learningRate, trainingOf(variant).model])));
    expect(seen.size).toBe(6);
    expect(new Set(variants.map((variant) => variantHash(variant.config))).size).toBe(6);
  });

  it('has the product of (levels + 1) variants', () => {
    for (const sizes of [[1], [2, 3], [1, 1, 1], [4, 2, 3]]) {
      const paths = ['training.learningRate', 'model.dropout', 'data.noise'];
      const factors = sizes.map((size, index) => ({ path: paths[index], levels: Array.from({ length: size }, (_, level) => 0.3 + level / 100) }));
      expect(expandStudy(parseStudy(study({ design: 'grid', factors })))).toHaveLength(sizes.reduce((product, size) => product * (size + 1), 1));
    }
  });

  it('refuses factors that touch', () => {
    const problems = problemsOf(study({ design: 'grid', factors: [{ path: 'model.dropout', levels: [0] }, { path: 'model', levels: [{ kind: 'mlp', hidden: [8] }] }] }));
    expect(problems).toEqual([{ path: 'factors[1]', message: 'sets "model", which another factor sets too; a grid needs factors that do not touch' }]);
  });
});

describe('the baseline', () => {
  it('may be a file, read by the caller', () => {
    const input = study({ baseline: 'base.yaml' });
    expect(baselinePath(input)).toBe('base.yaml');
    expect(parseStudy(input, baseline)).toEqual(parseStudy(study()));
    expect(baselinePath(study())).toBeNull();
    expect(problemsOf(input)[0]?.message).toContain('not read');
    expect(problemsOf(input, 'text')[0]?.message).toContain('does not hold a config');
  });

  it('takes the study\'s first seed where it has none', () => {
    const { seed: _seed, ...rest } = baseline;
    expect(parseStudy(study({ baseline: rest })).baseline.seed).toBe(1);
  });

  it('goes along in a self-contained study that means the same', () => {
    const original = parseStudy(study({
      description: 'a: "b"',
      design: 'grid',
      factors: [{ path: 'training.optimizer', name: 'opt', levels: [{ kind: 'sgd' }] }, { path: 'model.dropout', levels: [0] }, { name: 'arch', levels: [{ label: 'wide', set: { 'model.hidden': [256] } }] }],
    }));
    const again = parseStudy(parseYaml(formatYaml(selfContainedStudy(original)), 'study.yaml'));
    expect(again).toEqual(original);
    expect(expandStudy(again)).toEqual(expandStudy(original));
  });
});

describe('what is refused', () => {
  const cases: [string, Record<string, unknown>, string, RegExp][] = [
    ['unknown path', { factors: [{ path: 'training.learningrate', levels: [1] }] }, 'factors[0]', /"training.learningrate" is not part of the baseline config.*did you mean "learningRate"/u],
    ['unknown path further in', { factors: [{ path: 'trainig.epochs', levels: [1] }] }, 'factors[0]', /"trainig.epochs" is not part of the baseline config at "trainig"/u],
    ['level equal to the baseline', { factors: [{ path: 'training.learningRate', levels: [0.01, 0.001] }] }, 'factors[0].levels[1]', /equals the baseline/u],
    ['level equal to a default of the baseline', { factors: [{ path: 'training.optimizer', levels: [{ kind: 'adam' }] }] }, 'factors[0].levels[0]', /equals the baseline/u],
    ['repeated level', { factors: [{ path: 'training.learningRate', levels: [0.01, 0.01] }] }, 'factors[0].levels[1]', /repeats variant/u],
    ['two factors that say the same', { factors: [{ path: 'model.dropout', levels: [0] }, { name: 'x', levels: [{ label: 'none', set: { 'model.dropout': 0 } }] }] }, 'factors[1].levels[0]', /repeats variant "model.dropout=0"/u],
    ['two labels of one name', { factors: [{ name: 'x', levels: [{ label: 'a', set: { 'model.dropout': 0 } }, { label: 'a', set: { 'model.dropout': 0.1 } }] }] }, 'factors[0].levels[1]', /second variant named "a"/u],
    ['a variant named baseline', { factors: [{ name: 'x', levels: [{ label: 'baseline', set: { 'model.dropout': 0 } }] }] }, 'factors[0].levels[0]', /second variant named "baseline"/u],
    ['seed as a factor', { factors: [{ path: 'seed', levels: [4] }] }, 'factors[0].path', /list the seeds under/u],
    ['a label as a factor', { factors: [{ path: 'description', levels: ['x'] }] }, 'factors[0].path', /only labels a run/u],
    ['a metric as a factor', { factors: [{ path: 'selection.metric', levels: ['loss'] }] }, 'factors[0].levels[0]', /compared on one metric/u],
    ['invalid config', { factors: [{ path: 'training.batchSize', levels: [32, 0] }] }, 'factors[0].levels[1]', /variant "training.batchSize=0"\): training.batchSize is 0, must be ≥ 1/u],
    ['kind changed by itself', { factors: [{ path: 'training.optimizer.kind', levels: ['sgd'] }] }, 'factors[0].levels[0]', /set "training.optimizer" as a whole/u],
    ['overlapping paths in a level', { factors: [{ name: 'x', levels: [{ label: 'a', set: { model: { kind: 'mlp' }, 'model.dropout': 0 } }] }] }, 'factors[0].levels[0].set.model.dropout', /overlaps with "model"/u],
    ['factor of neither form', { factors: [{ levels: [1] }] }, 'factors[0]', /must be \{ path, levels \} or/u],
    ['unknown key in a factor', { factors: [{ path: 'model.dropout', levels: [0], level: [1] }] }, 'factors[0].level', /did you mean "levels"/u],
    ['negative seed', { seeds: [1, -1] }, 'seeds[1]', /is -1, must be ≥ 0/u],
    ['repeated seed', { seeds: [1, 2, 1] }, 'seeds[2]', /listed twice/u],
    ['no seeds', { seeds: [] }, 'seeds', /at least 1 entry/u],
    ['unknown design', { design: 'latin' }, 'design', /must be one of "one-at-a-time", "grid"/u],
    ['no factors', { factors: [] }, 'factors', /at least 1 entry/u],
    ['bad baseline', { baseline: { ...baseline, seed: -2 } }, 'baseline.seed', /is -2/u],
    ['baseline of the wrong type', { baseline: 3 }, 'baseline', /is 3, must be a config/u],
    ['seeds that change nothing', { baseline: { ...baseline, seeds: { init: 1, order: 1, noise: 1 } } }, 'baseline.seeds', /would repeat one run/u],
    ['a variant whose seeds change nothing', { baseline: { ...baseline, seeds: { init: 1, order: 1 } }, factors: [{ path: 'model.dropout', levels: [0] }] }, 'factors[0].levels[0]', /would repeat one run/u],
    ['too many runs', { design: 'grid', factors: [{ path: 'model.dropout', levels: Array.from({ length: 99 }, (_, index) => index / 1000) }, { path: 'data.noise', levels: Array.from({ length: 99 }, (_, index) => index / 100) }] }, 'factors', /× 3 seeds = 30000 runs, must be at most 10000/u],
    ['too many runs of one seed', { design: 'grid', seeds: [1], factors: [{ path: 'model.dropout', levels: Array.from({ length: 150 }, (_, index) => index / 1000) }, { path: 'data.noise', levels: Array.from({ length: 99 }, (_, index) => index / 100) }] }, 'factors', /× 1 seed = 15100 runs/u],
    ['experiment with a slash', { experiment: 'a/b' }, 'experiment', /slashes/u],
    ['unknown key', { factor: [] }, 'factor', /did you mean "factors"/u],
  ];
  it.each(cases)('%s', (_, changes, path, message) => {
    const problems = problemsOf(study(changes));
    expect(problems).toHaveLength(1);
    expect(problems[0]?.path).toBe(path);
    expect(problems[0]?.message).toMatch(message);
  });

  it('says all at once', () => {
    const problems = problemsOf(study({ seeds: [-1], design: 'x', factors: [{ path: 'seed', levels: [1] }, { path: 'model.dropout', levels: [] }], baseline: { ...baseline, model: { kind: 'rnn' } } }));
    expect(problems.map((problem) => problem.path).sort()).toEqual(['baseline.model.kind', 'design', 'factors[0].path', 'factors[1].levels', 'seeds[0]']);
  });

  it.each([[null], ['text'], [[]], [{}]])('a document that is no study: %j', (input) => {
    expect(problemsOf(input).length).toBeGreaterThan(0);
  });

  it('names the variant of a grid in which two valid levels do not fit together', () => {
    const problems = problemsOf(study({ design: 'grid', factors: [{ path: 'data.split.validation', levels: [0.5] }, { path: 'data.split.test', levels: [0.6] }] }));
    expect(problems[0]?.message).toMatch(/variant "data.split.validation=0.5, data.split.test=0.6"/u);
  });
});
