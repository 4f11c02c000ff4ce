/** Use cases of other machines: which ones are known, and by which keys. */
import type { Input, Output } from '../api/contract';
import type { MachineView } from '../api/machines';
import type { Machine, SshEndpoint } from '../config/machine';
import { fetchHostKey, hostInWords, type UnknownHost } from '../execution/ssh/connect';
import { pinnedKey } from '../execution/ssh/host-key';
import type { EngineContext } from './context';
import { addMachine, forgetMachine, readMachines } from './machines';
import { knownOf } from './machines-known';

/** Where a machine is. */
export function addressOf(machine: Machine): string {
  const ssh = machine.ssh === undefined ? null : hostInWords(machine.ssh);
  if (machine.kind === 'docker') return ssh === null ? machine.host : `${machine.host} on ${ssh}`;
  return ssh ?? 'this machine';
}

function hostsOf(ssh: SshEndpoint | undefined): MachineView['hosts'] {
  return ssh === undefined ? [] : [...ssh.jump, ssh].map(({ host, port, user, hostKey }) => ({ host, port, user: user ?? null, fingerprint: pinnedKey(hostKey).fingerprint }));
}

function viewOf(workspace: string, name: string, machine: Machine): MachineView {
  const known = knownOf(workspace, name, machine);
  return {
    name,
    kind: machine.kind,
    address: addressOf(machine),
    hosts: hostsOf(machine.ssh),
    folder: machine.kind === 'docker' ? null : machine.folder,
    mostRuns: machine.mostRuns ?? null,
    defaults: machine.defaults,
    test: known === null ? null : { name, ok: known.ok, testedAt: known.testedAt, checks: known.checks },
  };
}

/** @throws RepriseError MACHINES_INVALID */
export function listMachines({ workspace }: EngineContext): Output<'machines.list'> {
  return Object.entries(readMachines(workspace)).map(([name, machine]) => viewOf(workspace, name, machine));
}

/** @throws RepriseError MACHINE_INVALID, MACHINE_EXISTS, MACHINES_INVALID */
export async function addMachineAsTold({ workspace, emit }: EngineContext, { name, machine, replace = false }: Input<'machines.add'>): Promise<Output<'machines.add'>> {
  const added = await addMachine(workspace, name, machine, replace);
  emit('changed', { what: 'machines' });
  return viewOf(workspace, name, added);
}

/** @throws RepriseError where the host cannot be reached */
export async function showHostKey(_context: EngineContext, { jump = [], ...host }: Input<'machines.hostKey'>): Promise<Output<'machines.hostKey'>> {
  return fetchHostKey(endpointOf(host), jump.map((known) => ({ ...endpointOf(known), hostKey: known.hostKey })));
}

function endpointOf({ host, port = 22, user, identityFile }: Omit<Input<'machines.hostKey'>, 'jump'>): UnknownHost {
  return { host, port, ...(user === undefined ? {} : { user }), ...(identityFile === undefined ? {} : { identityFile }) };
}

/** @throws RepriseError MACHINE_UNKNOWN, MACHINES_INVALID */
export async function removeMachine({ workspace, emit }: EngineContext, { name }: Input<'machines.remove'>): Promise<Output<'machines.remove'>> {
  await forgetMachine(workspace, name);
  emit('changed', { what: 'machines' });
  return { removed: name };
}
