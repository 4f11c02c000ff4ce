/** A user's ONNX file as nodes of a graph under construction. */
import { GraphBuilder } from '../graph';
import { Tape } from '../autodiff';
import type { Dim, Tensor } from '../types';
import { Call, computed, naming, type Converter, type Host, type Surroundings, type Value } from './call';
import { CONSTANTS } from './constants';
import { ELEMENTWISE } from './elementwise';
import { COVERED_HINT, readOnnxFile, refusal, type FileNode, type OnnxFile } from './file';
import { foldsOf } from './folds';
import type { Known } from './known';
import { LAYERS } from './layers';
import { RECURRENT } from './recurrent';
import { SHAPING } from './shaping';
import { withOwnFactors } from './untie';

const CONVERTERS: ReadonlyMap<string, Converter> = new Map([CONSTANTS, ELEMENTWISE, SHAPING, LAYERS, RECURRENT].flatMap((part) => Object.entries(part)));

/** The operators of ONNX that can be trained, in alphabetical order. */
export const COVERED: readonly string[] = [...CONVERTERS.keys()].sort();

/** @throws RepriseError as `readOnnxFile` */
export function readTrainable(bytes: Uint8Array): OnnxFile {
  return withOwnFactors(readOnnxFile(bytes, (opType) => CONVERTERS.has(opType)));
}

/** Whether a file was written for one example, as exporters do that are told of no dynamic axis. */
function isForOne({ input }: OnnxFile): boolean {
  return input.shape[0] === 1;
}

/**
 * Emits the nodes of a file.
 * @param input of the file's type and shape, with the host's batch along its first axis
 * @returns the file's output
 * @throws RepriseError ONNX_NODE, ONNX_SHAPES naming operator and node
 */
export function emitFile(file: OnnxFile, host: Host, input: Tensor): Tensor {
  return emitNodes(file, host, input, isForOne(file) ? roomsOf(file, host, input) : null);
}

function emitNodes(file: OnnxFile, host: Host, input: Tensor, rooms: Surroundings['rooms']): Tensor {
  const values = new Map<string, Value>([[file.input.name, computed(input)]]);
  const folds = foldsOf(file);
  const valueOf = (name: string): Value | undefined => {
    const value = values.get(name);
    const stored = value === undefined ? file.initializers.get(name) : undefined;
    if (stored === undefined) return value;
    const weight = stored.type === 'float32' ? host.weight(stored) : null;
    const made = weight === null ? folds.ofInitializer(stored) : computed(weight);
    values.set(name, made);
    return made;
  };
  // Asks for no weight: a model names its tensors where they are used.
  const knownInputs = ({ inputs }: FileNode): readonly (Known | null)[] | null => {
    const isWeight = (name: string): boolean => !values.has(name) && file.initializers.get(name)?.type === 'float32' && host.isWeight(name);
    const found = inputs.map((name) => (name === '' || isWeight(name) ? null : valueOf(name)));
    return found.every((value, position) => value?.kind === 'known' || inputs[position] === '') ? (found as readonly (Known | null)[]) : null;
  };
  const around: Surroundings = { host, opset: file.opset, input, initializers: file.initializers, rooms, made: new Map(), valueOf };
  for (const node of file.nodes) {
    const call = new Call(node, around);
    const convert = () => CONVERTERS.get(node.opType)?.(call) ?? call.refuse('is not covered');
    const inputs = node.opType === 'Dropout' ? null : knownInputs(node);
    const results = naming(node, () => (inputs === null ? convert() : folds.of(node, inputs, convert)));
    ('kind' in results ? [results] : results).forEach((value, position) => {
      const name = node.outputs[position] ?? '';
      if (name !== '' && value !== null) values.set(name, value);
    });
  }
  const last = file.nodes.at(-1);
  const output = valueOf(file.output);
  if (output === undefined || last === undefined) throw refusal({ code: 'ONNX_NODE', message: `The ONNX file cannot be trained: its output ${file.output} is a result that no covered operator gives.`, hint: COVERED_HINT });
  return output.kind === 'computed' ? output.tensor : new Call(last, around).materialized(output);
}

/** Where the Reshape nodes of a file that was written for one example get their batch: found by emitting it with the batch as a name. */
function roomsOf(file: OnnxFile, host: Host, input: Tensor): Map<FileNode, readonly Dim[]> {
  const rooms = new Map<FileNode, readonly Dim[]>();
  if (typeof host.batch !== 'number') return rooms;
  const graph = new GraphBuilder('rooms');
  const seen = new Map<string, Tensor<'float32'>>();
  const stand = (name: string, shape: readonly Dim[]): Tensor<'float32'> => {
    const known = seen.get(name) ?? graph.input(name, 'float32', shape);
    seen.set(name, known);
    return known;
  };
  const scratch: Host = {
    tape: new Tape(graph),
    training: false,
    batch: 'batch',
    weight: (stored) => (host.isWeight(stored.name) ? stand(`weight/${stored.name}`, stored.shape) : null),
    isWeight: (name) => host.isWeight(name),
    isTrained: () => false,
    statistic: ({ name, shape }) => ({ name, value: stand(`weight/${name}`, shape) }),
    normalizeBatch: () => {
      throw new Error('statistics stay as they are outside training');
    },
    mask: () => {
      throw new Error('nothing is dropped outside training');
    },
  };
  emitNodes(file, scratch, graph.input('input', input.type, input.shape.with(0, 'batch')), rooms);
  return rooms;
}
