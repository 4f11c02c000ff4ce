/** The executors of a host: one for each machine that its runs go to, made when the first of them does. */
import type { ExecutorConfig, ExecutorKind, ExecutorOf } from '../config/executor';
import { bytesOf, machineOf, placeOf } from '../config/facts';
import { hashJson } from '../config/hash';
import type { Demand, Executor, Executors } from '../execution/executor';
import { shareOf } from '../execution/machine-budget';
import { machineOfKind } from './machines';
import { knownOf } from './machines-known';
import type { CoresOf } from './spread';
import type { Store } from '../store/types';

/** Runs at once on a machine that says nothing of it and was not tested. */
const UNTESTED = 4;
/** Runs that are handed over at once, at most: to a cluster, which has a queue of its own. */
const MOST = 100_000;

type Closing = Executor & { readonly close?: () => Promise<void> };

/** Whether containers take what this machine has: its own Docker Engine is asked. @throws RepriseError MACHINE_UNKNOWN, MACHINE_KIND */
export function isHere({ kind, machine }: Pick<ExecutorOf<'docker'>, 'kind' | 'machine'>, workspace: string): boolean {
  if (machine === undefined) return process.env['DOCKER_HOST']?.startsWith('unix://') ?? true;
  const { host, ssh } = machineOfKind(workspace, machine, kind);
  return ssh === undefined && host.startsWith('unix://');
}

/** Cores that the runs of a place share; `Infinity` where a cluster has a queue of its own. @throws RepriseError MACHINE_UNKNOWN, MACHINE_KIND */
function coresThere(kind: Exclude<ExecutorKind, 'local'>, name: string, workspace: string): { readonly cores: number; readonly mostRuns: number | null } {
  const machine = machineOfKind(workspace, name, kind);
  const cores = kind === 'slurm' ? Infinity : (knownOf(workspace, name, machine)?.facts?.cpu.cores ?? null);
  return { cores: cores ?? UNTESTED, mostRuns: machine.mostRuns ?? (cores === null ? UNTESTED : null) };
}

/** @throws RepriseError MACHINE_UNKNOWN, MACHINE_KIND, MACHINES_INVALID */
function demandOf(executor: ExecutorConfig, workspace: string): Demand {
  if (executor.kind === 'local') return { pool: 'here', share: shareOf(executor) };
  // GPUs that a config names, or all of them, are what it asks Docker for; of a number it gets free ones.
  if (executor.kind === 'docker' && isHere(executor, workspace)) return { pool: 'here', share: { cores: executor.threads, memory: executor.memory === undefined ? 0 : (bytesOf(executor.memory) ?? 0), gpus: typeof executor.gpus === 'number' ? executor.gpus : 0 } };
  const name = machineOf(executor);
  const { cores, mostRuns } = name === null ? { cores: UNTESTED, mostRuns: UNTESTED } : coresThere(executor.kind, name, workspace);
  return { pool: 'there', name: placeOf(executor), most: mostRuns ?? Math.min(MOST, Math.max(1, Math.floor(cores / executor.threads))) };
}

/** For estimates: what cannot be known of a place now counts as one that was not tested. @param here cores of this machine */
export function coresOfPlaces(workspace: string, here: number): CoresOf {
  return (place) => {
    const [kind, name] = /^(docker|ssh|slurm):(.*)$/u.exec(place)?.slice(1) as [Exclude<ExecutorKind, 'local'>, string] | undefined ?? ['local', ''];
    if (kind === 'local') return here;
    try {
      if (kind === 'docker' && isHere({ kind, ...(name === '' ? {} : { machine: name }) }, workspace)) return here;
      const { cores, mostRuns } = coresThere(kind, name, workspace);
      return mostRuns === null ? cores : Math.min(cores, mostRuns);
    } catch {
      return UNTESTED;
    }
  };
}

/**
 * @param workspace whose machines are meant
 * @param store of the runs, which may wait for one another
 */
export function executorsOf(workspace: string, store: Store): Executors {
  const made = new Map<string, Promise<Closing>>();
  return {
    demand: (executor) => demandOf(executor, workspace),
    find(executor) {
      if (executor.kind === 'local') throw new Error('Runs of this machine need no other executor.');
      const name = machineOf(executor);
      // One whose description was changed is another.
      const key = hashJson([executor.kind, name, name === null ? null : machineOfKind(workspace, name, executor.kind)]);
      const known = made.get(key);
      if (known !== undefined) return known;
      const found = make(executor.kind, name, { workspace, store });
      made.set(key, found);
      found.catch(() => made.delete(key));
      return found;
    },
    async close() {
      for (const found of await Promise.allSettled(made.values())) if (found.status === 'fulfilled') await found.value.close?.();
    },
  };
}

interface Making {
  readonly workspace: string;
  readonly store: Store;
}

async function make(kind: Exclude<ExecutorKind, 'local'>, name: string | null, { workspace, store }: Making): Promise<Closing> {
  if (kind === 'docker') {
    const [{ DockerExecutor }, { dockerOptions }] = await Promise.all([import('../execution/docker/executor'), import('./place-docker')]);
    return new DockerExecutor(dockerOptions(name, name === null ? null : machineOfKind(workspace, name, kind)));
  }
  if (name === null) throw new Error('Its schema names a machine.');
  const { linkTo } = await import('./machine-links');
  const machine = machineOfKind(workspace, name, kind);
  // Code and data lie in the workspace of the runs, which need not be that of the machines.
  const common = { name, link: linkTo(name, machine), workspace: store.workspace };
  if (machine.kind === 'ssh') return (await import('../execution/ssh/executor')).sshExecutor({ ...common, machine });
  const [{ slurmExecutor }, { forerunnersIn }] = await Promise.all([import('../execution/slurm/executor'), import('./forerunners')]);
  return slurmExecutor({ ...common, machine, forerunners: forerunnersIn(store) });
}
