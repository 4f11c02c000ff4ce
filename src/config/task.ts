/** A command's task with its parameters filled in, and what is wrong with the templates it is written in. */
import type { Problem } from '../errors/errors';
import type { CommandConfig, TaskConfig } from './command';
import { nearest, showValue } from './problems';
import { quoteFor, type ShellName } from './shell';
import { fillTemplate, namesIn, parameterNames, parameterText, parameterValue } from './template';
import { formatYaml } from './yaml';

/** The variable of the environment that every command finds its seed in. */
export const SEED_VARIABLE = 'REPRISE_SEED';

type Parameters = Pick<CommandConfig, 'params' | 'seed'>;
type Texts = Parameters & { readonly task: TaskConfig };

interface Place {
  readonly path: string;
  readonly text: string;
  /** Whose line it is part of. */
  readonly shell?: ShellName;
}

/** Every text of a task that is a template. */
function templatesOf(task: TaskConfig): Place[] {
  const command = Array.isArray(task.command)
    ? task.command.map((text, index) => ({ path: `task.command[${index}]`, text }))
    : [{ path: 'task.command.script', text: task.command.script, shell: task.command.shell }];
  return [
    ...command,
    { path: 'task.cwd', text: task.cwd },
    ...Object.entries(task.env).map(([name, text]) => ({ path: `task.env.${name}`, text })),
    ...(task.parameterFile === undefined ? [] : [{ path: 'task.parameterFile.path', text: task.parameterFile.path }]),
    ...task.inputs.map((input, index) => (typeof input === 'string' ? { path: `task.inputs[${index}]`, text: input } : { path: `task.inputs[${index}].path`, text: input.path })),
    ...task.outputs.map((text, index) => ({ path: `task.outputs[${index}]`, text })),
  ];
}

const valueOf = ({ params, seed }: Parameters, name: string): unknown => (name === 'seed' ? seed : parameterValue(params, name));

/** Whether a path, with `/` or `\`, stays in the folder it starts from. */
export function staysInside(path: string): boolean {
  if (/^([A-Za-z]:|[/\\])/u.test(path)) return false;
  let depth = 0;
  for (const part of path.split(/[/\\]/u)) {
    if (part === '..') depth -= 1;
    else if (part !== '' && part !== '.') depth += 1;
    if (depth < 0) return false;
  }
  return true;
}

/** What is wrong with a config's templates, names and patterns, which no schema of single values can tell. */
export function taskProblems(config: Texts): Problem[] {
  const { task, params } = config;
  const problems: Problem[] = [];
  const known = ['seed', ...parameterNames(params)];
  if (Object.hasOwn(params, 'seed')) problems.push({ path: 'params.seed', message: 'is the seed, which every config has as `seed`; leave it out here' });
  for (const { path, text, shell } of templatesOf(task)) {
    for (const name of namesIn(text)) {
      const value = valueOf(config, name);
      if (value === undefined) {
        const guess = nearest(name, known);
        problems.push({ path, message: `asks for {${name}}, which is no parameter; ${guess === null ? `known: ${known.join(', ')}` : `did you mean {${guess}}?`} A brace that is meant as such is written {{` });
      } else if (shell !== undefined && quoteFor(shell, parameterText(value)) === null) {
        problems.push({ path, message: `has {${name}}, whose value ${showValue(value)} cannot be written safely into a line for ${shell}; pass it by an environment variable or a parameter file` });
      }
    }
  }
  if (Array.isArray(task.command) && task.command[0]?.trim() === '') problems.push({ path: 'task.command[0]', message: 'is empty, must be the program' });
  for (const [index, { pattern, key }] of task.metrics.patterns.entries()) problems.push(...patternProblems(pattern, key, `task.metrics.patterns[${index}]`));
  // Paths are judged as they will be: a parameter may lead out of the folder.
  if (problems.length > 0) return problems;
  const filled = fillTask(config);
  const inside: Place[] = [
    { path: 'task.cwd', text: filled.cwd },
    ...(filled.parameterFile === null ? [] : [{ path: 'task.parameterFile.path', text: filled.parameterFile.path }]),
    ...filled.outputs.map((text, index) => ({ path: `task.outputs[${index}]`, text })),
  ];
  for (const { path, text } of inside) {
    if (!staysInside(text)) problems.push({ path, message: `is ${showValue(text)}, must be a path inside the folder of the config: the command runs in a copy of it` });
  }
  return problems;
}

function patternProblems(pattern: string, key: string | undefined, path: string): Problem[] {
  let groups: ReadonlySet<string>;
  try {
    // An alternative that matches nothing gives the names of all groups.
    groups = new Set(Object.keys(new RegExp(`${pattern}|`, 'u').exec('')?.groups ?? {}));
  } catch (error) {
    return [{ path: `${path}.pattern`, message: `is no regular expression: ${error instanceof Error ? error.message.replace(/^Invalid regular expression: /u, '') : 'it cannot be read'}` }];
  }
  const strange = [...groups].find((name) => !['value', 'key', 'step'].includes(name));
  if (strange !== undefined) return [{ path: `${path}.pattern`, message: `has a group named ${showValue(strange)}; groups are named value, key and step` }];
  if (!groups.has('value')) return [{ path: `${path}.pattern`, message: 'has no group (?<value>…), which says where the number stands' }];
  if (!groups.has('key') && key === undefined) return [{ path: `${path}`, message: 'has neither a group (?<key>…) nor a `key`, so the metric has no name' }];
  return [];
}

/** Parameters that nothing uses: to vary one changes nothing. Empty where all of them are written into a file. */
export function unusedParameters({ task, params }: Pick<CommandConfig, 'task' | 'params'>): string[] {
  if (task.parameterFile !== undefined) return [];
  const used = templatesOf(task).flatMap(({ text }) => namesIn(text));
  return Object.keys(params).filter((name) => !used.some((other) => other === name || other.startsWith(`${name}.`)));
}

/**
 * Whether a command is told its seed in a way that its config shows: by `{seed}`, by the parameter file, or by the name of
 * REPRISE_SEED in its command or environment. That variable is always set, but nobody knows whether a program reads it.
 */
export function seedIsUsed({ task }: Pick<CommandConfig, 'task'>): boolean {
  if (task.parameterFile !== undefined || Object.hasOwn(task.env, SEED_VARIABLE)) return true;
  return templatesOf(task).some(({ text }) => namesIn(text).includes('seed') || text.includes(SEED_VARIABLE));
}

/** A task as it is carried out. Paths are relative to the folder of the config. */
export interface FilledTask {
  readonly command: readonly string[] | { readonly shell: ShellName; readonly script: string };
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly parameterFile: { readonly path: string; readonly text: string } | null;
  readonly inputs: readonly { readonly path: string; readonly license: string }[];
  readonly outputs: readonly string[];
}

/** The task of a checked config with parameters and seed in their places. In a line for a shell each value is one word, quoted where it must be. */
export function fillTask(config: Texts): FilledTask {
  const { task, params, seed } = config;
  const fill = (text: string): string => fillTemplate(text, (name) => parameterText(valueOf(config, name)));
  const values = { ...params, seed };
  return {
    command: Array.isArray(task.command) ? task.command.map(fill) : { shell: task.command.shell, script: fillScript(task.command, config) },
    cwd: fill(task.cwd),
    env: Object.fromEntries(Object.entries(task.env).map(([name, text]) => [name, fill(text)])),
    parameterFile: task.parameterFile === undefined ? null : { path: fill(task.parameterFile.path), text: task.parameterFile.format === 'json' ? `${JSON.stringify(values, null, 2)}\n` : formatYaml(values) },
    inputs: task.inputs.map((input) => (typeof input === 'string' ? { path: fill(input), license: 'unknown' } : { ...input, path: fill(input.path) })),
    outputs: task.outputs.map(fill),
  };
}

function fillScript({ shell, script }: { readonly shell: ShellName; readonly script: string }, config: Parameters): string {
  return fillTemplate(script, (name) => {
    const word = quoteFor(shell, parameterText(valueOf(config, name)));
    if (word === null) throw new TypeError(`{${name}} has a value that ${shell} cannot be given; the config was not checked`);
    return word;
  });
}
