/** The variables that can change a command's numbers: what is recorded of them is what its program sees. */
import type { CommandConfig } from '../config/command';
import { hasOwnGpus } from '../config/facts';
import { fillTask } from '../config/task';
import type { CommandManifest } from '../events/manifest';
import { GPU_VARIABLES } from '../execution/local/spawn';
import { isRecordedWhole, recordedVariables, VARIABLES } from '../provenance/variables';

/** Those that a command of this config gets here, besides what follows from its seed and which GPUs it is given. */
export function variablesHere(config: CommandConfig): Record<string, string> {
  const variables = recordedVariables({ ...process.env, ...fillTask(config).env });
  return hasOwnGpus(config.executor) ? Object.fromEntries(Object.entries(variables).filter(([name]) => !GPU_VARIABLES.includes(name))) : variables;
}

/** The one that follows the seed: how Python hashes texts, so that sets have the same order twice, unless somebody says how. */
export function withHashSeed({ seed, task }: CommandConfig, variables: Readonly<Record<string, string>>): Record<string, string> {
  const isSet = Object.hasOwn(task.env, 'PYTHONHASHSEED') || (variables['PYTHONHASHSEED'] ?? '') !== '';
  return isSet ? { ...variables } : { ...variables, PYTHONHASHSEED: String(seed) };
}

export interface PinnedVariables {
  /** What must be said to a program that would else get this process' own; null: not set. */
  readonly env: Readonly<Record<string, string | null>>;
  /** Differ from what was recorded, of which too little was kept to say it again. */
  readonly lost: readonly string[];
}

/** A run may wait for long, and be started from another shell: it gets the variables of the one it was made in. */
export function pinnedVariables({ config, provenance }: CommandManifest): PinnedVariables {
  const recorded = withHashSeed(config, provenance.variables ?? variablesHere(config));
  const here = recordedVariables(process.env);
  const env: Record<string, string | null> = {};
  const lost: string[] = [];
  for (const name of VARIABLES) {
    const value = recorded[name];
    if (value === here[name]) continue;
    if (value === undefined) env[name] = null;
    else if (isRecordedWhole(value)) env[name] = value;
    // One of the task's own is said by the task.
    else if (!Object.hasOwn(config.task.env, name)) lost.push(name);
  }
  return { env, lost };
}

/** The recorded variables that another place is to have, those that were recorded whole. */
export function recordedWhole({ config, provenance }: CommandManifest): Record<string, string> {
  const recorded = withHashSeed(config, provenance.variables ?? {});
  return Object.fromEntries(Object.entries(recorded).filter(([, value]) => isRecordedWhole(value)));
}
