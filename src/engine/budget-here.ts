/** What this machine has for runs. */
import os from 'node:os';
import { gpusToGive } from '../execution/local/gpus';
import { MachineBudget } from '../execution/machine-budget';
import { findGpus } from '../provenance/machine';

/** @param cores that workers may share */
export function budgetHere(cores: number): MachineBudget {
  // Of a container the limit that it was given; without one a number beyond all memory, or none.
  const limit = process.constrainedMemory();
  return new MachineBudget({ cores, memory: limit > 0 ? Math.min(os.totalmem(), limit) : os.totalmem(), gpus: async () => gpusToGive(await findGpus(), process.env) });
}
