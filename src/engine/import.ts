/** Use case: import the runs of other programs. */
import { basename, resolve } from 'node:path';
import type { Input, Output } from '../api/contract';
import { findImport, type Found } from '../ingest/detect';
import type { ImportSink } from '../ingest/import-sink';
import { hostScheduler, type EngineContext } from './context';
import { StoreSink } from './import-sink';

/** Hands all that a source has over to a sink; its code is loaded when it is needed. */
async function readAll({ format, path }: Found, input: Input<'runs.import'>, sink: ImportSink): Promise<void> {
  switch (format) {
    case 'mlruns':
      return (await import('../ingest/mlruns/folder')).importMlruns(path, sink);
    case 'mlflow-db':
      return (await import('../ingest/mlruns/database')).importMlflowDatabase(path, sink);
    case 'tensorboard':
      return (await import('../ingest/tensorboard/import')).importTensorBoard(path, sink);
    case 'wandb':
      return (await import('../ingest/wandb/import')).importWandb(path, sink);
    case 'csv':
    case 'json':
    case 'jsonl':
    case 'parquet':
      return (await import('../ingest/tables/import')).importTable(path, format, { layout: input.rows, metrics: input.metrics ?? [] }, sink);
  }
}

/**
 * Imports what is not here yet. What of a run cannot be read is named, and the rest goes on; a run that was read in part
 * is taken up again by the next import.
 * @throws RepriseError WORKSPACE_READ_ONLY, IMPORT_…, TABLE_…, DATABASE_UNREADABLE, MLFLOW_DATABASE_UNKNOWN, CANCELLED
 */
export async function importRuns(context: EngineContext, input: Input<'runs.import'>): Promise<Output<'runs.import'>> {
  hostScheduler(context);
  const found = await findImport(resolve(input.path), input.format);
  return context.tasks.run(
    { id: input.task, kind: 'import', subject: found.path, title: `Import ${basename(found.path)}` },
    async (handle) => {
      const sink = new StoreSink(context, handle, { experiment: input.experiment, dryRun: input.dryRun === true });
      try {
        await readAll(found, input, sink);
      } finally {
        await sink.stop('The import was ended before all was read.');
        if (sink.runs.length > 0) context.emit('changed', { what: 'runs' });
      }
      return { format: found.format, path: found.path, runs: sink.runs, problems: sink.problems };
    },
    ({ runs }) => `${runs.filter(({ outcome }) => outcome === 'new' || outcome === 'updated').length} runs imported`,
  );
}
