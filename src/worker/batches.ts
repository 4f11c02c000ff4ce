/** Which rows of the training split each step sees. */
import { permutation } from '../random/streams';

/** Chooses batches: every epoch a new seeded order of the training rows, cut into batches; the last may be smaller. */
export class BatchOrder {
  private epoch = -1;
  private order: Int32Array = new Int32Array(0);

  constructor(
    private readonly trainSize: number,
    private readonly batchSize: number,
    private readonly orderSeed: number,
  ) {}

  private get stepsPerEpoch(): number {
    return Math.ceil(this.trainSize / this.batchSize);
  }

  /** The epoch that a step belongs to, from 0. */
  epochOf(step: number): number {
    return Math.floor(step / this.stepsPerEpoch);
  }

  /** Real rows of a step's batch. */
  sizeOf(step: number): number {
    const first = (step % this.stepsPerEpoch) * this.batchSize;
    return Math.min(this.batchSize, this.trainSize - first);
  }

  /**
   * Writes the batch of a step, `batchSize` row numbers of the training split. A smaller batch is filled
   * up with its own first row, which weighs 0.
   */
  fill(step: number, rows: Int32Array): void {
    const epoch = this.epochOf(step);
    if (epoch !== this.epoch) {
      this.order = permutation(this.orderSeed, 'order', 'epoch', epoch, this.trainSize);
      this.epoch = epoch;
    }
    const first = (step % this.stepsPerEpoch) * this.batchSize;
    const size = this.sizeOf(step);
    rows.set(this.order.subarray(first, first + size));
    rows.fill(rows[0]!, size);
  }

  /** Rows and example weights (1/n for n real rows, 0 for filling) of steps from … to − 1, each [to − from, batchSize]. */
  chunk(from: number, to: number): { batches: Int32Array; exampleWeights: Float32Array } {
    const batches = new Int32Array((to - from) * this.batchSize);
    const exampleWeights = new Float32Array(batches.length);
    for (let step = from; step < to; step++) {
      const start = (step - from) * this.batchSize;
      const size = this.sizeOf(step);
      this.fill(step, batches.subarray(start, start + this.batchSize));
      exampleWeights.fill(1 / size, start, start + size);
    }
    return { batches, exampleWeights };
  }
}
