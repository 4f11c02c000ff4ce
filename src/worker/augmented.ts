/** Training examples that are changed each time they are seen. */
import { augmentOf } from '../config/facts';
import type { Config } from '../config/schema';
import { augmenter } from '../datasets/augment';
import type { WorkerData } from './inputs';
import type { SplitData } from './examples';

/** Changes examples, [examples, size], in place as they look in an epoch (from 0); `places` are theirs in the training split. */
export type Augment = (features: SplitData['features'], epoch: number, places: Int32Array) => void;

/** What the config changes of training images; null where it changes nothing. Validation and test see them as they are. */
export function augmentedBy({ data: config }: Config, { shape, indices }: Pick<WorkerData, 'shape' | 'indices'>, noiseSeed: number): Augment | null {
  const augment = augmentOf(config);
  if (augment === null || shape.input.kind !== 'image') return null;
  const change = augmenter(augment, shape.input, noiseSeed);
  return (features, epoch, places) => {
    if (features instanceof Int32Array) throw new Error('tokens are no image');
    change(features, epoch, places.map((place) => indices.train[place]!));
  };
}
