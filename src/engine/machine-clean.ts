/** Use case: what lies on another machine, and removing what no run needs. */
import type { Input, Output } from '../api/contract';
import { KEPT_DAYS } from '../api/machine-clean';
import { RepriseError } from '../errors/errors';
import { cleanMachine } from '../execution/remote/clean';
import { hasEnded } from '../execution/run-status';
import { goes, type Going, type Staying } from '../outpost/clean-rule';
import type { Input as Asked, Output as Answered } from '../outpost/protocol';
import type { Store } from '../store/types';
import type { EngineContext } from './context';
import { linkTo } from './machine-links';
import { machineNamed } from './machines';

type Group = Answered<'clean'>['groups'][number];
const isGoing = (group: Group): group is Group & { readonly why: Going } => goes(group.why);
const isStaying = (group: Group): group is Group & { readonly why: Staying } => !goes(group.why);

/** @throws RepriseError MACHINE_UNKNOWN, MACHINE_NOT_CLEANED, MACHINE_UNREACHABLE, FOLDER_IS_WORKSPACE, SLURM_UNREACHABLE */
export async function cleanNamed({ workspace, store }: EngineContext, { name, days = KEPT_DAYS, remove }: Input<'machines.clean'>): Promise<Output<'machines.clean'>> {
  const machine = machineNamed(workspace, name);
  if (machine.kind === 'docker') {
    throw new RepriseError('MACHINE_NOT_CLEANED', `${name} is a Docker Engine, which has no folder of Reprise: its containers are removed when their runs are over.`, { kind: 'input', hint: 'Images and volumes are yours: `docker system df` says how large they are.' });
  }
  const link = linkTo(name, machine);
  try {
    const { base, groups, problems } = await cleanMachine(link, { isCluster: machine.kind === 'slurm', days, remove, standing: (runIds) => standingIn(store, new Set(runIds), machine.collect.keep) });
    return { name, folder: base, days, removed: remove, going: groups.filter(isGoing), staying: groups.filter(isStaying), problems };
  } finally {
    link.close();
  }
}

/** What a workspace says of runs: of those that it does not know, nothing but that. @param keepsFinished whether a person wants them to stay there */
function standingIn(store: Store, runIds: ReadonlySet<string>, keepsFinished: boolean): Asked<'clean'>['runs'] {
  const standing = Object.fromEntries([...runIds].map((runId): [string, Asked<'clean'>['runs'][string]] => [runId, 'other']));
  for (const { runId, status } of store.listRuns()) {
    if (!runIds.has(runId)) continue;
    if (status === 'finished') standing[runId] = keepsFinished ? 'other' : 'finished';
    else if (!hasEnded(status)) standing[runId] = 'open';
  }
  return standing;
}
