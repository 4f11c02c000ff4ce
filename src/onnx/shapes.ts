import type { Dim, Tensor } from './types';

/** A mistake in building a graph: a defect of Reprise, never of a user's input. */
export class GraphError extends Error {
  override readonly name = 'GraphError';
}

/** `[64, batch]`, for messages. */
export function formatShape(shape: readonly Dim[]): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(left: readonly Dim[], right: readonly Dim[]): boolean {
  return left.length === right.length && left.every((dim, axis) => dim === right[axis]);
}

/**
 * The shape of one dimension.
 * @throws GraphError when the tensor has no such axis.
 */
export function dimOf(tensor: Tensor, axis: number): Dim {
  const dim = tensor.shape[axis];
  if (dim === undefined) throw new GraphError(`${tensor.name} ${formatShape(tensor.shape)} has no axis ${axis}`);
  return dim;
}

/**
 * The size of one dimension.
 * @throws GraphError when it is known only at run time: backward passes are built for static shapes.
 */
export function sizeOf(tensor: Tensor, axis: number): number {
  const dim = dimOf(tensor, axis);
  if (typeof dim !== 'number') throw new GraphError(`${tensor.name} ${formatShape(tensor.shape)} has no static size on axis ${axis}`);
  return dim;
}

/** So many times a dimension: `rows` of 128 tokens for each of `batch` examples are `128*batch`. */
export function timesDim(dim: Dim, factor: number): Dim {
  if (typeof dim === 'number') return dim * factor;
  const { known, open } = factorsOf([dim]);
  return known * factor === 1 ? (open[0] ?? 1) : `${known * factor}*${open[0] ?? ''}`;
}

/** The product of what is known of a shape, and the names of what is not, in order. */
export function factorsOf(shape: readonly Dim[]): { readonly known: number; readonly open: readonly string[] } {
  let known = 1;
  const open: string[] = [];
  for (const dim of shape) {
    const [factor, name] = typeof dim === 'number' ? [dim, null] : splitName(dim);
    known *= factor;
    if (name !== null) open.push(name);
  }
  return { known, open };
}

function splitName(dim: string): readonly [number, string] {
  const star = dim.indexOf('*');
  return star === -1 ? [1, dim] : [Number(dim.slice(0, star)), dim.slice(star + 1)];
}

/** The product of all dimensions, or null where one is known only at run time. */
export function elementCount(shape: readonly Dim[]): number | null {
  let count = 1;
  for (const dim of shape) {
    if (typeof dim !== 'number') return null;
    count *= dim;
  }
  return count;
}

/** ONNX (NumPy) broadcasting of two shapes. */
export function broadcastShapes(left: readonly Dim[], right: readonly Dim[]): readonly Dim[] {
  const rank = Math.max(left.length, right.length);
  const shape: Dim[] = [];
  for (let axis = 0; axis < rank; axis += 1) {
    const a = left[axis - rank + left.length] ?? 1;
    const b = right[axis - rank + right.length] ?? 1;
    if (a === b || b === 1) shape.push(a);
    else if (a === 1) shape.push(b);
    else throw new GraphError(`shapes ${formatShape(left)} and ${formatShape(right)} do not broadcast`);
  }
  return shape;
}
