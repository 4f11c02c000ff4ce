/** What operators refuse: an attribute or a shape that makes no sense is an error when the graph is built, not when it runs. */
import { expect, test } from 'vitest';
import { Tape } from '../../../src/onnx/autodiff';
import { GraphBuilder } from '../../../src/onnx/graph';
import { elu, logSoftmax, softmax } from '../../../src/onnx/operators/activations';
import { clip, constantPower } from '../../../src/onnx/operators/arithmetic';
import { gather } from '../../../src/onnx/operators/gather';
import type { AnyOperator, Operator } from '../../../src/onnx/operators/operator';
import { cumsum, reduceMean, reduceSum } from '../../../src/onnx/operators/reductions';
import { reshape } from '../../../src/onnx/operators/reshape';
import { concat, expand, pad, slice, split, tile, transpose } from '../../../src/onnx/operators/shaping';
import type { Dim, Tensor } from '../../../src/onnx/types';

interface Refusal {
  readonly operator: AnyOperator;
  readonly shapes: readonly (readonly Dim[])[];
  readonly attributes: unknown;
  readonly message: string;
}

function refusal<Inputs extends readonly Tensor[], Attributes, Saved extends readonly Tensor[]>(operator: Operator<Inputs, Attributes, Saved>, shapes: readonly (readonly Dim[])[], attributes: Attributes, message: string): Refusal {
  return { operator, shapes, attributes, message };
}

const refusals: readonly Refusal[] = [
  refusal(softmax, [[2, 3]], { axis: 2 }, 'has no axis 2'),
  refusal(logSoftmax, [[]], {}, 'has no axis -1'),
  refusal(clip, [[2]], { low: 1, high: 0 }, 'cannot keep x within 1 … 0'),
  refusal(constantPower, [[2]], { exponent: 0 }, 'cannot take the exponent 0'),
  refusal(reduceSum, [[2, 3]], { axes: [], keepDims: true }, 'cannot go over the axes []'),
  refusal(reduceSum, [[2, 3]], { axes: [1, 1], keepDims: true }, 'cannot go over the axes [1, 1]'),
  refusal(reduceMean, [[2, 3]], { axes: [-1], keepDims: false }, 'has no axis -1'),
  refusal(cumsum, [[2, 3]], { axis: 2, exclusive: false, reverse: false }, 'has no axis 2'),
  refusal(reshape, [[2, 3]], { shape: [5] }, 'cannot reshape [2, 3] to [5]'),
  refusal(transpose, [[2, 3]], { permutation: [0, 0] }, 'cannot put the axes of [2, 3] in the order [0, 0]'),
  refusal(transpose, [[2, 3]], { permutation: [1] }, 'in the order [1]'),
  refusal(slice, [[4]], { ranges: [{ axis: 0, start: 1, step: 2, count: 3 }] }, 'cannot take 3 elements from 1 on in steps of 2'),
  refusal(slice, [[4]], { ranges: [{ axis: 0, start: 1, step: -1, count: 3 }] }, 'cannot take 3 elements from 1 on in steps of -1'),
  refusal(slice, [[4]], { ranges: [{ axis: 0, start: 0, step: 1, count: 3 }, { axis: 0, start: 0, step: 1, count: 2 }] }, 'two ranges along one axis'),
  refusal(concat, [[2, 3], [2, 4]], { axis: 0 }, 'cannot join [2, 3], [2, 4] along axis 0'),
  refusal(concat, [], { axis: 0 }, 'needs an input'),
  refusal(split, [[5]], { axis: 0, sizes: [2, 2] }, 'cannot part [5] into [2, 2]'),
  refusal(pad, [[3]], { before: [3], after: [0], mode: 'reflect' }, 'cannot put 3 before and 0 after axis 0 of [3] in mode reflect'),
  refusal(pad, [[3]], { before: [-1], after: [0], mode: 'edge' }, 'in mode edge'),
  refusal(pad, [[3]], { before: [-2], after: [-1], mode: 'constant' }, 'in mode constant'),
  refusal(pad, [[3]], { before: [1, 1], after: [0, 0], mode: 'constant' }, 'cannot take [1, 1] before'),
  refusal(expand, [[3]], { shape: [2] }, 'do not broadcast'),
  refusal(tile, [[3]], { repeats: [0] }, 'cannot repeat axis 0 of [3] 0 times'),
  refusal(tile, [[3]], { repeats: [1, 1] }, 'needs 1 repeats, not 2'),
];

test.each(refusals.map((entry) => [`${entry.operator.name} ${JSON.stringify(entry.attributes)}`, entry] as const))('refuses %s', (_, { operator, shapes, attributes, message }) => {
  const graph = new GraphBuilder('refusals');
  const inputs = shapes.map((shape, position) => graph.input(`x${position}`, 'float32', shape));
  expect(() => new Tape(graph).apply(operator, inputs, attributes)).toThrow(message);
});

test('gather refuses an axis that the tensor lacks', () => {
  const graph = new GraphBuilder('refusals');
  const inputs = [graph.input('x', 'float32', [2, 3]), graph.input('indices', 'int64', [2])] as const;
  expect(() => new Tape(graph).apply(gather, inputs, { axis: 2 })).toThrow('has no axis 2');
});

test('an elementwise operator runs forward on a size that is known only at run time', () => {
  const graph = new GraphBuilder('dynamic');
  expect(new Tape(graph).apply(elu, [graph.input('x', 'float32', ['batch', 3])], { alpha: 1 }).shape).toEqual(['batch', 3]);
});

test('a backward pass that needs sizes refuses those known only at run time', () => {
  const graph = new GraphBuilder('dynamic');
  const x = graph.input('x', 'float32', ['batch', 3]);
  const tape = new Tape(graph);
  const y = tape.apply(reduceMean, [x], { axes: [0], keepDims: false });
  expect(y.shape).toEqual([3]);
  expect(() => tape.gradients(y, [x], graph.constant('float32', [3], Float32Array.of(1, 1, 1)))).toThrow('no static');
});
