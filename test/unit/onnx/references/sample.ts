/** What a reference of an operator is, and random samples to try it on. */
import type { ElementType } from '../../../../src/onnx/types';
import { normals, permutation, uniforms } from '../../../../src/random/streams';

export interface Value {
  readonly type: ElementType;
  readonly shape: readonly number[];
  /** float32 numbers; whole numbers where the type is an integer, 0 or 1 where it is bool. */
  readonly data: Float64Array;
  /** Whether the operator has a gradient here. */
  readonly differentiable: boolean;
}

export interface Sample {
  readonly inputs: readonly Value[];
  readonly attributes: unknown;
}

export interface Reference {
  /** A random sample; equal numbers give equal samples. */
  sample(number: number): Sample;
  /** Samples where the derivative is a convention (a kink, a tie), which PyTorch alone can judge. */
  kinks?(): readonly Sample[];
  /** The result, flattened, for other values of the inputs; a list of them where the operator has several. */
  evaluate(inputs: readonly Value[], attributes: unknown): Float64Array | readonly Float64Array[];
}

/** All results of a reference, in a list also where there is only one. */
export function results(reference: Reference, inputs: readonly Value[], attributes: unknown): readonly Float64Array[] {
  const found = reference.evaluate(inputs, attributes);
  return found instanceof Float64Array ? [found] : found;
}

/** Draws for one sample of one operator. */
export class Draw {
  private calls = 0;
  constructor(
    private readonly operator: string,
    private readonly number: number,
  ) {}

  private next(): string {
    return `${this.operator}/${this.number}/${this.calls++}`;
  }

  /** A whole number in low … high. */
  whole(low: number, high: number): number {
    return low + Math.floor(uniforms(0, 'data', this.next(), 1)[0]! * (high - low + 1));
  }

  wholes(count: number, low: number, high: number): Float64Array {
    return uniforms(0, 'data', this.next(), count).map((value) => low + Math.floor(value * (high - low + 1)));
  }

  /** The numbers 0 … count − 1 in random order. */
  order(count: number): number[] {
    return [...permutation(0, 'data', this.next(), 0, count)];
  }

  floats(shape: readonly number[], scale = 1): Value {
    return floatValue(shape, normals(0, 'data', this.next(), product(shape)).map((value) => value * scale));
  }

  /** Floats no two of which are closer than `gap`, none closer to zero than half of it: away from kinks and ties. */
  apart(shape: readonly number[], gap: number): Value {
    const count = product(shape);
    return floatValue(shape, Float64Array.from(this.order(count), (rank) => (rank - Math.floor(count / 2) + 0.5) * gap));
  }
}

export function product(shape: readonly number[]): number {
  return shape.reduce((count, size) => count * size, 1);
}

export function floatValue(shape: readonly number[], data: Float64Array, differentiable = true): Value {
  return { type: 'float32', shape, data: data.map(Math.fround), differentiable };
}

export function integerValue(type: Exclude<ElementType, 'float32'>, shape: readonly number[], data: Float64Array): Value {
  return { type, shape, data, differentiable: false };
}
