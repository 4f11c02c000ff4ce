/** What the backward passes of layers share. */
import type { GraphBuilder } from '../graph';
import { dimOf } from '../shapes';
import type { FloatTensor } from '../types';
import { sumOver } from './reductions';
import { reshape } from './shaping';

/** Σ over everything but the channels of [N, C, …] → [C]: within each channel of each example, then over the examples. */
export function sumOfChannels(graph: GraphBuilder, input: FloatTensor): FloatTensor {
  const spatial = [...input.shape.keys()].slice(2);
  return reshape(graph, sumOver(graph, sumOver(graph, input, spatial), [0]), [dimOf(input, 1)]);
}
