/** Manifests of logged and command runs for tests of the store. */
import { commandConfigSchema, type CommandConfig } from '../../../src/config/command';
import type { CommandManifest, LoggedManifest } from '../../../src/events/manifest';
import type { LoggedNumber, PointsRecord } from '../../../src/events/records';
import { sampleManifest } from './sample';

export function loggedManifest(runId: string, more: Partial<LoggedManifest> = {}): LoggedManifest {
  return { format: 1, kind: 'logged', runId, experiment: 'logged', createdAt: 1_700_000_000_000, source: { system: 'mlflow', id: null, from: null }, user: 'ada', ...more };
}

export function commandManifest(runId: string, more: Partial<CommandManifest> & { readonly seed?: number; readonly params?: CommandConfig['params'] } = {}): CommandManifest {
  const { seed = 1, params = { lr: 0.1, kind: 'lstm' }, ...rest } = more;
  const config = commandConfigSchema.parse({ experiment: 'command', task: { command: ['python', 'train.py'] }, params, seed, selection: { metric: 'val_loss', value: 'best' } });
  return {
    format: 1,
    kind: 'command',
    runId,
    reproductionId: `command-${seed}-${runId.toUpperCase()}`,
    experiment: config.experiment,
    variant: null,
    config,
    configHash: `config-${seed}`,
    computeHash: `compute-${seed}`,
    inputs: [],
    createdAt: 1_700_000_000_000,
    provenance: sampleManifest('x').provenance,
    ...rest,
  };
}

/** Points whose steps count from `first`, one a millisecond. */
export function points(key: string, values: readonly LoggedNumber[], first = 0): PointsRecord {
  return { type: 'points', key, steps: values.map((_, index) => first + index), times: values.map((_, index) => 1_700_000_000_000 + first + index), values };
}
