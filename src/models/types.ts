/** What the model and graph rooms hand to the worker: graphs as bytes plus the names needed to drive them. */

export type TensorType = 'float32' | 'int32' | 'int64' | 'uint8' | 'bool';

export interface TensorSpec {
  readonly name: string;
  readonly type: TensorType;
  readonly shape: readonly number[];
}

/** A trainable tensor and the tensors an optimizer keeps for it. */
export interface ParameterSpec extends TensorSpec {
  readonly type: 'float32';
  /** How it starts: uniform in ±bound (PyTorch's default for Linear and Conv2d: bound = 1/√fanIn), from the init stream named after the tensor. */
  readonly init: { readonly kind: 'uniform'; readonly bound: number } | { readonly kind: 'zeros' };
}

/** A dropout mask the graph reads: `rows × width` values a step, 1 keep, 0 drop. */
export interface MaskSpec {
  /** Graph input, shape [steps, batch, width], uint8. */
  readonly name: string;
  readonly width: number;
  readonly dropProbability: number;
}

/**
 * A training graph: one ONNX Loop around the step. Inputs: the parameters, the optimizer state,
 * `steps` (int64 scalar: iterations of this call), `features` (all training examples, uint8 or float32 [N, …]),
 * `labels` (int64 [N]), `batches` (int32/int64 [steps, batch] row numbers), `exampleWeights`
 * (float32 [steps, batch]: 1/n for the n real rows of a batch, 0 for padding), `scalars`
 * (float32 [steps, scalarNames.length]) and the masks. Outputs: `losses` [steps] and, under the
 * name `next/<name>`, every parameter and every piece of optimizer state.
 */
export interface TrainingGraph {
  readonly bytes: Uint8Array;
  readonly parameters: readonly ParameterSpec[];
  readonly optimizerState: readonly TensorSpec[];
  /** Columns of `scalars`, in order; the worker computes them with `models/scalars`. */
  readonly scalarNames: readonly string[];
  readonly masks: readonly MaskSpec[];
  readonly batchesType: 'int32' | 'int64';
  /** Estimated floating-point operations of one step. */
  readonly flopsPerStep: number;
}

/**
 * An evaluation graph. Inputs: the parameters, `input` [batch, features] (as in DataShape.featureType) and
 * `labels` (int64 [batch]), batch dynamic. Outputs: `losses` (float32 [batch], cross-entropy of each example)
 * and `predictions` (int64 [batch]).
 */
export interface EvaluationGraph {
  readonly bytes: Uint8Array;
  readonly parameters: readonly ParameterSpec[];
}

/**
 * An inference graph. Input `input` (uint8 or float32 [batch, …], batch dynamic: exactly the rows of the prepared data),
 * outputs `logits` and `probabilities` [batch, classes]. Parameters are initializers.
 */
export interface DataShape {
  /** Shape of one example: [784] or [2]; images are [channels · rows · columns], channel by channel and row by row, with `image` set. */
  readonly features: number;
  readonly featureType: 'uint8' | 'float32';
  readonly image: { readonly rows: number; readonly columns: number; readonly channels: number } | null;
  readonly classes: number;
  /** Rows of the training split. */
  readonly trainSize: number;
}
