/** Jobs that must have come to an end before: those of other experiments of the workspace. */
import { setTimeout as sleep } from 'node:timers/promises';
import { RepriseError } from '../../errors/errors';
import { parseJob } from './jobs';
import type { SlurmConfig } from './launch';

/** A run of an experiment that others wait for. */
export interface Forerunner {
  readonly runId: string;
  /** well: it is finished. badly: it failed or was cancelled. */
  readonly ended: 'well' | 'badly' | null;
  /** Its job as its newest place record names it; null where it has none. */
  readonly job: string | null;
}

/** The runs of an experiment. @throws RepriseError where there is no such experiment */
export type Forerunners = (experiment: string) => Promise<readonly Forerunner[]>;

const LOOK_MS = 1000;

/**
 * Dependencies for sbatch (`afterok:12:13`), as soon as every run that is waited for has a job on this cluster or has
 * ended: until then nothing is submitted.
 * @param isWanted false ends the waiting
 * @throws RepriseError DEPENDENCY_FAILED where a run ended badly that had to end well
 */
export async function dependenciesOf(after: SlurmConfig['after'], cluster: string, forerunners: Forerunners, isWanted: () => boolean): Promise<string[]> {
  const wanted = [...(after?.ok ?? []).map((experiment) => ({ experiment, well: true })), ...(after?.any ?? []).map((experiment) => ({ experiment, well: false }))];
  const found: string[] = [];
  for (const { experiment, well } of wanted) {
    const ids = await jobsOf(experiment, well, cluster, forerunners, isWanted);
    if (ids.length > 0) found.push(`${well ? 'afterok' : 'afterany'}:${ids.join(':')}`);
  }
  return found;
}

async function jobsOf(experiment: string, well: boolean, cluster: string, forerunners: Forerunners, isWanted: () => boolean): Promise<readonly number[]> {
  for (; isWanted(); await sleep(LOOK_MS)) {
    const runs = await forerunners(experiment);
    const bad = runs.find(({ ended }) => ended === 'badly');
    if (well && bad !== undefined) {
      throw new RepriseError('DEPENDENCY_FAILED', `Run ${bad.runId} of experiment ${experiment} did not end well, and \`executor.after.ok\` says that it must.`, { kind: 'negative', hint: 'Retry that run first, or name the experiment under `after.any`.' });
    }
    const open = runs.filter(({ ended }) => ended === null).map(({ job }) => (job === null ? null : parseJob(job)));
    // An array holds runs of one experiment alone, so all of it is meant.
    if (open.every((job) => job !== null && job.cluster === cluster)) return [...new Set(open.flatMap((job) => (job === null ? [] : [job.id])))];
  }
  return [];
}
