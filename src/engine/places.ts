/** The places of a workspace's machines, each asked once a session. */
import { machineOf, type ExecutorConfig } from '../config/executor';
import { hashJson } from '../config/hash';
import type { Machine } from '../config/machine';
import { RepriseError } from '../errors/errors';
import { machineOfKind } from './machines';
import type { Look, Place, Places } from './place';
import { dockerOptions, dockerPlace, lookAtDocker } from './place-docker';

/** Asks once what is asked twice; what failed is asked anew. */
function remembered<K, T>(ask: (key: K) => Promise<T>): (key: K) => Promise<T> {
  const answers = new Map<string, Promise<T>>();
  return (key) => {
    const name = JSON.stringify(key);
    const known = answers.get(name);
    if (known !== undefined) return known;
    const answer = ask(key);
    answers.set(name, answer);
    answer.catch(() => answers.delete(name));
    return answer;
  };
}

/** What an image's name means is asked each time: that is what changes. */
function remembering(place: Place): Place {
  const facts = remembered(() => place.facts());
  return { name: place.name, facts: () => facts('facts'), image: () => place.image(), interpreter: remembered((command) => place.interpreter(command)) };
}

/** @throws RepriseError MACHINE_UNKNOWN, MACHINE_KIND, MACHINES_INVALID */
function placeOn(executor: Exclude<ExecutorConfig, { readonly kind: 'local' }>, workspace: string): Place {
  switch (executor.kind) {
    case 'docker': {
      const name = machineOf(executor);
      return dockerPlace(dockerOptions(name, name === null ? null : machineOfKind(workspace, name, 'docker')), executor);
    }
    case 'ssh':
    case 'slurm':
      throw notYet(executor.machine);
  }
}

/** @param workspace whose machines are meant */
export function placesOf(workspace: string): Places {
  const known = new Map<string, Place>();
  return {
    async of(executor) {
      if (executor.kind === 'local') return null;
      const name = machineOf(executor);
      // One that was described anew is another.
      const key = hashJson([{ ...executor, threads: 0 }, name === null ? null : machineOfKind(workspace, name, executor.kind)]);
      const place = known.get(key) ?? remembering(placeOn(executor, workspace));
      known.set(key, place);
      return place;
    },
    close: () => Promise.resolve(),
  };
}

/** A fresh look at a machine, past all that is remembered. @throws RepriseError where it cannot be reached */
export async function lookAtMachine(_workspace: string, name: string, machine: Machine): Promise<Look> {
  switch (machine.kind) {
    case 'docker':
      return lookAtDocker(dockerOptions(name, machine));
    case 'ssh':
    case 'slurm':
      throw notYet(name);
  }
}

function notYet(name: string): RepriseError {
  return new RepriseError('MACHINE_KIND', `This version of Reprise sends no runs to ${name}.`, { kind: 'system' });
}
