/** The ways to other machines: the programs that are sent there, and the connections they are reached by. */
import { RepriseError } from '../errors/errors';
import type { SshEndpoint } from '../config/machine';
import type { Tunnel } from '../execution/docker/client';

/** The folder of the programs that carry out runs elsewhere. */
export function kitFolder(): Promise<string> {
  return Promise.reject(new RepriseError('KIT_MISSING', 'The programs for other machines are not part of this Reprise.', { kind: 'system' }));
}

export function tunnelTo(_endpoint: SshEndpoint): Tunnel {
  throw new RepriseError('SSH_MISSING', 'This version of Reprise reaches no machine by SSH.', { kind: 'system' });
}
