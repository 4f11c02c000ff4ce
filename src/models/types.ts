/** What the model and graph rooms hand to the worker: graphs as bytes plus the names needed to drive them. */

export type TensorType = 'float32' | 'int32' | 'int64' | 'uint8' | 'bool';

export interface TensorSpec {
  readonly name: string;
  readonly type: TensorType;
  readonly shape: readonly number[];
}

/** How a tensor starts; what is drawn comes from the init stream named after the tensor. */
export type Init =
  /** Uniform in ±bound. */
  | { readonly kind: 'uniform'; readonly bound: number }
  /** Normal with mean 0. */
  | { readonly kind: 'normal'; readonly deviation: number }
  | { readonly kind: 'constant'; readonly value: number }
  /** As a file has it, row by row; nothing is drawn. */
  | { readonly kind: 'values'; readonly values: Float32Array };

/** A tensor that training changes: by the optimizer (a parameter), or by the forward pass (a buffer, such as running statistics). */
export interface WeightSpec extends TensorSpec {
  readonly type: 'float32';
  readonly init: Init;
}

/** A dropout mask the graph reads: `width` values an example and step, 1 keep, 0 drop. */
export interface MaskSpec {
  /** Graph input, shape [steps, batch, width], uint8. */
  readonly name: string;
  readonly width: number;
  readonly dropProbability: number;
}

/** One example as a model reads it. */
export type InputShape =
  | { readonly kind: 'features'; readonly size: number; readonly type: 'uint8' | 'float32' }
  /** Channel by channel and row by row. */
  | { readonly kind: 'image'; readonly channels: number; readonly rows: number; readonly columns: number; readonly type: 'uint8' | 'float32' }
  /** Numbers of a vocabulary, int32. */
  | { readonly kind: 'tokens'; readonly length: number; readonly vocabulary: number };

/** What a model is to say of an example. */
export type TargetShape =
  /** Which of the classes; int64. */
  | { readonly kind: 'class'; readonly classes: number }
  /** Numbers; float32. */
  | { readonly kind: 'values'; readonly size: number }
  /** After each token of the input, which comes next. */
  | { readonly kind: 'next-token' };

/** What a model is built for. */
export interface DataShape {
  readonly input: InputShape;
  readonly target: TargetShape;
  /** Examples of the training split. */
  readonly trainSize: number;
}

/**
 * A training graph: one ONNX Loop around the step, or the step alone, which has no input `steps` and of which the axis
 * of steps below is 1. Inputs: the parameters, the buffers, the optimizer's state,
 * `steps` (int64 scalar: iterations of this call), `features` (the examples: [examples, size of one]; of a text
 * whose next tokens are to be told one stream [tokens], example r beginning at r · length), `labels` (int64
 * [examples] or float32 [examples, size]; none for next tokens), `batches` (int32 [steps, batch] example numbers),
 * `exampleWeights` (float32 [steps, batch]: 1/n for the n real examples of a batch, 0 for padding), `scalars`
 * (float32 [steps, scalarNames.length]) and the masks. Outputs: `losses` [steps]; where gradients are clipped or
 * their norm is to be logged, `gradientNorms` [steps], the norm of all of a step's gradients before clipping; and, under the name `next/<name>`, every
 * parameter, buffer and piece of optimizer state.
 */
export interface TrainingGraph {
  readonly form: 'loop' | 'step';
  readonly bytes: Uint8Array;
  readonly parameters: readonly WeightSpec[];
  readonly buffers: readonly WeightSpec[];
  readonly optimizerState: readonly TensorSpec[];
  /** Columns of `scalars`, in order; the worker computes them with `models/scalars`. */
  readonly scalarNames: readonly string[];
  readonly masks: readonly MaskSpec[];
  /** Estimated floating-point operations of one step. */
  readonly flopsPerStep: number;
}

/**
 * An evaluation graph over `batch` examples. Inputs: parameters and buffers, `features` [batch, size of an example]
 * (for next tokens [batch, length + 1]) and `labels` as in `TrainingGraph`. Outputs, one row for each example (for
 * next tokens for each token of each example): `losses` float32 [rows], and `predictions`: int64 [rows] class numbers,
 * or float32 [rows, size] values. Of classes and tokens also `ranks` int32 [rows], how many of them are put before the
 * target, and `confidences` float32 [rows], the probability of the prediction.
 */
export interface EvaluationGraph {
  readonly bytes: Uint8Array;
  readonly batch: number;
  /** Parameters and buffers. */
  readonly weights: readonly WeightSpec[];
  /** Class or token that counts nothing as a target; null where there is none. */
  readonly ignored: number | null;
}

/** Numbers in all tensors together. */
export function elementsOf(specs: readonly Pick<TensorSpec, 'shape'>[]): number {
  return specs.reduce((count, { shape }) => count + shape.reduce((product, size) => product * size, 1), 0);
}

/** Values of one example of the input. */
export function inputSize(input: InputShape): number {
  switch (input.kind) {
    case 'features':
      return input.size;
    case 'image':
      return input.channels * input.rows * input.columns;
    case 'tokens':
      return input.length;
  }
}

export function inputType(input: InputShape): 'uint8' | 'float32' | 'int32' {
  return input.kind === 'tokens' ? 'int32' : input.type;
}

/** Numbers a model gives for each row of its output: a logit for each class or token, or the values. */
export function outputWidth({ input, target }: Pick<DataShape, 'input' | 'target'>): number {
  switch (target.kind) {
    case 'class':
      return target.classes;
    case 'values':
      return target.size;
    case 'next-token':
      if (input.kind !== 'tokens') throw new Error('next tokens are told of tokens only');
      return input.vocabulary;
  }
}

/** Rows of a model's output for each example: one, or one for each token. */
export function rowsPerExample({ input, target }: Pick<DataShape, 'input' | 'target'>): number {
  return target.kind === 'next-token' && input.kind === 'tokens' ? input.length : 1;
}
