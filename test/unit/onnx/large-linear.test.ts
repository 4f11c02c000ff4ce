/** Linear layers so large that bias and weight gradient are computed in other ways than in small ones. */
import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { Tape } from '../../../src/onnx/autodiff';
import { GraphBuilder } from '../../../src/onnx/graph';
import { linear } from '../../../src/onnx/operators/linear';
import { normals } from '../../../src/random/streams';
import { runGraph } from './operator-runs';

/** The narrower factor of the weight gradient is once the input, once the gradient. */
test.each([[700, 300, 290], [700, 290, 300]])('%i rows of %i inputs and %i outputs agree with sums in float64', async (rows, inputs, outputs) => {
  const shapes = { x: [rows, inputs], weight: [outputs, inputs], bias: [outputs], seed: [rows, outputs] } as const;
  const values = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, Float32Array.from(normals(1, 'data', name, shape.reduce<number>((count, size) => count * size, 1)))]));
  const graph = new GraphBuilder('large');
  const declare = (name: keyof typeof shapes) => graph.input(name, 'float32', shapes[name]);
  const [x, weight, bias, seed] = [declare('x'), declare('weight'), declare('bias'), declare('seed')];
  const tape = new Tape(graph);
  const output = tape.apply(linear, [x, weight, bias], undefined);
  const gradients = tape.gradientsFrom([{ output, gradient: seed }], [x, weight, bias]);
  [output, ...gradients].forEach((tensor, index) => graph.output(tensor, `result${index}`));
  const found = await runGraph(graph, Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, new ort.Tensor('float32', values[name]!, [...shape])])));

  const at = (name: keyof typeof shapes, row: number, column: number): number => values[name]![row * (shapes[name][1] ?? 1) + column]!;
  const sum = (count: number, term: (index: number) => number): number => Array.from({ length: count }, (_, index) => term(index)).reduce((total, value) => total + value, 0);
  const expected: readonly ((row: number, column: number) => number)[] = [
    (row, column) => sum(inputs, (index) => at('x', row, index) * at('weight', column, index)) + values['bias']![column]!,
    (row, column) => sum(outputs, (index) => at('seed', row, index) * at('weight', index, column)),
    (row, column) => sum(rows, (index) => at('seed', index, row) * at('x', index, column)),
    (row) => sum(rows, (index) => at('seed', index, row)),
  ];
  expected.forEach((reference, index) => {
    const { data, dims } = found[`result${index}`]!;
    const [count = 1, width = 1] = dims;
    expect(dims).toEqual([[rows, outputs], [rows, inputs], [outputs, inputs], [outputs]][index]);
    for (let row = 0; row < count; row += 37) {
      for (let column = 0; column < width; column += 41) {
        expect(Math.abs((data as Float32Array)[row * width + column]! - reference(row, column))).toBeLessThan(1e-3);
      }
    }
  });
});
