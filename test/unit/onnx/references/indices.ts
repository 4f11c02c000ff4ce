/** Walking over tensors by their indices. */

/** Central differences walk over the same shapes thousands of times. */
const known = new Map<string, readonly (readonly number[])[]>();

/** All indices of a tensor of this shape, in order. */
export function indicesOf(shape: readonly number[]): readonly (readonly number[])[] {
  const key = shape.join();
  let indices = known.get(key);
  if (indices === undefined) known.set(key, (indices = enumerate(shape)));
  return indices;
}

function enumerate(shape: readonly number[]): readonly (readonly number[])[] {
  return shape.reduce<readonly (readonly number[])[]>((leading, size) => leading.flatMap((index) => Array.from({ length: size }, (_, at) => [...index, at])), [[]]);
}

/** The place of an element in the flattened tensor; null where the index lies outside. */
export function offsetOf(shape: readonly number[], index: readonly number[]): number | null {
  let offset = 0;
  for (let axis = 0; axis < shape.length; axis += 1) {
    const at = index[axis]!;
    if (at < 0 || at >= shape[axis]!) return null;
    offset = offset * shape[axis]! + at;
  }
  return offset;
}

/** The shape two shapes broadcast to. */
export function broadcast(left: readonly number[], right: readonly number[]): readonly number[] {
  const rank = Math.max(left.length, right.length);
  return Array.from({ length: rank }, (_, axis) => Math.max(left[axis - rank + left.length] ?? 1, right[axis - rank + right.length] ?? 1));
}

/** The element of a tensor of `shape` that stands at `index` after broadcasting. */
export function offsetWithin(shape: readonly number[], index: readonly number[]): number {
  return offsetOf(shape, shape.map((size, axis) => (size === 1 ? 0 : index[index.length - shape.length + axis]!)))!;
}
