/** ONNX's operators as functions over typed handles; each infers its result's shape and refuses shapes that do not fit. */
export { countFlops, int32Vector, int64Vector, staticShape } from './primitives/common';
export * from './primitives/elementwise';
export * from './primitives/matrix';
export * from './primitives/rearranging';
export * from './primitives/reductions';
export * from './primitives/shaping';
