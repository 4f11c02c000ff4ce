/** The batch script of runs that are only planned, for people to see before anything is sent. */
import type { RunConfig } from '../../config/command';
import type { MachineOf } from '../../config/machine';
import { batchScript } from './script';

export interface PreviewOptions {
  /** Of one of the runs: those whose executor is the same become one array. */
  readonly config: RunConfig;
  readonly count: number;
  readonly machine: Pick<MachineOf<'slurm'>, 'folder'>;
}

/** As it will be sent, but for what is known only then: hashes of programs, the folder of the submission, jobs that are waited for. */
export function previewScript({ config, count, machine: { folder: base } }: PreviewOptions): string {
  const { executor } = config;
  if (executor.kind !== 'slurm') throw new Error(`A run for ${executor.kind} has no batch script.`);
  const named = (experiments: readonly string[] | undefined, condition: string): string[] => (experiments === undefined || experiments.length === 0 ? [] : [`${condition}:${experiments.map((experiment) => `<jobs of ${experiment}>`).join(':')}`]);
  const dependencies = [...named(executor.after?.ok, 'afterok'), ...named(executor.after?.any, 'afterany')];
  const kit = `${base}/kit/<version>`;
  return batchScript({ executor, config, count, dependencies, place: { folder: `${base}/jobs/<submission>`, runs: `${base}/runs`, base, program: [`${kit}/bin/node`, `${kit}/outpost.js`, 'run'] } });
}
