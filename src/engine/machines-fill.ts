/** A config's executor as it is stored: with the machine that a person chose for it, and with what that machine says of its runs. */
import type { ExecutorConfig } from '../config/executor';
import { machineOf } from '../config/facts';
import type { Machine } from '../config/machine';
import { isMapping } from '../config/mapping';
import { machineNamed, machineOfKind, THIS_MACHINE } from './machines';

/** What is said of a run wherever it goes. */
const KEPT = ['threads', 'provider'] as const;

type Asked = Readonly<Record<string, unknown>>;

const isKind = (kind: unknown): kind is Machine['kind'] => kind === 'docker' || kind === 'ssh' || kind === 'slurm';

/** The executor of the same run on another machine; of one kind they understand each other whole. */
function moved(asked: Asked, kind: ExecutorConfig['kind'], machine: string | null): Asked {
  const kept = (asked['kind'] ?? 'local') === kind ? asked : Object.fromEntries(KEPT.flatMap((key) => (asked[key] === undefined ? [] : [[key, asked[key]]])));
  const { machine: _before, ...rest } = kept as Asked & { readonly machine?: unknown };
  return { ...rest, kind, ...(machine === null ? {} : { machine }) };
}

/**
 * Completes the executor of a config as it was written, before it is checked: `on` names the machine it goes to in place
 * of its own (`local`: this one), and fields that it leaves out get the machine's `defaults`. What is no config is left
 * for its reader to refuse.
 * @throws RepriseError MACHINE_UNKNOWN, MACHINE_KIND, MACHINES_INVALID
 */
export function withMachine(config: unknown, workspace: string, on?: string): unknown {
  if (!isMapping(config)) return config;
  const asked = config['executor'] ?? {};
  if (!isMapping(asked)) return config;
  const executor = on === undefined ? asked : on === THIS_MACHINE ? moved(asked, 'local', null) : moved(asked, machineNamed(workspace, on).kind, on);
  const { kind, machine } = executor;
  if (isKind(kind) && typeof machine === 'string') return { ...config, executor: { ...machineOfKind(workspace, machine, kind).defaults, ...executor } };
  return on === undefined ? config : { ...config, executor };
}

/** Refuses a config for a machine that is not known. @throws RepriseError MACHINE_UNKNOWN, MACHINE_KIND, MACHINES_INVALID */
export function refuseMachine({ executor }: { readonly executor: ExecutorConfig }, workspace: string): void {
  const name = machineOf(executor);
  if (name !== null && executor.kind !== 'local') machineOfKind(workspace, name, executor.kind);
}
