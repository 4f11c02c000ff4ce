/** Use cases of other machines: which ones are known, and by which keys. */
import { createHash } from 'node:crypto';
import type { Input, Output } from '../api/contract';
import type { MachineView } from '../api/machines';
import type { Endpoint, Machine, SshEndpoint } from '../config/machine';
import { RepriseError } from '../errors/errors';
import type { EngineContext } from './context';
import { addMachine, forgetMachine, readMachines } from './machines';
import { knownOf } from './machines-known';

const USUAL_PORT = 22;

/** As OpenSSH shows it. @param key `TYPE BASE64` */
export function fingerprintOf(key: string): string {
  const [, blob = ''] = key.split(' ');
  return `SHA256:${createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64').replace(/=+$/u, '')}`;
}

/** `alice@gpu.example:2222`; the usual port is not named. */
function hostInWords({ user, host, port }: Pick<Endpoint, 'user' | 'host' | 'port'>): string {
  return `${user === undefined ? '' : `${user}@`}${host}${port === USUAL_PORT ? '' : `:${port}`}`;
}

/** Where a machine is. */
export function addressOf(machine: Machine): string {
  const ssh = machine.ssh === undefined ? null : hostInWords(machine.ssh);
  if (machine.kind === 'docker') return ssh === null ? machine.host : `${machine.host} on ${ssh}`;
  return ssh ?? 'this machine';
}

function hostsOf(ssh: SshEndpoint | undefined): MachineView['hosts'] {
  return ssh === undefined ? [] : [...ssh.jump, ssh].map(({ host, port, user, hostKey }) => ({ host, port, user: user ?? null, fingerprint: fingerprintOf(hostKey) }));
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
export async function showHostKey(_context: EngineContext, { host }: Input<'machines.hostKey'>): Promise<Output<'machines.hostKey'>> {
  throw new RepriseError('SSH_MISSING', `This version of Reprise reaches no machine by SSH: ${host} was not asked.`, { kind: 'system' });
}

/** @throws RepriseError MACHINE_UNKNOWN, MACHINES_INVALID */
export async function removeMachine({ workspace, emit }: EngineContext, { name }: Input<'machines.remove'>): Promise<Output<'machines.remove'>> {
  await forgetMachine(workspace, name);
  emit('changed', { what: 'machines' });
  return { removed: name };
}
