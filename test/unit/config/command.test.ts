import { describe, expect, it } from 'vitest';
import { isCommandConfig, type CommandConfig } from '../../../src/config/command';
import { fieldsOf } from '../../../src/config/fields';
import { commandComputeHash, configHash, variantHash } from '../../../src/config/hash';
import { configWarnings, parseConfig } from '../../../src/config/parse';
import { quoteFor } from '../../../src/config/shell';
import { fillTask, seedIsUsed, staysInside } from '../../../src/config/task';
import { namesIn, parameterNames, parameterValue } from '../../../src/config/template';
import { parseYaml } from '../../../src/config/yaml';
import { RepriseError } from '../../../src/errors/errors';

const minimal = { task: { command: ['python', 'train.py', '--lr', '{lr}', '--seed={seed}'] }, params: { lr: 0.001 }, seed: 3 };

function command(input: unknown): CommandConfig {
  const config = parseConfig(input);
  if (!isCommandConfig(config)) throw new Error('it is the config of a training');
  return config;
}

const withTask = (task: object, more: object = {}): object => ({ ...minimal, ...more, task: { ...minimal.task, ...task } });

function problemsOf(input: unknown): string[] {
  try {
    parseConfig(input, 'run.yaml');
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    expect(error.code).toBe('CONFIG_INVALID');
    return error.problems.map(({ path, message }) => `${path} ${message}`);
  }
  throw new Error('the config was accepted');
}

describe('a command config', () => {
  it('is complete after parsing, and parses to itself', () => {
    const config = command(minimal);
    expect(config).toMatchObject({ experiment: 'untitled', executor: { kind: 'local', threads: 1 }, task: { cwd: '.', env: {}, inputs: [], outputs: [], retries: 0, metrics: { output: true, patterns: [] } } });
    expect(parseConfig(config)).toEqual(config);
  });

  it.each<[string, unknown, RegExp]>([
    ['a misspelt parameter', withTask({ command: ['x', '{lrr}', '{seed}'] }), /^task\.command\[1\] asks for \{lrr\}, which is no parameter; did you mean \{lr\}\? A brace that is meant as such is written \{\{$/u],
    ['an unknown one', withTask({ env: { A: '{momentum}' } }), /^task\.env\.A asks for \{momentum\}, which is no parameter; known: seed, lr\?? A brace/u],
    ['a shell variable in braces', withTask({ command: { shell: 'sh', script: 'echo ${HOME}' } }), /^task\.command\.script asks for \{HOME\}, which is no parameter/u],
    ['a line without a shell', withTask({ command: 'python train.py' }), /^task\.command is "python train\.py", must be a list of a program and its arguments or, where a shell is wanted, \{ shell, script \}$/u],
    ['an unknown shell', withTask({ command: { shell: 'fish', script: 'x' } }), /^task\.command\.shell is "fish", must be one of "sh"/u],
    ['a key of the shell line', withTask({ command: { shell: 'sh', scripts: 'x' } }), /^task\.command\.script is missing/u],
    ['a number as argument', withTask({ command: ['x', 3] }), /^task\.command\[1\] is 3, must be a text$/u],
    ['no program', withTask({ command: [] }), /^task\.command is \[\], must have at least 1 entry$/u],
    ['an empty program', withTask({ command: [' '] }), /^task\.command\[0\] is empty/u],
    ['a folder outside', withTask({ cwd: '../other' }), /^task\.cwd is "\.\.\/other", must be a path inside/u],
    ['outputs that a parameter leads outside', withTask({ outputs: ['out/{where}'] }, { params: { lr: 1, where: '../../etc' } }), /^task\.outputs\[0\] is "out\/\.\.\/\.\.\/etc", must be a path inside/u],
    ['a name of the environment', withTask({ env: { 'A-B': 'x' } }), /^task\.env\.A-B is no name of an environment variable/u],
    ['a name of a parameter', { ...minimal, params: { '1x': 1 } }, /^params\.1x is no name of a parameter/u],
    ['a value that JSON lacks', { ...minimal, params: { lr: Number.NaN } }, /^params\.lr is NaN/u],
    ['the seed twice', { ...minimal, params: { lr: 1, seed: 2 } }, /^params\.seed is the seed/u],
    ['a broken pattern', withTask({ metrics: { patterns: [{ pattern: '(', key: 'a' }] } }), /^task\.metrics\.patterns\[0\]\.pattern is no regular expression/u],
    ['a pattern without a value', withTask({ metrics: { patterns: [{ pattern: 'loss', key: 'a' }] } }), /has no group \(\?<value>…\)/u],
    ['a pattern without a name', withTask({ metrics: { patterns: [{ pattern: '(?<value>x)' }] } }), /patterns\[0\] has neither a group/u],
    ['a strange group', withTask({ metrics: { patterns: [{ pattern: '(?<value>x)(?<epoch>y)', key: 'a' }] } }), /has a group named "epoch"/u],
    ['parts of a training', { ...minimal, model: { kind: 'mlp' } }, /^model is an unknown key/u],
    ['a value that cmd cannot be given', withTask({ command: { shell: 'cmd', script: 'train {lr}' } }, { params: { lr: '1 & del x' } }), /cannot be written safely into a line for cmd/u],
  ])('refuses %s', (_name, input, expected) => {
    expect(problemsOf(input)[0]).toMatch(expected);
  });

  it('reads YAML as people write it', () => {
    const config = command(parseYaml('task:\n  command: [python, train.py, --lr, "{lr}"]\n  inputs: [data/x.csv, { path: /big, license: MIT }]\nparams: { lr: 1e-3, deep: true }\nseed: 1\n', 'x'));
    expect(fillTask(config).command).toEqual(['python', 'train.py', '--lr', '0.001']);
    expect(fillTask(config).inputs).toEqual([{ path: 'data/x.csv', license: 'unknown' }, { path: '/big', license: 'MIT' }]);
    expect(configWarnings(config)).toEqual(['params.deep is used by nothing: no {deep} stands in the task, and no parameter file is written.']);
  });

  it('has equal hashes for equal questions', () => {
    const config = command(minimal);
    expect(configHash(command({ ...minimal, description: 'x', experiment: 'y' }))).toBe(configHash(config));
    expect(configHash(command({ ...minimal, seed: 4 }))).not.toBe(configHash(config));
    expect(variantHash(command({ ...minimal, seed: 4 }))).toBe(variantHash(config));
    expect(variantHash(command({ ...minimal, params: { lr: 0.01 } }))).not.toBe(variantHash(config));
    const facts = { code: 'a', inputs: { 'x.csv': 'b' }, environment: null, variables: {}, hardware: { arch: 'x64' } };
    const base = commandComputeHash(config, facts);
    expect(commandComputeHash(command(withTask({ retries: 3, timeLimitSeconds: 9, outputs: ['*.pt'] })), facts)).toBe(base);
    for (const changed of [{ ...facts, code: 'z' }, { ...facts, inputs: {} }, { ...facts, environment: 'e' }, { ...facts, variables: { OMP_NUM_THREADS: '1' } }, { ...facts, hardware: {} }]) expect(commandComputeHash(config, changed)).not.toBe(base);
    for (const other of [{ ...minimal, seed: 4 }, { ...minimal, params: { lr: 1 } }, withTask({ env: { A: '' } }), withTask({ cwd: 'x' })]) expect(commandComputeHash(command(other), facts)).not.toBe(base);
  });

  it('shows its parameters as fields', () => {
    const fields = fieldsOf({ ...minimal, params: { lr: 0.1, deep: true, net: { kind: 'lstm' }, widths: [1] } });
    expect(fields.filter(({ path }) => path.startsWith('params.')).map(({ path, of }) => `${path} ${of.type}`)).toEqual(['params.lr number', 'params.deep boolean', 'params.net.kind text']);
    expect(fields.map(({ path }) => path)).toContain('task.timeLimitSeconds');
  });
});

describe('templates', () => {
  it('leave every other brace alone', () => {
    const config = command(withTask({ command: ['{{lr}', '{"a": {"b": 1}}', '{ x }', '{lr}{seed}', '{net.kind}', '{net}'] }, { params: { lr: 1e-7, net: { kind: 'a b' } } }));
    expect(fillTask(config).command).toEqual(['{lr}', '{"a": {"b": 1}}', '{ x }', '1e-73', 'a b', '{"kind":"a b"}']);
  });

  it('find parameters by their own name first', () => {
    const params = { 'a.b': 1, a: { b: 2, c: { d: 3 } } };
    expect(parameterNames(params)).toEqual(['a.b', 'a', 'a.b', 'a.c', 'a.c.d']);
    expect([parameterValue(params, 'a.b'), parameterValue(params, 'a.c.d'), parameterValue(params, 'a.x'), parameterValue(params, 'toString')]).toEqual([1, 3, undefined, undefined]);
    expect(namesIn('{a} {{b} {a} {c.d}')).toEqual(['a', 'c.d']);
  });

  it('put values into a line for a shell as one word', () => {
    const config = command(withTask({ command: { shell: 'bash', script: 'train {lr} {name} && echo $HOME {seed}' } }, { params: { lr: 0.1, name: "it's $(rm -rf /)" } }));
    expect(fillTask(config).command).toEqual({ shell: 'bash', script: String.raw`train 0.1 'it'\''s $(rm -rf /)' && echo $HOME 3` });
    expect([quoteFor('sh', ''), quoteFor('pwsh', "a'b"), quoteFor('cmd', '%PATH%'), quoteFor('sh', 'a\0b')]).toEqual(["''", "'a''b'", null, null]);
  });

  it('write all parameters and the seed into the file', () => {
    const yaml = command(withTask({ parameterFile: { path: 'p-{seed}.yaml' } }, { params: { lr: 0.1, net: { kind: 'lstm' } } }));
    expect(fillTask(yaml).parameterFile).toEqual({ path: 'p-3.yaml', text: 'lr: 0.1\nnet:\n  kind: lstm\nseed: 3\n' });
    const json = command(withTask({ parameterFile: { path: 'p.json', format: 'json' } }));
    expect(JSON.parse(fillTask(json).parameterFile?.text ?? '')).toEqual({ lr: 0.001, seed: 3 });
    expect(configWarnings(command(withTask({ command: ['x'], parameterFile: { path: 'p.yaml' } })))).toEqual([]);
  });

  it('tell whether the seed is used', () => {
    const used = (task: object): boolean => seedIsUsed(command(withTask(task)));
    expect([used({}), used({ command: ['x', '{lr}'] }), used({ command: ['x'], parameterFile: { path: 'p' } }), used({ command: ['x'], env: { REPRISE_SEED: '{seed}' } }), used({ command: { shell: 'sh', script: 'x $REPRISE_SEED' } })]).toEqual([true, false, true, true, true]);
  });
});

describe('paths', () => {
  it.each([['a/b', true], ['.', true], ['a/../b', true], ['a/../../b', false], ['..', false], ['/a', false], ['C:\\a', false], ['\\a', false], ['a\\..\\..', false]])('%s stays inside: %s', (path, inside) => {
    expect(staysInside(path)).toBe(inside);
  });
});
