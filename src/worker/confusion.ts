/** Which classes a split's examples were taken for. */
import type { ConfusionMatrix } from '../events/confusion';
import type { TargetShape } from '../models/types';

/** Of more classes nobody reads a matrix. */
const MOST_CLASSES = 100;

/** Counts the pairs of class and prediction. */
export class Confusion {
  readonly #counts: number[][];

  private constructor(classes: number) {
    this.#counts = Array.from({ length: classes }, () => Array.from({ length: classes }, () => 0));
  }

  /** Null where the targets are no classes, or too many. */
  static of(target: TargetShape): Confusion | null {
    return target.kind === 'class' && target.classes <= MOST_CLASSES ? new Confusion(target.classes) : null;
  }

  add(target: number, prediction: number): void {
    this.#counts[target]![prediction]! += 1;
  }

  /** @param step number of steps done */
  encode(classes: readonly string[], step: number): Uint8Array {
    const matrix: ConfusionMatrix = { format: 'reprise-confusion-1', split: 'test', step, classes, counts: this.#counts };
    return new TextEncoder().encode(`${JSON.stringify(matrix)}\n`);
  }
}
