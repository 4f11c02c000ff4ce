/** The gradient of an embedding: rows summed by number, for tables of any size. */
import type { GraphBuilder } from '../graph';
import { add, and, cast, concat, equal, filled, gather, greater, int64Vector, multiply, pad, reshape, slice, staticShape } from '../primitives';
import { chosenRows, extended, sorted, withRows } from '../primitives/layers';
import { matmul } from '../primitives/products';
import type { FloatTensor, IndexTensor, Tensor } from '../types';

/** Rows whose equality is found all with all. */
const BLOCK = 128;

/**
 * Of `rows` [count, inner], each with its number in 0 … size − 1, the sums of equal numbers → [size, inner]. Work and
 * memory grow with the count alone, where a matrix of ones and zeros has size · count elements; and the order of
 * every sum is fixed, while ScatterND's depends on the threads.
 *
 * Sorted, rows of one number stand side by side. A product with a block's equality matrix sums them within a block, a
 * product over the blocks adds what goes on in later ones, and the first row of each number is written to its place.
 */
export function sumsByNumber(graph: GraphBuilder, rows: FloatTensor, numbers: IndexTensor, size: number): FloatTensor {
  const [count = 0, inner = 0] = staticShape(rows);
  const blocks = Math.ceil(count / BLOCK);
  const filler = blocks * BLOCK - count;
  // Zeros, which change no sum, fill up the last block.
  const [order, places] = sorted(graph, extended(graph, cast(graph, numbers, 'int64'), filler, size - 1));
  const values = reshape(graph, gather(graph, pad(graph, rows, [0, 0], [filler, 0]), places), [blocks, BLOCK, inner]);
  const [across, down] = [reshape(graph, order, [blocks, 1, BLOCK]), reshape(graph, order, [blocks, BLOCK, 1])];
  const within = matmul(graph, asFactor(graph, equal(graph, down, across)), values);
  const totals = blocks === 1 ? within : add(graph, within, carried(graph, within, down, blocks));
  const first = concat(graph, [graph.constant('bool', [1], Uint8Array.of(1)), greater(graph, slice(graph, order, 0, 1, blocks * BLOCK), slice(graph, order, 0, 0, blocks * BLOCK - 1))], 0);
  const distinct = `${order.name}_distinct`;
  const targets = chosenRows(graph, reshape(graph, order, [blocks * BLOCK, 1]), first, distinct);
  return withRows(graph, filled(graph, 0, [size, inner]), targets, chosenRows(graph, reshape(graph, totals, [blocks * BLOCK, inner]), first, distinct));
}

/** What later blocks have of the last number of each block, at its rows. */
function carried(graph: GraphBuilder, within: FloatTensor, order: Tensor<'int64'>, blocks: number): FloatTensor {
  const ends = slice(graph, order, 1, BLOCK - 1, BLOCK);
  const heads = reshape(graph, slice(graph, order, 1, 0, 1), [1, blocks]);
  const ranks = int64Vector(graph, [...Array(blocks).keys()]);
  const later = greater(graph, ranks, reshape(graph, ranks, [blocks, 1]));
  const goesOn = asFactor(graph, and(graph, later, equal(graph, reshape(graph, ends, [blocks, 1]), heads)));
  const inner = staticShape(within)[2] ?? 0;
  const sums = matmul(graph, goesOn, reshape(graph, slice(graph, within, 1, 0, 1), [blocks, inner]));
  return multiply(graph, asFactor(graph, equal(graph, order, ends)), reshape(graph, sums, [blocks, 1, inner]));
}

function asFactor(graph: GraphBuilder, condition: Tensor<'bool'>): FloatTensor {
  return cast(graph, condition, 'float32');
}
