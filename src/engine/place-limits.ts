/** What a place cannot have is refused before anything is made for it. */
import { isCommandConfig, type RunConfig } from '../config/command';
import { machineOf } from '../config/executor';
import { RepriseError } from '../errors/errors';
import { isHere } from './executors';
import { refuseThreads } from './identity';
import { machineOfKind } from './machines';
import { knownOf } from './machines-known';
import { refuseProvider } from './providers';

/**
 * @param workspace whose machines are meant
 * @param cores of this machine that runs may use
 * @throws RepriseError THREADS_EXCEED_CORES, PROVIDER_MISSING, MACHINE_UNKNOWN, MACHINE_KIND, MACHINES_INVALID
 */
export function refuseBeyondPlace(config: RunConfig, workspace: string, cores: number): void {
  const { executor } = config;
  if (executor.kind === 'local') {
    refuseThreads(config, cores);
    refuseProvider(config);
    return;
  }
  const name = machineOf(executor);
  const machine = name === null ? null : machineOfKind(workspace, name, executor.kind);
  refuseProviderThere(config, name);
  if (executor.kind === 'docker' && isHere(executor, workspace)) return refuseThreads(config, cores);
  const known = name === null || machine === null ? undefined : knownOf(workspace, name, machine)?.facts?.cpu.cores;
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
