/** Values that are known while a graph is built: constants, and what an exporter computes of shapes. */
import { broadcastShapes, elementCount, GraphError } from '../shapes';
import type { Dim } from '../types';
import { divided, multiplied } from './dims';
import type { StoredTensor, StoredType } from './tensor-data';

export interface Known {
  readonly kind: 'known';
  readonly type: StoredType;
  readonly shape: readonly Dim[];
  /** Row by row; a single one stands for all. Sizes may be names, a bool is 0 or 1. */
  readonly values: readonly Dim[];
}

export function known(type: StoredType, shape: readonly Dim[], values: readonly Dim[]): Known {
  return { kind: 'known', type, shape, values };
}

export function knownOf({ type, shape, data }: StoredTensor): Known {
  return known(type, shape, Array.from(data as ArrayLike<number | bigint>, Number));
}

/** A shape as a value. */
export function knownShape(shape: readonly Dim[]): Known {
  return known('int64', [shape.length], shape);
}

/** Elements that are written out at most. Masks are the square of a text's length; a few bytes of a file can ask for any number. */
const MOST_ELEMENTS = 2 ** 24;

/** A number of elements that are to be written out. Throws GraphError for one that is none, or too many. */
export function writable(count: number): number {
  if (!(count <= MOST_ELEMENTS)) throw new GraphError(`${count} elements are computed before there are data, at most ${MOST_ELEMENTS}`);
  return count;
}

/** All elements, each written out. Throws GraphError where their number is not known, or too large. */
export function elementsOf({ shape, values }: Known): readonly Dim[] {
  const count = elementCount(shape);
  if (count === null) throw new GraphError('the number of elements depends on the number of examples');
  return values.length === count ? values : Array.from({ length: writable(count) }, () => values[0] ?? 0);
}

/** The number that is there alone; null where there are several, or a name. */
export function scalarOf({ shape, values }: Known): number | null {
  const [value] = values;
  return elementCount(shape) === 1 && typeof value === 'number' ? value : null;
}

export function isZero({ values }: Known): boolean {
  return values.every((value) => value === 0);
}

/** A result of arithmetic as its type holds it. */
export function rounded(type: StoredType, value: number): number {
  if (type === 'float32') return Math.fround(value);
  return type === 'float64' ? value : Math.trunc(value);
}

/** Tells the element of an operand that broadcasts to the element at a position of a shape. */
export type ElementReader = (position: number) => Dim;

/** Throws GraphError where the number of elements of the operand is not known. */
export function elementReader(operand: Known, to: readonly Dim[]): ElementReader {
  const [first = 0] = operand.values;
  if (operand.values.length === 1) return () => first;
  const elements = elementsOf(operand);
  if (elementCount(to) === elements.length) return (position) => elements[position] ?? 0;
  const positions = broadcastPositions(operand.shape as readonly number[], to as readonly number[]);
  return (position) => elements[positions[position] ?? 0] ?? 0;
}

function broadcastPositions(from: readonly number[], to: readonly number[]): number[] {
  writable(elementCount(to) ?? 0);
  const missing = to.length - from.length;
  let positions = [0];
  to.forEach((size, axis) => {
    const own = axis < missing ? 1 : (from[axis - missing] ?? 1);
    positions = positions.flatMap((position) => Array.from({ length: size }, (_, index) => position * own + (own === 1 ? 0 : index)));
  });
  return positions;
}

/** An element of the result from one of each operand; null where it cannot be known. */
type Combine = (left: Dim, right: Dim) => Dim | null;

/** Element by element, with broadcasting; null where an element cannot be known. */
export function combined(left: Known, right: Known, type: StoredType, combine: Combine): Known | null {
  const shape = broadcastShapes(left.shape, right.shape);
  const computed = (a: Dim, b: Dim): Dim | null => {
    const value = combine(a, b);
    return typeof value === 'number' ? rounded(type, value) : value;
  };
  if (left.values.length === 1 && right.values.length === 1) {
    const value = computed(left.values[0] ?? 0, right.values[0] ?? 0);
    return value === null ? null : known(type, shape, [value]);
  }
  const count = elementCount(shape);
  if (count === null) return null;
  const [a, b] = [elementReader(left, shape), elementReader(right, shape)];
  const values = Array.from({ length: writable(count) }, (_, position) => computed(a(position), b(position)));
  return values.includes(null) ? null : known(type, shape, values as readonly Dim[]);
}

/** Of two numbers by a formula; names only where `ofNames` knows what becomes of them. */
function numeric(formula: (left: number, right: number) => number, ofNames: Combine = () => null): Combine {
  return (left, right) => (typeof left === 'number' && typeof right === 'number' ? formula(left, right) : ofNames(left, right));
}

/** A name stands for a number above 1 that is not known: sure is only that it equals itself. */
const sameName: Combine = (left, right) => (left === right ? 1 : typeof left === typeof right ? null : 0);

export const ARITHMETIC: Readonly<Record<string, Combine>> = {
  Add: numeric((left, right) => left + right, (left, right) => (left === 0 ? right : right === 0 ? left : null)),
  Sub: numeric((left, right) => left - right, (left, right) => (right === 0 ? left : left === right ? 0 : null)),
  Mul: numeric((left, right) => left * right, multiplied),
  Div: numeric((left, right) => left / right, divided),
  Mod: numeric((left, right) => left - Math.floor(left / right) * right),
  Max: numeric(Math.max, (left, right) => (left === right || right === 0 || right === 1 || right === -1 ? left : left === 0 || left === 1 || left === -1 ? right : null)),
  Min: numeric(Math.min, (left, right) => (left === right ? left : null)),
};

export const COMPARISONS: Readonly<Record<string, Combine>> = {
  Equal: numeric((left, right) => Number(left === right), sameName),
  Greater: numeric((left, right) => Number(left > right)),
  GreaterOrEqual: numeric((left, right) => Number(left >= right)),
  Less: numeric((left, right) => Number(left < right)),
  LessOrEqual: numeric((left, right) => Number(left <= right)),
  And: numeric((left, right) => left & right),
  Or: numeric((left, right) => left | right),
  Xor: numeric((left, right) => left ^ right),
};

/** Formulas of one number that every machine computes alike. */
export const FUNCTIONS: Readonly<Record<string, (value: number) => number>> = {
  Neg: (value) => -value,
  Abs: Math.abs,
  Floor: Math.floor,
  Ceil: Math.ceil,
  Sqrt: Math.sqrt,
  Reciprocal: (value) => 1 / value,
  Not: (value) => 1 - value,
};
