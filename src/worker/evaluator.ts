/** Measures on ONNX Runtime. */
import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { MetricNumbers } from '../config/metrics';
import { inputSize, rowsPerExample, type DataShape, type EvaluationGraph } from '../models/types';
import type { NamedTensor } from '../tensors/safetensors';
import { Confusion } from './confusion';
import { featureTensor, labelTensor, type Split } from './examples';
import { classMeters, valuesMeters } from './meters';
import { createSession, outputOf, run, toTensor, type Executor } from './runtime';
import { discard, staysOnDevice, Transfer } from './transfer';

/** What was measured on a split. */
export interface Measured {
  readonly metrics: MetricNumbers;
  /** Null where the targets are no classes, or too many to be read. */
  readonly confusion: Confusion | null;
}

/** Some examples of a split as the graph reads them, and their targets row by row. */
interface Taken {
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly targets: Int32Array | BigInt64Array | Float32Array;
}

/** Takes in the rows of one call; the first `rows` count. */
type Take = (outputs: InferenceSession.OnnxValueMapType, targets: Taken['targets'], rows: number) => void;

/** Measures a model on a split. */
export class Evaluator {
  private constructor(
    private readonly session: InferenceSession,
    private readonly graph: EvaluationGraph,
    private readonly data: DataShape,
    /** Null where weights are handed over with each batch. */
    private readonly toDevice: Transfer | null,
  ) {}

  /** @throws RepriseError PROVIDER_MISSING, ONNX_RUNTIME_FAILED */
  static async create(graph: EvaluationGraph, data: DataShape, executor: Executor): Promise<Evaluator> {
    const toDevice = staysOnDevice(executor) ? await Transfer.create(graph.weights.map(({ name, shape }) => ({ name, type: 'float32', shape })), executor, 'device') : null;
    return new Evaluator(await createSession(graph.bytes, executor, 'evaluation'), graph, data, toDevice);
  }

  /**
   * Every metric that fits the targets, over the rows of the split in their order. Rows whose target is ignored count nothing.
   * @param weights parameters and buffers
   * @param between is awaited after each call, so that a caller can look after other things
   * @throws RepriseError ONNX_RUNTIME_FAILED
   */
  async evaluate(weights: readonly NamedTensor[], split: Split, between: () => Promise<void>): Promise<Measured> {
    const onHost = new Map(weights.map((tensor) => [tensor.name, toTensor(tensor)]));
    const placed = this.toDevice === null ? onHost : await this.toDevice.move(onHost);
    const tensors = Object.fromEntries(placed);
    const confusion = Confusion.of(this.data.target);
    const { take, values } = this.data.target.kind === 'values' ? this.valuesTaker(this.data.target.size) : this.classTaker(confusion);
    const { batch } = this.graph;
    for (let start = 0; start < split.rows; start += batch) {
      const count = Math.min(batch, split.rows - start);
      const { feeds, targets } = await this.examples(split, start, count);
      take(await run(this.session, { ...tensors, ...feeds }, 'evaluation'), targets, count * rowsPerExample(this.data));
      await between();
    }
    discard(placed.values());
    return { metrics: values(), confusion };
  }

  private classTaker(confusion: Confusion | null): { readonly take: Take; readonly values: () => MetricNumbers } {
    const { add, values } = classMeters(this.data);
    const take: Take = (outputs, targets, rows) => {
      const losses = outputOf(outputs, 'losses').data as Float32Array;
      const predictions = outputOf(outputs, 'predictions').data as BigInt64Array;
      const ranks = outputOf(outputs, 'ranks').data as Int32Array;
      const confidences = outputOf(outputs, 'confidences').data as Float32Array;
      for (let row = 0; row < rows; row++) {
        const target = Number(targets[row]);
        if (target === this.graph.ignored) continue;
        const prediction = Number(predictions[row]);
        add({ loss: losses[row]!, target, prediction, rank: ranks[row]!, confidence: confidences[row]! });
        confusion?.add(target, prediction);
      }
    };
    return { take, values };
  }

  private valuesTaker(size: number): { readonly take: Take; readonly values: () => MetricNumbers } {
    const { add, values } = valuesMeters(this.data);
    const take: Take = (outputs, targets, rows) => {
      const losses = outputOf(outputs, 'losses').data as Float32Array;
      const predictions = outputOf(outputs, 'predictions').data as Float32Array;
      for (let row = 0; row < rows; row++) {
        const of = <T extends Taken['targets']>(all: T): T => all.subarray(row * size, (row + 1) * size) as T;
        add({ loss: losses[row]!, targets: of(targets as Float32Array), predictions: of(predictions) });
      }
    };
    return { take, values };
  }

  /** `count` examples from `start` on, filled up with the first of them to a whole batch. */
  private async examples(split: Split, start: number, count: number): Promise<Taken> {
    const { batch } = this.graph;
    const size = inputSize(this.data.input);
    const { features, labels } = await split.take(Int32Array.from({ length: batch }, (_, index) => start + (index < count ? index : 0)));
    if (labels !== null) return { feeds: { features: featureTensor(features, [batch, size]), labels: labelTensor(labels, batch) }, targets: labels };
    const targets = new Int32Array(batch * size);
    for (let index = 0; index < batch; index++) targets.set(features.subarray(index * (size + 1) + 1, (index + 1) * (size + 1)), index * size);
    return { feeds: { features: featureTensor(features, [batch, size + 1]) }, targets };
  }
}
