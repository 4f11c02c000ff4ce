import { existsSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { RUN_FILES } from '../events/manifest';

/** Why a worker stops before its work is done, without anything being wrong. */
export type InterruptionReason = 'cancelled' | 'orphaned';

export class Interruption extends Error {
  override readonly name = 'Interruption';

  constructor(readonly reason: InterruptionReason) {
    super(reason);
  }
}

/**
 * What a worker calls between two calls of ONNX Runtime, which block its thread: lets events in.
 * @throws Interruption when the host asked to stop, or is gone
 */
export function breather(runFolder: string, parentGone: () => boolean): () => Promise<void> {
  const cancelFile = path.join(runFolder, RUN_FILES.cancel);
  return async () => {
    await setImmediate();
    if (existsSync(cancelFile)) throw new Interruption('cancelled');
    if (parentGone()) throw new Interruption('orphaned');
  };
}
