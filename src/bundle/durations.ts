/** How long the runs of a bundle took where they were recorded. */
import { decodeLines } from '../events/codec';
import { RepriseError } from '../errors/errors';
import { openBundle } from './open';

/** Of the steps of one record: a century. */
const LONGEST_SECONDS = 3.2e9;

/** A stranger's log may hold anything: text, or a number beyond all time. */
function isDuration(seconds: unknown): seconds is number {
  return typeof seconds === 'number' && seconds >= 0 && seconds < LONGEST_SECONDS;
}

/**
 * Seconds a training step took, by run id, from the event logs: pauses between attempts are not in it. Runs without
 * timed steps, or whose log cannot be read, are left out. Hashes are not checked.
 * @throws RepriseError those of `openBundle` and of the bundle's index
 */
export async function secondsPerStep(file: string): Promise<ReadonlyMap<string, number>> {
  const bundle = await openBundle(file);
  try {
    const found = new Map<string, number>();
    for (const { manifest, eventLog } of (await bundle.content()).runs) {
      const log = await bundle.read(eventLog).catch((error: unknown) => {
        if (error instanceof RepriseError) return new Uint8Array();
        throw error;
      });
      let steps = 0;
      let seconds = 0;
      for (const record of decodeLines(log, 0).records) {
        if (record.type !== 'steps' || !Array.isArray(record.losses) || !isDuration(record.seconds)) continue;
        steps += record.losses.length;
        seconds += record.seconds;
      }
      if (steps > 0 && seconds > 0) found.set(manifest.runId, seconds / steps);
    }
    return found;
  } finally {
    bundle.close();
  }
}
