/** Gives the rows of an older schema what only the files of their runs say. */
import { RepriseError } from '../errors/errors';
import { declaredMetric } from './apply';
import type { Database } from './database';
import { newRunFrom, readManifestFile } from './documents';
import { Experiments } from './experiments';
import { ingestRun } from './ingest';
import { runFolderOf } from './layout';
import { inTransaction, putConfigParams, type Tables } from './tables/all';

interface OldBlock {
  readonly key: string;
  readonly steps: Uint8Array;
  readonly vals: Uint8Array;
}

/**
 * Reads manifest and log of every run that came from an older schema, one after the other, so that what a crash leaves is
 * done the next time. A run whose manifest cannot be read is left for the next time; `workspace check` names it. The
 * curves of one whose log cannot be read are taken from the older schema.
 */
export async function fillRuns(database: Database, tables: Tables, workspace: string): Promise<void> {
  await new Experiments(database, tables, workspace).writeMissing();
  for (const runId of tables.runs.unfilled()) {
    const folder = runFolderOf(workspace, runId);
    try {
      const { identity, config, refs } = newRunFrom(await readManifestFile(folder, runId));
      const run = tables.runs.number(runId);
      if (run === null) continue;
      inTransaction(database, tables, () => {
        if (config !== null && identity.variantHash !== null) tables.variants.put(identity.variantHash, JSON.stringify(config));
        tables.runs.fill(identity);
        putConfigParams(tables, run, config, identity.seed);
        for (const ref of refs) tables.files.refer(run, ref);
      });
      const isRead = await readAgain(database, tables, workspace, folder, runId);
      inTransaction(database, tables, () => {
        if (!isRead) takeOldSeries(database, tables, run);
        dropOldSeries(database, run);
        tables.runs.setFilled(runId);
      });
    } catch (error) {
      if (!(error instanceof RepriseError)) throw error;
    }
  }
  if (tables.runs.unfilled().length === 0) database.exec('DROP TABLE IF EXISTS old_series');
}

/** @returns whether the log was there and could be read */
async function readAgain(database: Database, tables: Tables, workspace: string, folder: string, runId: string): Promise<boolean> {
  const run = tables.runs.number(runId);
  if (run === null || tables.cursors.get(run).offset <= 0) return run !== null && tables.cursors.get(run).offset === 0;
  try {
    await ingestRun(database, tables, folder, workspace, runId, true);
    return tables.cursors.get(run).offset > 0;
  } catch (error) {
    if (error instanceof RepriseError) return false;
    throw error;
  }
}

/** Losses and learning rates as the older schema had them: without times, for which the run's last sign of life stands. */
function takeOldSeries(database: Database, tables: Tables, run: number): void {
  const state = tables.runs.state(run);
  if (state === null) return;
  const blocks = database.prepare<[number], OldBlock>('SELECT key, steps, vals FROM old_series WHERE run = ? ORDER BY key, block').all(run);
  for (const block of blocks) {
    const steps = floatsOf(block.steps);
    const key = tables.keys.of(block.key);
    tables.latest.add(run, key, tables.series.add(run, key, { steps, times: steps.map(() => state.updatedAt), values: floatsOf(block.vals) }));
  }
  if (state.status === 'finished') tables.runs.putState(run, { ...state, metric: declaredMetric(tables, run) });
}

function dropOldSeries(database: Database, run: number): void {
  database.prepare<[number]>('DELETE FROM old_series WHERE run = ?').run(run);
}

function floatsOf(bytes: Uint8Array): Float64Array {
  // Copied, because a BLOB's memory need not be aligned to 8 bytes.
  return new Float64Array(new Uint8Array(bytes).buffer);
}
