/** What is to be written although the disk is full is written once there is room. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDiskFull } from '../errors/errors';

const TRY_AGAIN_MS = 500;

/**
 * Does something, and again while it fails for want of room.
 * @param goesOn is told each time; whether to try again
 * @throws what the work throws: for any other reason, or when it is given up
 */
export async function whenThereIsRoom<T>(work: () => T | Promise<T>, goesOn: (error: unknown) => boolean): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isDiskFull(error) || !goesOn(error)) throw error;
      await sleep(TRY_AGAIN_MS);
    }
  }
}
