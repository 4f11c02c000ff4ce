/** Operators in ONNX Runtime: the results and gradients of many samples from one session. */
import * as ort from 'onnxruntime-node';
import { Tape } from '../../../src/onnx/autodiff';
import { GraphBuilder } from '../../../src/onnx/graph';
import type { AnyOperator } from '../../../src/onnx/operators/operator';
import { multiply } from '../../../src/onnx/primitives';
import { formatShape, sameShape } from '../../../src/onnx/shapes';
import type { Dim, FloatTensor, Tensor } from '../../../src/onnx/types';
import { normals } from '../../../src/random/streams';
import { references, results, type Reference, type Sample, type Value } from './references/index';

/** Random shapes on which every operator is judged. */
export const SAMPLES = 24;
/**
 * Allowed error of a float32 result, relative to the largest element of its tensor (at least 1). Sums here
 * have at most 75 terms, so rounding gives some 1e-6; central differences are good to about 1e-9.
 */
export const TOLERANCE = 1e-5;

/** One sample with what is asked of it. */
export interface Question {
  readonly sample: Sample;
  /** The gradient of a loss in each result, flattened; null in a result that the loss does not depend on. */
  readonly seeds: readonly (Float64Array | null)[];
  /** The positions of the inputs whose gradients are wanted. */
  readonly wanted: readonly number[];
}

export interface Answer {
  readonly outputs: readonly ort.Tensor[];
  /** One for each wanted input, in that order. */
  readonly gradients: readonly ort.Tensor[];
}

export function toOrt({ type, shape, data }: Value): ort.Tensor {
  const dims = [...shape];
  switch (type) {
    case 'float32':
      return new ort.Tensor(type, Float32Array.from(data), dims);
    case 'uint8':
    case 'bool':
      return new ort.Tensor(type, Uint8Array.from(data), dims);
    case 'int32':
      return new ort.Tensor(type, Int32Array.from(data), dims);
    case 'int64':
      return new ort.Tensor(type, BigInt64Array.from(data, (item) => BigInt(item)), dims);
  }
}

export async function runGraph(graph: GraphBuilder, feeds: Record<string, ort.Tensor>): Promise<ort.InferenceSession.ReturnType> {
  const session = await ort.InferenceSession.create(graph.encode({ description: 'operator check' }), { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const found = await session.run(feeds);
  await session.release();
  return found;
}

/** The positions of a sample's inputs that have a gradient. */
export function differentiable({ inputs }: Sample): readonly number[] {
  return inputs.flatMap((value, position) => (value.differentiable ? [position] : []));
}

/** Random seeds for the results of a sample; equal numbers give equal seeds. */
export function seedsOf(name: string, number: number, reference: Reference, { inputs, attributes }: Sample): readonly Float64Array[] {
  return results(reference, inputs, attributes).map((values, result) => normals(0, 'data', `${name}/${number}/seed${result}`, values.length).map(Math.fround));
}

/** Puts all questions into one graph side by side and runs it once. */
export async function answer(operator: AnyOperator, questions: readonly Question[]): Promise<readonly Answer[]> {
  const graph = new GraphBuilder('check');
  const feeds: Record<string, ort.Tensor> = {};
  const names = questions.map(({ sample, seeds, wanted }, index) => {
    const declare = (name: string, value: Value): Tensor => {
      feeds[name] = toOrt(value);
      return graph.input(name, value.type, value.shape);
    };
    const inputs = sample.inputs.map((value, position) => declare(`${index}/input${position}`, value));
    // A tape for each: the questions are independent.
    const tape = new Tape(graph, [operator]);
    const outputs = tape.applyAll(operator, inputs, sample.attributes);
    const given = outputs.flatMap((output, result) => {
      const data = seeds[result];
      if (data === null || data === undefined) return [];
      const seed = declare(`${index}/seed${result}`, { type: 'float32', shape: output.shape as number[], data, differentiable: false });
      return [{ output, gradient: seed as FloatTensor }];
    });
    const gradients = tape.gradientsFrom(given, wanted.map((position) => inputs[position] as FloatTensor));
    const publish = (kind: string) => (tensor: Tensor, position: number) => {
      const name = `${index}/${kind}${position}`;
      graph.output(tensor, name);
      return { name, shape: tensor.shape };
    };
    return { outputs: outputs.map(publish('output')), gradients: gradients.map(publish('gradient')) };
  });
  const found = await runGraph(graph, feeds);
  // ONNX Runtime only warns where a result has another shape than was declared.
  const take = ({ name, shape }: { readonly name: string; readonly shape: readonly Dim[] }): ort.Tensor => {
    const tensor = found[name]!;
    if (!sameShape(tensor.dims, shape)) throw new Error(`${operator.name}: ${name} is ${formatShape(tensor.dims)} where ${formatShape(shape)} was declared`);
    return tensor;
  };
  return names.map(({ outputs, gradients }) => ({ outputs: outputs.map(take), gradients: gradients.map(take) }));
}

/** The largest deviation of `found` from `expected`, relative to the largest expected element (at least 1); Infinity for a wrong length or NaN. */
export function deviation(found: ArrayLike<number>, expected: Float64Array): number {
  if (found.length !== expected.length) return Infinity;
  const scale = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
  let worst = 0;
  for (let index = 0; index < expected.length; index += 1) {
    const difference = Math.abs(found[index]! - expected[index]!) / scale;
    if (!(difference <= worst)) worst = Number.isNaN(difference) ? Infinity : difference;
  }
  return worst;
}

export function referenceOf(operator: AnyOperator): Reference {
  const reference = references[operator.name];
  if (reference === undefined) throw new Error(`operator ${operator.name} has no reference in test/unit/onnx/references`);
  return reference;
}

/** The operator with its gradient in one input off by a tenth of a percent. */
export function plantError(operator: AnyOperator, input: number): AnyOperator {
  return {
    name: operator.name,
    shapes: (inputs, attributes) => operator.shapes(inputs, attributes),
    forward: (graph, inputs, attributes) => operator.forward(graph, inputs, attributes),
    vjp: (graph, call) =>
      operator.vjp(graph, call).map((gradient, position) => (gradient === null || position !== input ? gradient : multiply(graph, gradient, graph.scalar(1.001)))),
  };
}
