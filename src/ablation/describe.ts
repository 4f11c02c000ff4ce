/** Variants in words. */
import { isMapping } from '../config/mapping';
import type { Change } from './paths';

/** Nouns for paths whose last name does not say enough by itself. */
const NOUNS: Readonly<Record<string, string>> = {
  'model.kind': 'model',
  'model.hidden': 'hidden layers',
  'model.channels': 'convolution channels',
  'training.optimizer': 'optimizer',
  'training.schedule': 'schedule',
  'training.schedule.warmupSteps': 'warm-up steps',
  'training.schedule.finalFraction': 'final fraction of the learning rate',
  data: 'data',
  'data.samples': 'samples',
  'data.noise': 'data noise',
  'data.split.validation': 'validation share',
  'data.split.test': 'test share',
  'data.generatorSeed': 'generator seed',
  'seeds.split': 'split seed',
  'seeds.init': 'seed of the initial weights',
  'seeds.order': 'seed of the order',
  'seeds.noise': 'seed of the noise',
  'environment.reprise': 'Reprise',
  'environment.node': 'Node',
  'environment.onnxruntime': 'ONNX Runtime',
  'environment.os': 'system',
  'environment.arch': 'architecture',
  'environment.memoryGb': 'memory',
  'environment.python.version': 'Python',
  'environment.cuda': 'CUDA',
  'environment.gpu.count': 'GPUs',
  'environment.gpu.model': 'GPU model',
  'environment.gpu.memoryGb': 'GPU memory',
  'executor.threads': 'threads',
  'task.cwd': 'folder',
  'task.parameterFile.path': 'parameter file',
  'task.parameterFile.format': 'parameter format',
  'task.outputs': 'outputs',
  'task.metrics.output': 'JSON lines',
  'task.timeLimitSeconds': 'time limit',
  'selection.checkpoint': 'selected checkpoint',
};

/** Parts of which 0 means that there is none. */
const ABSENT_AT_ZERO = new Set(['dropout', 'momentum', 'weightDecay', 'warmupSteps']);

function lastName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

function spaced(name: string): string {
  return name.replaceAll(/([a-z\d])([A-Z])/gu, (_, left: string, right: string) => `${left} ${right.toLowerCase()}`);
}

/** `learning rate` for `training.learningRate`. */
export function nounOf(path: string): string {
  return NOUNS[path] ?? spaced(lastName(path));
}

/** A config value for people: `64, 32`, `sgd (momentum 0.9)`, `none` for an empty list. */
export function valueInWords(value: unknown): string {
  if (value === undefined) return 'not set';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map((entry) => valueInWords(entry)).join(', ');
  if (isMapping(value)) {
    const { kind, ...rest } = value;
    const fields = Object.entries(rest).map(([key, entry]) => `${spaced(key)} ${Array.isArray(entry) && entry.length !== 1 ? `[${valueInWords(entry)}]` : valueInWords(entry)}`).join(', ');
    if (typeof kind !== 'string') return fields;
    return fields === '' ? kind : `${kind} (${fields})`;
  }
  return String(value);
}

function describeChange({ path, from, to }: Change): string {
  const noun = nounOf(path);
  if (isMapping(from) && isMapping(to)) {
    const before = typeof from['kind'] === 'string' ? from['kind'] : valueInWords(from);
    return `${noun} ${before} → ${valueInWords(to)}`;
  }
  if (to === 0 && ABSENT_AT_ZERO.has(lastName(path))) {
    return `no ${noun.replace(/ steps$/u, '')} (${valueInWords(from)} → 0)`;
  }
  return `${noun} ${valueInWords(from)} → ${valueInWords(to)}`;
}

/** `learning rate 0.001 → 0.01; no dropout (0.2 → 0)`; for the baseline `as configured`. */
export function describeChanges(variant: { readonly changes: readonly Change[] }): string {
  return variant.changes.length === 0 ? 'as configured' : variant.changes.map((change) => describeChange(change)).join('; ');
}
