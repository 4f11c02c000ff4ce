/** The ways to other machines: the programs that are sent there, and the connections they answer by. */
import type { MachineOf } from '../config/machine';
import { RepriseError } from '../errors/errors';
import { OutpostLink, type Dial, type Link } from '../execution/remote/link';
import { sshDial, type SentKit } from '../execution/remote/ssh-dial';

/** The programs that carry out runs elsewhere. */
export function kit(): Promise<SentKit> {
  return Promise.reject(new RepriseError('KIT_MISSING', 'The programs for other machines are not part of this Reprise.', { kind: 'system' }));
}

/** A connection of its own, made with the first question. */
export function linkTo(name: string, machine: MachineOf<'ssh' | 'slurm'>): Link {
  return new OutpostLink(name, dialOf(name, machine));
}

function dialOf(name: string, { ssh: endpoint, folder }: MachineOf<'ssh' | 'slurm'>): Dial {
  if (endpoint !== undefined) return sshDial({ name, endpoint, folder, kit });
  return () => Promise.reject(new RepriseError('KIT_MISSING', 'The programs for other machines are not part of this Reprise.', { kind: 'input' }));
}
