/** Runs that others of a cluster wait for (`executor.after`). */
import { join } from 'node:path';
import { RepriseError } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import { openPlace } from '../execution/attempts';
import { hasEnded } from '../execution/run-status';
import type { Forerunners } from '../execution/slurm/dependencies';
import type { Store } from '../store/types';

/** Runs of an experiment that Reprise started. What another program logged is nobody's forerunner. */
export function forerunnersIn(store: Store): Forerunners {
  return async (experiment) => {
    const runs = store.listRuns({ experiment }).filter(({ kind }) => kind !== 'logged');
    if (runs.length === 0) throw new RepriseError('EXPERIMENT_UNKNOWN', `executor.after names ${JSON.stringify(experiment)}, of which there are no runs.`, { kind: 'input', hint: 'Start that experiment first, or correct the name.' });
    return runs.map(({ runId, status }) => ({
      runId,
      ended: status === 'finished' ? 'well' : hasEnded(status) ? 'badly' : null,
      job: hasEnded(status) ? null : (openPlace(join(store.runFolder(runId), RUN_FILES.events))?.job ?? null),
    }));
  };
}
