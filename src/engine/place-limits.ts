/** What a place cannot have is refused before anything is made for it. */
import { isCommandConfig, type RunConfig } from '../config/command';
import { machineOf } from '../config/facts';
import { RepriseError } from '../errors/errors';
import { shareOf, type MachineBudget } from '../execution/machine-budget';
import { isHere } from './executors';
import { refuseThreads } from './identity';
import { machineOfKind } from './machines';
import { knownOf } from './machines-known';
import { refuseProvider } from './providers';

/**
 * @param workspace whose machines are meant
 * @param budget of this machine
 * @throws RepriseError THREADS_EXCEED_CORES, MEMORY_EXCEEDS_MACHINE, GPUS_EXCEED_MACHINE, PROVIDER_MISSING, MACHINE_UNKNOWN, MACHINE_KIND, MACHINES_INVALID
 */
export async function refuseBeyondPlace(config: RunConfig, workspace: string, budget: MachineBudget): Promise<void> {
  const { executor } = config;
  if (executor.kind === 'local') {
    refuseThreads(config, budget.cores);
    refuseProvider(config);
    await budget.refuseBeyond(shareOf(executor));
    return;
  }
  const name = machineOf(executor);
  const machine = name === null ? null : machineOfKind(workspace, name, executor.kind);
  refuseProviderThere(config, name);
  if (executor.kind === 'docker' && isHere(executor, workspace)) return refuseThreads(config, budget.cores);
  // A cluster itself knows its nodes, of which one was looked at.
  const known = name === null || machine === null || machine.kind === 'slurm' ? undefined : knownOf(workspace, name, machine)?.facts?.cpu.cores;
  if (known !== undefined) refuseThreads(config, known, `on ${String(name)}`);
}

/** The programs that trainings elsewhere are carried out by compute on the processor. */
function refuseProviderThere(config: RunConfig, name: string | null): void {
  const provider = isCommandConfig(config) ? undefined : config.executor.provider;
  if (provider === undefined || provider === 'cpu' || provider === 'auto') return;
  throw new RepriseError('PROVIDER_MISSING', `executor.provider is ${provider}, but built-in trainings are computed on the processor ${name === null ? 'in a container' : `on ${name}`}.`, {
    kind: 'input',
    hint: 'Leave executor.provider out, or train on this machine (executor.kind: local).',
  });
}
