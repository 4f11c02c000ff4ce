/** What clusters would get for runs that are planned, for people to read before it is sent. */
import type { StudyPlan } from '../api/rows';
import type { RunConfig } from '../config/command';
import { hashJson } from '../config/hash';
import { machineOfKind } from './machines';

/** One script for the runs whose executor is the same: they become one array. @throws RepriseError MACHINE_UNKNOWN, SCRIPT_VALUE_INVALID */
export async function scriptsOf(workspace: string, configs: readonly RunConfig[]): Promise<StudyPlan['scripts']> {
  const alike = new Map<string, RunConfig[]>();
  for (const config of configs) {
    if (config.executor.kind !== 'slurm') continue;
    const key = hashJson(config.executor);
    alike.set(key, [...(alike.get(key) ?? []), config]);
  }
  if (alike.size === 0) return [];
  const { previewScript } = await import('../execution/slurm/preview');
  return [...alike.values()].flatMap((group) => {
    const [config] = group;
    if (config === undefined || config.executor.kind !== 'slurm') return [];
    const { machine } = config.executor;
    return [{ machine, runs: group.length, text: previewScript({ config, count: group.length, machine: machineOfKind(workspace, machine, 'slurm') }) }];
  });
}
