/** Use case: write runs in a form that other programs read: MLflow's folder of runs, or a table. */
import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Input, Output } from '../api/contract';
import { RepriseError } from '../errors/errors';
import { refuseTarget } from '../files/targets';
import type { FileRow, RunData } from '../store/tracking';
import type { EngineContext } from './context';
import { filesOf } from './run-output';
import { chooseTarget } from './target';

/** Points that are read at once: more would hold up everything else for too long. */
export const POINTS_AT_ONCE = 20_000;

/** A run with where the content of its files lies. */
export interface ExportedRun {
  readonly data: RunData;
  readonly name: string;
  readonly files: readonly FileRow[];
}

/** What people call a run: its name, else its variant and seed. */
function nameOf({ run }: RunData): string {
  if (run.name !== null) return run.name;
  return [run.variant ?? run.experiment, run.seed === null ? '' : `seed ${run.seed}`].filter((part) => part !== '').join(', ');
}

/** @throws RepriseError FOLDER_NOT_EMPTY and those of `refuseTarget` */
function refuseOut(out: string, input: Input<'runs.export'>): void {
  if (input.format !== 'mlruns') {
    refuseTarget(out, input.overwrite === true);
    return;
  }
  if (existsSync(out) && readdirSync(out).length > 0) {
    throw new RepriseError('FOLDER_NOT_EMPTY', `${out} is there already and not empty; runs are written into a folder of their own.`, { hint: 'Name a folder that is not there yet.' });
  }
}

/** @throws RepriseError TARGET_NOT_FOUND, FILE_EXISTS and others of the target, FOLDER_NOT_EMPTY, CANCELLED */
export async function exportRuns(context: EngineContext, input: Input<'runs.export'>): Promise<Output<'runs.export'>> {
  const out = resolve(input.out);
  refuseOut(out, input);
  // All runs of an experiment, also those that its newest study has no place for.
  const all = context.store.listRuns({ experiment: input.target });
  const { name, runs } = all.length > 0 ? { name: input.target, runs: all } : chooseTarget(context.store, input.target);
  return context.tasks.run(
    { id: input.task, kind: 'export-runs', subject: input.target, title: `Export the runs of ${name}` },
    async (handle) => {
      const known = new Map(context.store.runData(runs.map((run) => run.runId)).map((data) => [data.run.runId, data]));
      const exported = runs.flatMap((run): ExportedRun[] => {
        const data = known.get(run.runId);
        return data === undefined ? [] : [{ data, name: nameOf(data), files: input.format === 'mlruns' ? filesOf(context.store, data.run.runId) : [] }];
      });
      if (input.format === 'mlruns') {
        const made = !existsSync(out);
        try {
          return await (await import('./export-runs-mlruns')).writeMlruns(context, exported, out, handle);
        } catch (error) {
          if (made) await rm(out, { recursive: true, force: true });
          throw error;
        }
      }
      return (await import('./export-runs-table')).writeTable(context, exported, { format: input.format, rows: input.rows ?? 'runs', out }, handle);
    },
    (written) => written.out,
  );
}
