import { cast, multiply } from '../primitives';
import { formatShape, GraphError, sameShape } from '../shapes';
import type { FloatTensor, Tensor } from '../types';
import { single, type Operator } from './operator';

/** Inverted dropout (Srivastava et al., 2014): x · mask / (1 − p), with a mask of 1 keep and 0 drop, of x's shape, given from outside. */
export const dropout: Operator<readonly [FloatTensor, Tensor<'uint8'>], { readonly dropProbability: number }, readonly [FloatTensor]> = single({
  name: 'dropout',
  shape: ([x, mask], { dropProbability }) => {
    if (!sameShape(x.shape, mask.shape)) throw new GraphError(`dropout cannot take ${formatShape(x.shape)} with mask ${formatShape(mask.shape)}`);
    if (!(dropProbability >= 0 && dropProbability < 1)) throw new GraphError(`dropout probability ${dropProbability} is not in [0, 1)`);
    return x.shape;
  },
  forward: (graph, [x, mask], { dropProbability }) => {
    const scale = multiply(graph, cast(graph, mask, 'float32'), graph.scalar(1 / (1 - dropProbability)));
    return { output: multiply(graph, x, scale), saved: [scale] };
  },
  vjp: (graph, { saved: [scale], gradient }) => [multiply(graph, gradient, scale), null],
});
