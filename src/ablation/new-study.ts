/** Texts that a new study starts from. */
import { sameValue } from '../config/diff';
import { inlineYaml } from '../config/edit-yaml';
import { fieldsOf } from '../config/fields';
import { formatYaml, parseYaml } from '../config/yaml';
import { isMapping } from '../config/mapping';

/** A small complete study that trains in seconds. */
export const NEW_STUDY = `# What does each ingredient contribute? A baseline, what is varied, and over which seeds.
experiment: my-ablation

baseline:
  model: { kind: mlp, hidden: [32], dropout: 0.1 }
  training:
    learningRate: 0.01
    batchSize: 32
    epochs: 10
    optimizer: { kind: adam }
  # Two interleaving half circles, made from a seed: needs no file.
  data: { kind: two-moons, samples: 1000, noise: 0.2 }
  # The metric that is compared and the checkpoint it is taken at, declared before anything runs.
  selection: { metric: accuracy, checkpoint: last }

# Each factor is varied by itself; \`grid\` combines them all.
design: one-at-a-time
seeds: [0, 1, 2, 3, 4]

factors:
  - path: model.dropout
    levels: [0]
`;

/**
 * A study around a single config, whose text becomes the baseline with its comments; anything else comes back as it is.
 * Nothing is varied yet.
 */
export function studyAround(text: string): string {
  let value: unknown;
  try {
    value = parseYaml(text, 'config');
  } catch {
    return text;
  }
  if (!isMapping(value) || Object.hasOwn(value, 'baseline') || !(Object.hasOwn(value, 'model') || Object.hasOwn(value, 'task'))) return text;
  const { experiment, seed } = value;
  const body = text.replace(/^---[^\n]*\n/u, '').trimEnd().split('\n').map((line) => (line.trim() === '' ? '' : `  ${line}`)).join('\n');
  return [
    formatYaml({ experiment: typeof experiment === 'string' ? experiment : 'my-ablation' }).trimEnd(),
    '',
    'baseline:',
    body,
    '',
    'design: one-at-a-time',
    `seeds: [${typeof seed === 'number' ? seed : 0}]`,
    '',
    '# What is varied: set by the button beside each value.',
    'factors: []',
    '',
  ].join('\n');
}

/** Parts up to this length stand on one line. */
const LINE = 88;

/** A mapping as people write one: short parts on a line, long ones as blocks. */
function laidOut(value: Readonly<Record<string, unknown>>, indent: string): string {
  return Object.entries(value).map(([key, entry]) => {
    const line = `${indent}${inlineYaml(key)}: ${inlineYaml(entry)}`;
    if (isMapping(entry) && Object.keys(entry).length > 0 && (line.length > LINE || key === 'baseline' || key === 'training')) return `${indent}${inlineYaml(key)}:\n${laidOut(entry, `${indent}  `)}`;
    if (!Array.isArray(entry) || entry.length === 0 || !entry.every(isMapping)) return line;
    const items = entry.map((item) => `${indent}  - ${laidOut(item, `${indent}    `).trimStart()}`);
    return `${indent}${inlineYaml(key)}:\n${items.join('\n')}`;
  }).join('\n');
}

/** Entries of a config that its defaults do not say already. */
function without(config: Readonly<Record<string, unknown>>, defaults: ReadonlySet<string>, prefix: string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, entry]): [string, unknown][] => {
      const path = `${prefix}${key}`;
      if (defaults.has(path)) return [];
      if (!isMapping(entry)) return [[key, entry]];
      const rest = without(entry, defaults, `${path}.`);
      return Object.keys(rest).length === 0 ? [] : [[key, rest]];
    }),
  );
}

/**
 * The text of a study that was started, to be edited again: what its baseline owes to defaults, or to the study (name,
 * seed), is left out. Parses to the same study.
 * @throws RepriseError YAML_INVALID
 */
export function compactStudy(text: string): string {
  const study = parseYaml(text, 'study');
  if (!isMapping(study) || !isMapping(study['baseline'])) return text;
  const { baseline } = study;
  const isDefault = fieldsOf(baseline).filter(({ of, value, fallback }) => of.type !== 'kind' && value !== undefined && sameValue(value, fallback));
  const defaults = new Set([...isDefault.map(({ path }) => path), 'experiment', 'seed', 'executor.kind']);
  const { experiment, description, design, seeds, factors } = study;
  const parts = [{ experiment, ...(description === undefined ? {} : { description }) }, { baseline: without(baseline, defaults, '') }, { design, seeds }, { factors }];
  return `${parts.map((part) => laidOut(part, '')).join('\n\n')}\n`;
}
