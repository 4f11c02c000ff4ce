/** Texts that a new study starts from. */
import { formatYaml, parseYaml } from '../config/yaml';
import { isMapping } from './paths';

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
  if (!isMapping(value) || Object.hasOwn(value, 'baseline') || !Object.hasOwn(value, 'model')) return text;
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
