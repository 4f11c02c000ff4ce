/** Measures on ONNX Runtime. */
import { Tensor, type InferenceSession } from 'onnxruntime-node';
import { inputSize, rowsPerExample, type DataShape, type EvaluationGraph } from '../models/types';
import type { NamedTensor } from '../tensors/safetensors';
import { featureTensor, labelTensor, takeRows, type SplitData } from './examples';
import { createSession, outputOf, run, toTensor } from './runtime';

/** What was measured on a split. */
export interface Measured {
  /** Mean of the rows. */
  readonly loss: number;
  /** Share of the rows whose class or token was told; NaN where the targets are values. */
  readonly accuracy: number;
}

/** Measures a model on a split. */
export class Evaluator {
  private constructor(
    private readonly session: InferenceSession,
    private readonly graph: EvaluationGraph,
    private readonly data: DataShape,
  ) {}

  /** @throws RepriseError ONNX_RUNTIME_FAILED */
  static async create(graph: EvaluationGraph, data: DataShape, threads: number): Promise<Evaluator> {
    return new Evaluator(await createSession(graph.bytes, threads, 'evaluation'), graph, data);
  }

  /**
   * Means over the rows of the split, summed in float64 in their order.
   * @param weights parameters and buffers
   * @param between is awaited after each call, so that a caller can look after other things
   * @throws RepriseError ONNX_RUNTIME_FAILED
   */
  async evaluate(weights: readonly NamedTensor[], split: SplitData, between: () => Promise<void>): Promise<Measured> {
    const tensors = Object.fromEntries(weights.map((tensor) => [tensor.name, toTensor(tensor)]));
    const { batch } = this.graph;
    let loss = 0;
    let correct = 0;
    for (let start = 0; start < split.rows; start += batch) {
      const count = Math.min(batch, split.rows - start);
      const { features, labels, expected } = this.take(split, start, count);
      const outputs = await run(this.session, { ...tensors, features, ...(labels === null ? {} : { labels }) }, 'evaluation');
      const losses = outputOf(outputs, 'losses').data as Float32Array;
      const predictions = outputOf(outputs, 'predictions').data as BigInt64Array;
      for (let row = 0; row < count * rowsPerExample(this.data); row++) {
        loss += losses[row]!;
        if (predictions[row] === expected(row)) correct++;
      }
      await between();
    }
    const rows = split.rows * rowsPerExample(this.data);
    return { loss: loss / rows, accuracy: this.data.target.kind === 'values' ? NaN : correct / rows };
  }

  /** The tensors of `count` examples from `start` on, filled up with the first of them to a whole batch. */
  private take({ features, labels }: SplitData, start: number, count: number): { features: Tensor; labels: Tensor | null; expected: (row: number) => bigint | undefined } {
    const { batch } = this.graph;
    const size = inputSize(this.data.input);
    const row = (index: number): number => start + (index < count ? index : 0);
    if (labels === null) {
      const windows = new Int32Array(batch * (size + 1));
      for (let index = 0; index < batch; index++) windows.set((features as Int32Array).subarray(row(index) * size, (row(index) + 1) * size + 1), index * (size + 1));
      const expected = (at: number): bigint => BigInt(windows[Math.floor(at / size) * (size + 1) + (at % size) + 1]!);
      return { features: new Tensor('int32', windows, [batch, size + 1]), labels: null, expected };
    }
    const rows = Int32Array.from({ length: batch }, (_, index) => row(index));
    const targets = takeRows(labels, labels.length / (features.length / size), rows);
    return {
      features: featureTensor(takeRows(features, size, rows), [batch, size]),
      labels: labelTensor(targets, batch),
      expected: (at) => (targets instanceof BigInt64Array ? targets[at] : undefined),
    };
  }
}
