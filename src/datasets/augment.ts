/** Random changes of training images, from the counter-based generator: an example looks the same whenever its epoch is trained again. */
import type { AugmentConfig } from '../config/data';
import { keyedWords } from '../random/streams';

interface Image {
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
}

/** One of `count` numbers from 0, evenly but for less than count / 2^32. */
const choose = (word: number, count: number): number => Math.floor((word / 4_294_967_296) * count);

const clamp = (value: number, below: number): number => (value < 0 ? 0 : value >= below ? below - 1 : value);

/**
 * What changes images: call it once a run, with the run's noise seed. The function it gives changes images of one
 * training batch in place, after they were gathered and before they become the graph's `features`:
 * `augment(features, epoch, examples)`, where `features` is [examples.length, channels · rows · columns], `epoch` counts
 * from 0 and `examples` are the numbers of the examples in the prepared file (`WorkerData.indices.train[row]` for the row
 * that a batch names). In this order: a black border of `crop` pixels and a random piece of the old size; a flip, left to
 * right, of every second image; a shift by up to `shift` pixels each way, with the pixels at the edge repeated. What
 * happens depends on nothing but (seed, epoch, example).
 */
export function augmenter(config: AugmentConfig, image: Image, seed: number): (features: Uint8Array | Float32Array, epoch: number, examples: Int32Array) => void {
  const { crop, flip, shift } = config;
  const { channels, rows, columns } = image;
  const size = rows * columns;
  const words = keyedWords(seed, 'augment', 'image');
  return (features, epoch, examples) => {
    const old = features.slice(0, channels * size);
    examples.forEach((example, index) => {
      // Three blocks of two words an example, so an example's number may be as large as 2^30.
      const [down, right] = words(4 * example, epoch);
      const [mirror] = words(4 * example + 1, epoch);
      const [shiftDown, shiftRight] = words(4 * example + 2, epoch);
      const top = choose(down, 2 * crop + 1) - crop;
      const left = choose(right, 2 * crop + 1) - crop;
      const flipped = flip && mirror >= 2_147_483_648;
      const lower = choose(shiftDown, 2 * shift + 1) - shift;
      const further = choose(shiftRight, 2 * shift + 1) - shift;
      const begin = index * channels * size;
      old.set(features.subarray(begin, begin + channels * size));
      for (let row = 0; row < rows; row++) {
        const fromRow = clamp(row - lower, rows) + top;
        for (let column = 0; column < columns; column++) {
          const shifted = clamp(column - further, columns);
          const fromColumn = (flipped ? columns - 1 - shifted : shifted) + left;
          const inside = fromRow >= 0 && fromRow < rows && fromColumn >= 0 && fromColumn < columns;
          for (let channel = 0; channel < channels; channel++) {
            features[begin + channel * size + row * columns + column] = inside ? old[channel * size + fromRow * columns + fromColumn]! : 0;
          }
        }
      }
    });
  };
}
