import { gemm, ones, reshape } from '../primitives';
import { dimOf, formatShape, GraphError, sizeOf } from '../shapes';
import type { FloatTensor } from '../types';
import { single, type Operator } from './operator';

/** x·Wᵀ + b for x [batch, in], W [out, in], b [out] (PyTorch's layout): one Gemm forward, one for each gradient. */
export const linear: Operator<readonly [FloatTensor, FloatTensor, FloatTensor], undefined> = single({
  name: 'linear',
  shape: ([x, weight, bias]) => {
    if (x.shape.length !== 2 || dimOf(x, 1) !== dimOf(weight, 1) || dimOf(weight, 0) !== dimOf(bias, 0)) {
      throw new GraphError(`linear cannot take ${[x, weight, bias].map((tensor) => formatShape(tensor.shape)).join(', ')}`);
    }
    return [dimOf(x, 0), dimOf(weight, 0)];
  },
  forward: (graph, [x, weight, bias]) => ({ output: gemm(graph, x, weight, { transB: true, addend: bias }), saved: [] }),
  vjp: (graph, { inputs: [x, weight, bias], gradient, needs }) => [
    needs[0] === true ? gemm(graph, gradient, weight) : null,
    needs[1] === true ? gemm(graph, gradient, x, { transA: true }) : null,
    needs[2] === true ? reshape(graph, gemm(graph, ones(graph, 1, sizeOf(gradient, 0)), gradient), bias.shape) : null,
  ],
});
