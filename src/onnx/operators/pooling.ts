import { maxPool2x2, maxUnpool2x2, staticShape } from '../primitives';
import { dimOf, sizeOf } from '../shapes';
import type { FloatTensor, Tensor } from '../types';
import { single, type Operator } from './operator';

/** 2×2 max-pooling with stride 2: [batch, C, H, W] → [batch, C, ⌊H/2⌋, ⌊W/2⌋]. On ties the first element takes the gradient. */
export const maxPool: Operator<readonly [FloatTensor], undefined, readonly [Tensor<'int64'>]> = single({
  name: 'maxPool',
  shape: ([x]) => [dimOf(x, 0), dimOf(x, 1), Math.floor(sizeOf(x, 2) / 2), Math.floor(sizeOf(x, 3) / 2)],
  forward: (graph, [x]) => {
    const [output, positions] = maxPool2x2(graph, x);
    return { output, saved: [positions] };
  },
  vjp: (graph, { inputs: [x], saved: [positions], gradient }) => [maxUnpool2x2(graph, gradient, positions, staticShape(x))],
});
