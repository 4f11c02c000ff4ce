/** Scaled dot-product attention (Vaswani et al., 2017) and rotary positions (Su et al., 2021), from registered operators. */
import { portableCos, portablePow, portableSin } from '../random/portable';
import type { Tape } from './autodiff';
import { softmax } from './operators/activations';
import { add, multiply, subtract } from './operators/arithmetic';
import { matmul } from './operators/matmul';
import { concat, split } from './operators/shaping';
import type { GraphBuilder } from './graph';
import { lessOrEqual, where } from './primitives';
import { sizeOf } from './shapes';
import type { FloatTensor } from './types';

/** What is added to a masked score: e to its power is 0 beside any score that can occur. */
export const MASKED = -1e9;

/** Base of the frequencies of rotary and sinusoidal positions, as in both papers. */
const POSITION_BASE = 10_000;

export interface AttentionOptions {
  /** Whether a position sees itself and those before it only. */
  readonly causal: boolean;
  /** Added to the scores [..., length, length], such as `MASKED` where a key is to be seen by none; nothing where left out. */
  readonly hiding?: FloatTensor;
  /** Applied to the attention weights [..., length, length], such as dropout. */
  readonly weights?: (value: FloatTensor) => FloatTensor;
}

/** softmax(q·kᵀ/√size)·v for stacks q, k and v [..., length, size]. */
export function attention(tape: Tape, queries: FloatTensor, keys: FloatTensor, values: FloatTensor, { causal, hiding, weights = (value) => value }: AttentionOptions): FloatTensor {
  const { graph } = tape;
  const rank = queries.shape.length;
  const [length, size] = [sizeOf(queries, rank - 2), sizeOf(queries, rank - 1)];
  // The queries are smaller than the scores wherever a sequence is longer than a head is wide.
  const scaled = tape.apply(multiply, [queries, graph.scalar(1 / Math.sqrt(size))], undefined);
  const scores = tape.apply(matmul, [scaled, keys], { transB: true });
  const masks = [...(causal ? [causalMask(graph, length)] : []), ...(hiding === undefined ? [] : [hiding])];
  const seen = masks.reduce((sum, mask) => tape.apply(add, [sum, mask], undefined), scores);
  return tape.apply(matmul, [weights(tape.apply(softmax, [seen], {})), values], {});
}

/** [length, length]: 0 where a row's position sees a column's. Made of two vectors, so that a long context leaves the file small. */
function causalMask(graph: GraphBuilder, length: number): FloatTensor {
  const numbers = Int32Array.from({ length }, (_, position) => position);
  const visible = lessOrEqual(graph, graph.constant('int32', [1, length], numbers), graph.constant('int32', [length, 1], numbers));
  return where(graph, visible, graph.scalar(0), graph.scalar(MASKED));
}

/**
 * Turns the pairs (x[i], x[i + size/2]) of each position p by the angle p·10000^(−2i/size), for x [..., length, size]
 * with an even size: the order of halves of GPT-NeoX and Llama.
 */
export function rotate(tape: Tape, value: FloatTensor): FloatTensor {
  const axis = value.shape.length - 1;
  const [length, half] = [sizeOf(value, axis - 1), sizeOf(value, axis) / 2];
  const table = (of: (angle: number) => number): FloatTensor => tape.graph.constant('float32', [length, half], Float32Array.from({ length: length * half }, (_, index) => of(angleOf(Math.floor(index / half), index % half, half))));
  const [cosines, sines] = [table(portableCos), table(portableSin)];
  const [first, second] = tape.applyAll(split, [value], { axis, sizes: [half, half] }) as [FloatTensor, FloatTensor];
  const product = (part: FloatTensor, factors: FloatTensor): FloatTensor => tape.apply(multiply, [part, factors], undefined);
  return tape.apply(
    concat,
    [tape.apply(subtract, [product(first, cosines), product(second, sines)], undefined), tape.apply(add, [product(second, cosines), product(first, sines)], undefined)],
    { axis },
  );
}

/** [length, width] with an even width: sin(p·10000^(−2i/width)) in column 2i of row p and its cosine in column 2i + 1 (Vaswani et al., 2017). */
export function sinusoids(length: number, width: number): Float32Array {
  return Float32Array.from({ length: length * width }, (_, index) => {
    const column = index % width;
    const angle = angleOf(Math.floor(index / width), Math.floor(column / 2), width / 2);
    return column % 2 === 0 ? portableSin(angle) : portableCos(angle);
  });
}

/** position · base^(−pair/pairs). */
function angleOf(position: number, pair: number, pairs: number): number {
  return position * portablePow(POSITION_BASE, -pair / pairs);
}
