/** Typed handles on the values of a graph under construction. */

/** Element types used in Reprise's graphs. */
export type ElementType = 'float32' | 'uint8' | 'int32' | 'int64' | 'bool';

/** One dimension: a size, or the name of a size known only when the graph runs (`batch`, `steps`). */
export type Dim = number | string;

/** A value of the graph: its name, element type and shape. Carries no data. */
export interface Tensor<T extends ElementType = ElementType> {
  readonly name: string;
  readonly type: T;
  readonly shape: readonly Dim[];
}

export type FloatTensor = Tensor<'float32'>;
/** What may index: both integer types that ONNX's Gather takes. */
export type IndexTensor = Tensor<'int32' | 'int64'>;

/** The array type that holds the elements of each type in JavaScript; bool is one byte, 0 or 1. */
export interface ElementArrays {
  readonly float32: Float32Array;
  readonly uint8: Uint8Array;
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly bool: Uint8Array;
}
