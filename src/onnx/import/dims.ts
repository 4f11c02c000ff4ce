/** Arithmetic with sizes of which one, the number of examples, may be known by name only. */
import { elementCount, factorsOf, timesDim } from '../shapes';
import type { Dim } from '../types';

/** left · right; null where both are names. */
export function multiplied(left: Dim, right: Dim): Dim | null {
  if (typeof left === 'number') return left === 0 ? 0 : timesDim(right, left);
  return typeof right === 'number' ? multiplied(right, left) : null;
}

/** left / right where the quotient is whole; null where it is not. */
export function divided(left: Dim, right: Dim): Dim | null {
  const [over, under] = [factorsOf([left]), factorsOf([right])];
  const quotient = over.known / under.known;
  if (!Number.isInteger(quotient) || under.open.some((name) => name !== over.open[0])) return null;
  return under.open.length > 0 ? quotient : over.open.length > 0 ? timesDim(over.open[0] ?? 1, quotient) : quotient;
}

/** The product of a shape's sizes; null where two of them are names. */
export function productOf(shape: readonly Dim[]): Dim | null {
  return shape.reduce<Dim | null>((product, dim) => (product === null ? null : multiplied(product, dim)), 1);
}

/** The name in place of a number: `3*batch` of 16 examples is 48. */
export function withBatch(dim: Dim, batch: Dim): Dim {
  const { known, open } = factorsOf([dim]);
  return open.length === 0 ? known : (multiplied(known, batch) ?? dim);
}

/**
 * Where a shape that was written for one example has room for several: `target` with `batch` as a factor of one of its
 * sizes, for elements that lie as those of `input`, a shape with that factor. A size of 1 at the same place in the order
 * of the elements takes it. Where there is none, the batch was merged with its neighbours: with those after it where
 * the shapes have equally many axes ([length, batch, width] → [length, batch · heads, size]), else with those
 * before it ([length, batch, width] → [length · batch, width]). Null where it fits nowhere.
 */
export function withRoomFor(batch: string, input: readonly Dim[], target: readonly number[]): readonly Dim[] | null {
  const axis = input.findIndex((dim) => typeof dim === 'string');
  const [known, inner] = [elementCount(target), elementCount(input.slice(axis + 1))];
  if (axis === -1 || inner === null || known !== factorsOf(input).known) return null;
  const insides = target.map((_, place) => elementCount(target.slice(place + 1)) ?? 1);
  const single = (stride: number): number => target.findIndex((size, place) => size === 1 && insides[place] === stride);
  // In `11*batch` the batch comes before its other factor, or behind it: the name does not tell.
  const stride = inner * factorsOf([input[axis] ?? 1]).known;
  const after = target.findIndex((size, place) => size > 1 && size * (insides[place] ?? 1) === stride);
  const before = target.findIndex((size, place) => size > 1 && insides[place] === stride);
  const merged = target.length >= input.length || before === -1 ? after : before;
  const place = [single(stride), single(inner), merged].find((found) => found !== -1);
  return place === undefined ? null : (target as readonly Dim[]).with(place, timesDim(batch, target[place] ?? 1));
}
