/** The places of a workspace's machines, each asked once a session. */
import type { ExecutorConfig } from '../config/executor';
import { machineOf } from '../config/facts';
import { hashJson } from '../config/hash';
import type { Machine, MachineOf } from '../config/machine';
import type { Link } from '../execution/remote/link';
import { linkTo } from './machine-links';
import { machineOfKind } from './machines';
import { knownOf } from './machines-known';
import type { Look, Place, Places } from './place';
import { dockerOptions, dockerPlace, lookAtDocker } from './place-docker';
import { linkedPlace, lookAtLinked } from './place-link';

/** Asks once what is asked twice; what failed is asked anew. */
function remembered<K extends readonly unknown[], T>(ask: (...question: K) => Promise<T>): (...question: K) => Promise<T> {
  const answers = new Map<string, Promise<T>>();
  return (...question) => {
    const name = JSON.stringify(question);
    const known = answers.get(name);
    if (known !== undefined) return known;
    const answer = ask(...question);
    answers.set(name, answer);
    answer.catch(() => answers.delete(name));
    return answer;
  };
}

/** What an image's name means is asked each time: that is what changes. */
function remembering(place: Place): Place {
  return { name: place.name, facts: remembered(() => place.facts()), image: () => place.image(), interpreter: remembered((command, env) => place.interpreter(command, env)) };
}

/** @param workspace whose machines are meant */
export function placesOf(workspace: string): Places {
  const known = new Map<string, Place>();
  const links = new Map<string, Link>();

  const linkOf = (name: string, machine: MachineOf<'ssh' | 'slurm'>): Link => {
    const key = hashJson([name, machine]);
    const link = links.get(key) ?? linkTo(name, machine);
    links.set(key, link);
    return link;
  };
  const placeOn = (executor: Exclude<ExecutorConfig, { readonly kind: 'local' }>): Place => {
    switch (executor.kind) {
      case 'docker': {
        const name = machineOf(executor);
        return dockerPlace(dockerOptions(name, name === null ? null : machineOfKind(workspace, name, 'docker')), executor);
      }
      case 'ssh': {
        return linkedPlace(linkOf(executor.machine, machineOfKind(workspace, executor.machine, 'ssh')), executor, null);
      }
      case 'slurm': {
        const machine = machineOfKind(workspace, executor.machine, 'slurm');
        return linkedPlace(linkOf(executor.machine, machine), executor, knownOf(workspace, executor.machine, machine)?.facts ?? null);
      }
    }
  };

  return {
    async of(executor) {
      if (executor.kind === 'local') return null;
      const name = machineOf(executor);
      const machine = name === null ? null : machineOfKind(workspace, name, executor.kind);
      // One that was described anew is another; of a cluster a test may know more by now.
      const key = hashJson([{ ...executor, threads: 0 }, machine, name === null || machine?.kind !== 'slurm' ? null : (knownOf(workspace, name, machine)?.testedAt ?? null)]);
      const place = known.get(key) ?? remembering(placeOn(executor));
      known.set(key, place);
      return place;
    },
    close() {
      for (const link of links.values()) link.close();
      return Promise.resolve();
    },
  };
}

/** A fresh look at a machine, past all that is remembered. @throws RepriseError where it cannot be reached */
export async function lookAtMachine(name: string, machine: Machine): Promise<Look> {
  if (machine.kind === 'docker') return lookAtDocker(dockerOptions(name, machine));
  const link = linkTo(name, machine);
  try {
    return await lookAtLinked(link, machine);
  } finally {
    link.close();
  }
}
