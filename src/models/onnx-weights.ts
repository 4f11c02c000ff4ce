/** Which initializers of a user's ONNX file are weights, and which of these are trained. */
import type { ModelConfig } from '../config/schema';
import type { Host } from '../onnx/import/call';
import { refusal, type FileNode, type OnnxFile } from '../onnx/import/file';
import type { StoredTensor } from '../onnx/import/tensor-data';
import type { FloatTensor } from '../onnx/types';
import type { Emission } from './emission';
import { normalizeOverBatch } from './norms';
import type { Init } from './types';

type OnnxConfig = Extract<ModelConfig, { kind: 'onnx' }>;

/** What a file's initializers are, by the config. */
interface Roles {
  readonly isWeight: (name: string) => boolean;
  readonly isTrained: (name: string) => boolean;
}

/** Operators of which a single number that they read is a weight: a bias, a gain; in others it is a constant that an exporter left there. */
const TAKE_WEIGHTS = new Set(['Gemm', 'MatMul', 'Conv', 'ConvTranspose', 'Add', 'LSTM', 'PRelu', 'BatchNormalization', 'InstanceNormalization', 'GroupNormalization', 'LayerNormalization']);

/**
 * A weight is a float32 initializer with at least one axis and finite elements (a mask of −∞ is none), and of a single
 * element only where it is a bias or a gain. What a pattern names is one in any case; of a copy the file has the origin.
 * @throws RepriseError ONNX_NAME for a pattern without an initializer, ONNX_NOTHING_TO_TRAIN
 */
function rolesOf({ train, freeze }: OnnxConfig, { initializers, nodes }: OnnxFile): Roles {
  const floats = [...initializers.values()].filter(({ type }) => type === 'float32');
  const [trains, freezes] = [train, freeze].map((patterns) => patterns.map((pattern) => ({ pattern, matches: matcherOf(pattern) })));
  const unknown = [...trains!, ...freezes!].find(({ pattern, matches }) => pattern !== '*' && !floats.some((stored) => matches(inFile(stored))));
  if (unknown !== undefined) {
    const key = trains!.includes(unknown) ? 'train' : 'freeze';
    throw refusal({ code: 'ONNX_NAME', message: `model.${key} names ${JSON.stringify(unknown.pattern)}, but the ONNX file has no such float32 initializer; it has ${listed([...new Set(floats.map(inFile))])}.`, hint: 'Use the names of the file’s initializers, with * for any characters.' });
  }
  const singular = new Set(nodes.filter(({ opType }) => TAKE_WEIGHTS.has(opType)).flatMap(({ inputs }) => inputs));
  const statistics = new Set(nodes.filter(({ opType }) => opType === 'BatchNormalization').flatMap(({ inputs }) => inputs.slice(3)));
  const isNamed = (name: string): boolean => [...trains!, ...freezes!].some(({ pattern, matches }) => pattern !== '*' && matches(name));
  const weights = floats.filter((stored) => {
    const { name, shape, data } = stored;
    return isNamed(inFile(stored)) || (shape.length > 0 && (data.length > 1 || singular.has(name)) && (data as Float32Array).every((value) => Number.isFinite(value)));
  });
  const isMeant = (stored: StoredTensor): boolean => trains!.some(({ matches }) => matches(inFile(stored))) && !freezes!.some(({ matches }) => matches(inFile(stored)));
  const kept = new Set(weights.map(({ name }) => name));
  const trained = new Set(weights.filter((stored) => !statistics.has(stored.name) && isMeant(stored)).map(({ name }) => name));
  if (trained.size === 0) throw refusal({ code: 'ONNX_NOTHING_TO_TRAIN', message: 'Of the ONNX file nothing would be trained: it has no weight that model.train names and model.freeze does not.', hint: 'Let model.train name an initializer, or export the file with its weights (export_params=True).' });
  return { isWeight: (name) => kept.has(name), isTrained: (name) => trained.has(name) };
}

/** What the file calls a tensor. */
function inFile({ name, origin }: StoredTensor): string {
  return origin ?? name;
}

/** Whether a name is as a pattern says: begins and ends as it does, with its other parts between in their order. */
function matcherOf(pattern: string): (name: string) => boolean {
  const [begin = '', ...parts] = pattern.split('*');
  const end = parts.pop();
  if (end === undefined) return (name) => name === pattern;
  return (name) => {
    let at = name.startsWith(begin) ? begin.length : -1;
    // The leftmost place of each part leaves most to those after it.
    for (const part of parts) {
      const found = at < 0 ? -1 : name.indexOf(part, at);
      at = found < 0 ? -1 : found + part.length;
    }
    return at >= 0 && at + end.length <= name.length && name.endsWith(end);
  };
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.length > 6 ? `${names.slice(0, 6).join(', ')}, …` : names.join(', ');
}

/** Names that Reprise's graphs and files give, or that mark a tensor of the optimizer. */
const OWN_NAMES = /^(?:features|labels|steps|batches|exampleWeights|scalars|losses|predictions|ranks|confidences|gradientNorms?|input|logits|probabilities|values|[A-Z]\w*_\d+(?:_\d+)?|constant_\d+|dropout\.\d+|(?:adam|sgd|rmsprop|ema)\b.*)$/u;

/** What the weights of a file are called in a run: as in the file, with dots for slashes, and behind `onnx.` where Reprise uses the name. */
function namesIn({ initializers }: OnnxFile): ReadonlyMap<string, string> {
  const taken = new Set<string>();
  return new Map(
    [...initializers.keys()].map((name) => {
      const plain = name.replaceAll('/', '.');
      return [name, freeName(OWN_NAMES.test(plain) ? `onnx.${plain}` : plain, taken)];
    }),
  );
}

/** The first of NAME, NAME.1, NAME.2, … that nothing has, which is taken from then on. */
function freeName(name: string, taken: Set<string>): string {
  let free = name;
  for (let copy = 1; taken.has(free); copy += 1) free = `${name}.${copy}`;
  taken.add(free);
  return free;
}

/** The side of an emission that a file's nodes see, and the weights that they have asked for, by their names in the file. */
export interface WeightKeeper {
  readonly host: Host;
  readonly used: ReadonlyMap<string, FloatTensor>;
}

/** @throws RepriseError ONNX_NAME, ONNX_NOTHING_TO_TRAIN */
export function keeperOf(emission: Emission, config: OnnxConfig, file: OnnxFile): WeightKeeper {
  const { isWeight, isTrained } = rolesOf(config, file);
  const names = namesIn(file);
  const taken = new Set(names.values());
  const given = new Set<string>();
  // Exporters let norms share statistics that began alike, or even the zeros of a weight; each keeps its own.
  const give = (stored: StoredTensor): string => {
    const own = names.get(stored.name) ?? stored.name;
    const name = given.has(own) ? freeName(own, taken) : own;
    given.add(name);
    return name;
  };
  const initOf = ({ data }: StoredTensor): Init => ({ kind: 'values', values: data as Float32Array });
  const used = new Map<string, FloatTensor>();
  const dropouts = file.nodes.filter(({ opType }) => opType === 'Dropout');
  const host: Host = {
    tape: emission.tape,
    training: emission.training,
    batch: emission.batch,
    isWeight,
    isTrained,
    weight: (stored) => {
      if (!isWeight(stored.name)) return null;
      const keep = isTrained(stored.name) ? 'parameter' : 'buffer';
      const tensor = used.get(stored.name) ?? emission[keep](give(stored), stored.shape, initOf(stored));
      used.set(stored.name, tensor);
      return tensor;
    },
    statistic: (stored) => {
      const name = give(stored);
      return { name, value: emission.buffer(name, stored.shape, initOf(stored)) };
    },
    normalizeBatch: (x, factors, running, attributes) => {
      const { normed, mean, variance } = normalizeOverBatch(emission, x, factors, { mean: running.mean.value, variance: running.variance.value }, attributes);
      emission.update(running.mean.name, mean);
      emission.update(running.variance.name, variance);
      return normed;
    },
    mask: (of: FileNode, width, dropProbability) => emission.mask(`dropout.${dropouts.indexOf(of)}`, width, dropProbability),
  };
  return { host, used };
}
