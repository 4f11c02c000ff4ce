import { describe, expect, it } from 'vitest';
import { describeChanges } from '../../../src/ablation/describe';
import { configFor, expandStudy } from '../../../src/ablation/expand';
import { parseStudy, selfContainedStudy } from '../../../src/ablation/study';
import { suggestLevel } from '../../../src/ablation/suggest';
import { isCommandConfig } from '../../../src/config/command';
import { fieldsOf } from '../../../src/config/fields';
import { fillTask } from '../../../src/config/task';
import { RepriseError } from '../../../src/errors/errors';

const baseline = {
  task: { command: ['python', 'train.py', '--lr', '{lr}', '--opt', '{optimizer.kind}', '--seed', '{seed}'], env: { MODE: 'fast' } },
  params: { lr: 0.1, optimizer: { kind: 'adam' }, 'weight.decay': 0, idle: 1 },
  selection: { metric: 'val_loss' },
};
const study = (changes: object = {}): Record<string, unknown> => ({ experiment: 'torch', baseline, seeds: [1, 2], factors: [{ path: 'params.lr', levels: [0.01, 0.001] }], ...changes });

function problemsOf(input: unknown): string[] {
  try {
    parseStudy(input);
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    return error.problems.map(({ path, message }) => `${path} ${message}`);
  }
  throw new Error('the study was accepted');
}

describe('a study of commands', () => {
  it('varies parameters and the environment', () => {
    const parsed = parseStudy(study({ factors: [{ path: 'params.lr', levels: [0.01] }, { path: 'params.optimizer.kind', levels: ['sgd'] }, { name: 'mode', levels: [{ label: 'slow', set: { 'task.env.MODE': 'slow', 'params.lr': 1 } }] }] }));
    const variants = expandStudy(parsed);
    expect(variants.map(({ name }) => name)).toEqual(['baseline', 'lr=0.01', 'optimizer.kind=sgd', 'slow']);
    expect(variants.map(describeChanges)).toEqual(['as configured', 'lr 0.1 → 0.01', 'optimizer adam → sgd', 'MODE fast → slow; lr 0.1 → 1']);
    const config = configFor(variants[2] ?? { config: parsed.baseline }, 2);
    expect(isCommandConfig(config) ? fillTask(config).command : null).toEqual(['python', 'train.py', '--lr', '0.1', '--opt', 'sgd', '--seed', '2']);
    expect(parseStudy(selfContainedStudy(parsed))).toEqual(parsed);
  });

  it('varies a parameter whose name has dots', () => {
    const task = { ...baseline.task, command: [...baseline.task.command, '{weight.decay}'] };
    const [, variant] = expandStudy(parseStudy(study({ baseline: { ...baseline, task }, factors: [{ path: 'params.weight.decay', levels: [0.5] }] })));
    // The path begins with a key that is there, and goes on with one that has a dot.
    expect(variant?.config).toMatchObject({ params: { 'weight.decay': 0.5 } });
  });

  it.each<[string, object, RegExp]>([
    ['no metric', { baseline: { task: baseline.task, params: baseline.params } }, /^baseline\.selection is missing; a study says by which metric/u],
    ['seeds that nobody is told', { baseline: { ...baseline, task: { command: ['x', '{lr}'] } } }, /^baseline\.task never says its seed to the command, so the 2 seeds would repeat one run; put \{seed\}/u],
    ['a parameter that nothing uses', { factors: [{ path: 'params.idle', levels: [2] }] }, /^factors\[0\] varies "params\.idle", which nothing uses/u],
    ['a parameter that is not there', { factors: [{ path: 'params.lrr', levels: [2] }] }, /^factors\[0\] varies "params\.lrr", which nothing uses/u],
    ['another metric', { factors: [{ path: 'selection.metric', levels: ['acc'] }] }, /changes selection\.metric to "acc"/u],
    ['a key of no task', { factors: [{ path: 'task.environment', levels: ['x'] }] }, /path "task\.environment" is not part of the baseline config/u],
    ['part of a training', { factors: [{ path: 'training.epochs', levels: [2] }] }, /is not part of the baseline config/u],
    ['a template', { baseline: { ...baseline, task: { command: ['x', '{lrr}', '{seed}'] } } }, /^baseline\.task\.command\[1\] asks for \{lrr\}/u],
  ])('refuses %s', (_name, changes, expected) => {
    expect(problemsOf(study(changes)).join('\n')).toMatch(expected);
  });

  it('needs no template where a parameter file is written', () => {
    const task = { command: ['x'], parameterFile: { path: 'p.yaml' } };
    expect(expandStudy(parseStudy(study({ baseline: { ...baseline, task }, factors: [{ path: 'params.idle', levels: [2] }] })))).toHaveLength(2);
  });

  it('suggests a level for a parameter', () => {
    const parsed = parseStudy(study());
    const field = fieldsOf(parsed.baseline).find(({ path }) => path === 'params.lr');
    expect(field === undefined ? null : suggestLevel(field, parsed.baseline)).toBe(0.01);
  });
});
