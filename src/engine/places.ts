/** The places of a workspace's machines, each asked once a session. */
import { machineOf } from '../config/executor';
import { RepriseError } from '../errors/errors';
import type { Places } from './place';

export function placesOf(_workspace: string): Places {
  return {
    of(executor) {
      return Promise.reject(new RepriseError('MACHINE_KIND', `This version of Reprise sends no runs to ${machineOf(executor) ?? executor.kind}.`, { kind: 'system' }));
    },
    close: () => Promise.resolve(),
  };
}
