import { reshape as emitReshape } from '../primitives';
import type { Dim, FloatTensor } from '../types';
import { single, type Operator } from './operator';

/** The same elements in another shape. */
export const reshape: Operator<readonly [FloatTensor], { readonly shape: readonly Dim[] }> = single({
  name: 'reshape',
  shape: (_, { shape }) => shape,
  forward: (graph, [x], { shape }) => ({ output: emitReshape(graph, x, shape), saved: [] }),
  vjp: (graph, { inputs: [x], gradient }) => [emitReshape(graph, gradient, x.shape)],
});
