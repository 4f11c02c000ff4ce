/** Many reads of one file at once. */
import { read } from 'node:fs';
import { invalidData } from './prepared';

export interface Stretch {
  /** Filled with the bytes from `position` on. */
  readonly into: Uint8Array;
  readonly position: number;
}

/**
 * Fills all stretches. The reads go on in the threads of Node while the caller's thread computes; callbacks take a third of
 * the time of promises for reads as small as one example. Settles when no read is under way any more.
 * @param file names the file in errors
 * @throws RepriseError DATA_INVALID where the file ends before; what the system says
 */
export function readStretches(descriptor: number, file: string, stretches: readonly Stretch[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = stretches.length;
    let failure: Error | null = null;
    const settle = (): void => (failure === null ? resolve() : reject(failure));
    const readOn = (stretch: Stretch, done: number): void => {
      const { into, position } = stretch;
      read(descriptor, into, done, into.length - done, position + done, (error, count) => {
        if (error === null && count > 0 && done + count < into.length) return readOn(stretch, done + count);
        if (error !== null) failure ??= error;
        else if (done + count < into.length) failure ??= invalidData(file, `it ends before byte ${position + into.length}`);
        left -= 1;
        if (left === 0) settle();
      });
    };
    if (left === 0) settle();
    for (const stretch of stretches) readOn(stretch, 0);
  });
}
