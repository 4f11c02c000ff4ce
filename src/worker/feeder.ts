/** The examples of each call of a training graph, gathered ahead of it. */
import { inputSize, inputType } from '../models/types';
import type { Augment } from './augmented';
import type { BatchOrder } from './batches';
import { asExamples } from './examples';
import type { WorkerData } from './inputs';
import { chunkEnd, type StepPlan } from './plan';
import type { ChunkInputs } from './trainer';

export interface Fed extends Pick<ChunkInputs, 'examples' | 'batches' | 'exampleWeights'> {
  /** Number of examples that count. */
  readonly seen: number;
}

/** Most that the gathered examples of one call take, bytes; there are those of two at a time. */
const GATHERED_BYTES = 1 << 26;

/** Whether each call gets its own examples, in place of the whole split. */
function isGathered({ train }: Pick<WorkerData, 'train'>, augment: Augment | null): boolean {
  return train.whole === null || augment !== null;
}

/** The same plan with chunks that are no longer than memory allows. What is cut into shorter chunks gives the same numbers. */
export function fitChunks(plan: StepPlan, data: Pick<WorkerData, 'shape' | 'train'>, augment: Augment | null, batchSize: number): StepPlan {
  if (!isGathered(data, augment)) return plan;
  const { input } = data.shape;
  const bytes = batchSize * inputSize(input) * (inputType(input) === 'uint8' ? 1 : 4);
  return { ...plan, chunk: Math.min(plan.chunk, Math.max(1, Math.floor(GATHERED_BYTES / bytes))) };
}

export class Feeder {
  private ahead: { readonly from: number; readonly fed: Promise<Fed> } | null = null;

  constructor(
    private readonly data: Pick<WorkerData, 'shape' | 'train'>,
    private readonly augment: Augment | null,
    private readonly order: BatchOrder,
    private readonly plan: StepPlan,
  ) {}

  /** The examples of the steps from `from` to the end of their chunk. Those of the next chunk are being read when it returns. */
  async next(from: number): Promise<Fed> {
    const fed = await (this.ahead?.from === from ? this.ahead.fed : this.gather(from));
    const next = chunkEnd(this.plan, from);
    if (isGathered(this.data, this.augment) && next < this.plan.totalSteps) {
      const ahead = this.gather(next);
      // A run that stops before never asks for them.
      ahead.catch(() => undefined);
      this.ahead = { from: next, fed: ahead };
    }
    return fed;
  }

  private async gather(from: number): Promise<Fed> {
    const { batches, exampleWeights } = this.order.chunk(from, chunkEnd(this.plan, from));
    const seen = exampleWeights.reduce((count, weight) => count + (weight > 0 ? 1 : 0), 0);
    if (!isGathered(this.data, this.augment)) return { examples: null, batches, exampleWeights, seen };
    const taken = await this.data.train.take(batches);
    // A chunk never reaches into a second epoch.
    this.augment?.(taken.features, this.order.epochOf(from), batches);
    const { examples, numbers } = asExamples(taken, inputSize(this.data.shape.input));
    return { examples, batches: numbers, exampleWeights, seen };
  }
}
