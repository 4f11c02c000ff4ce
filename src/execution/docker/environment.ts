/** The variables of a container's program. */
import type { ExecutorOf } from '../../config/executor';

export interface EnvironmentParts {
  /** Those that name places in the container. */
  readonly places: Readonly<Record<string, string>>;
  /** What Reprise says of the run, with the config's task. */
  readonly order: Readonly<Record<string, string>>;
  readonly executor: Pick<ExecutorOf<'docker'>, 'env'>;
  /** What the config's task says itself. */
  readonly task: Readonly<Record<string, string>>;
  /** Values that are in no config. */
  readonly secrets: Readonly<Record<string, string>>;
}

/** What is said nearer to the program holds: the task's own before the executor's, and that before what was recorded of here. */
export function containerEnvironment({ places, order, executor, task, secrets }: EnvironmentParts): Record<string, string> {
  const ofTask = Object.fromEntries(Object.entries(order).filter(([name]) => Object.hasOwn(task, name)));
  return { ...places, ...order, ...executor.env, ...ofTask, ...secrets };
}
