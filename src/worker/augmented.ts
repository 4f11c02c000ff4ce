/** Training examples that are changed each time they are seen. */
import { augmentOf } from '../config/data';
import type { Config } from '../config/schema';
import { augmenter } from '../datasets/augment';
import { inputSize } from '../models/types';
import type { WorkerData } from './inputs';
import { takeRows, type SplitData } from './examples';

/** The examples that `batches` names, in that order, as they look in an epoch (from 0). */
export type Augmented = (epoch: number, batches: Int32Array) => SplitData;

/** What the config changes of training images; null where it changes nothing. Validation and test see them as they are. */
export function augmentedBy({ data: config }: Config, { shape, train, indices }: WorkerData, noiseSeed: number): Augmented | null {
  const augment = augmentOf(config);
  const { labels } = train;
  if (augment === null || shape.input.kind !== 'image' || labels === null || train.features instanceof Int32Array) return null;
  const { features } = train;
  const size = inputSize(shape.input);
  const change = augmenter(augment, shape.input, noiseSeed);
  return (epoch, batches) => {
    const taken = takeRows(features, size, batches);
    change(taken, epoch, batches.map((row) => indices.train[row]!));
    return { rows: batches.length, features: taken, labels: takeRows(labels, labels.length / train.rows, batches) };
  };
}
