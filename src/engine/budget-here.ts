/** What this machine has for runs, and what it will never have room for. */
import os from 'node:os';
import type { RunConfig } from '../config/command';
import { gpusToGive } from '../execution/local/gpus';
import { MachineBudget, shareOf } from '../execution/machine-budget';
import { findGpus } from '../provenance/machine';

/** @param cores that workers may share */
export function budgetHere(cores: number): MachineBudget {
  // Of a container the limit that it was given; without one a number beyond all memory, or none.
  const limit = process.constrainedMemory();
  return new MachineBudget({ cores, memory: limit > 0 ? Math.min(os.totalmem(), limit) : os.totalmem(), gpus: async () => gpusToGive(await findGpus(), process.env) });
}

/** A run of this machine cannot be given less memory or fewer GPUs than it asks for. @throws RepriseError MEMORY_EXCEEDS_MACHINE, GPUS_EXCEED_MACHINE */
export async function refuseBeyondMachine({ executor }: Pick<RunConfig, 'executor'>, budget: MachineBudget): Promise<void> {
  if (executor.kind === 'local') await budget.refuseBeyond(shareOf(executor));
}
