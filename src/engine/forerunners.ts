/** What a cluster's dependencies have to know of the runs of an experiment. */
import { join } from 'node:path';
import { RepriseError } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import { openPlace } from '../execution/attempts';
import type { Forerunner, Forerunners } from '../execution/slurm/dependencies';
import type { RunRow, Store } from '../store/types';

/** @returns the runs of an experiment; throws RepriseError EXPERIMENT_NOT_FOUND where it has none */
export function forerunnersOf(store: Store): Forerunners {
  return (experiment) => {
    const rows = store.listRuns({ experiment }).filter(({ kind }) => kind !== 'logged');
    if (rows.length > 0) return Promise.resolve(rows.map((row) => forerunner(store, row)));
    return Promise.reject(new RepriseError('EXPERIMENT_NOT_FOUND', `There is no run of an experiment ${experiment}, which \`executor.after\` names.`, { hint: 'Start its runs first, or correct the name.' }));
  };
}

function forerunner(store: Store, { runId, status }: RunRow): Forerunner {
  switch (status) {
    case 'finished':
      return { runId, ended: 'well', job: null };
    case 'failed':
    case 'cancelled':
      return { runId, ended: 'badly', job: null };
    case 'queued':
    case 'running':
    case 'interrupted':
      return { runId, ended: null, job: openPlace(join(store.runFolder(runId), RUN_FILES.events))?.job ?? null };
  }
}
