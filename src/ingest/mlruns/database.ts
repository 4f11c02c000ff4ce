/** MLflow's SQL store in an SQLite file (`mlflow.db`), of any of its schemas since MLflow 0.8. */
import { dirname, resolve } from 'node:path';
import { RepriseError } from '../../errors/errors';
import { isTime } from '../../events/record-problem';
import { toLogged, type EventBody, type LoggedNumber } from '../../events/records';
import { openForeign, type ForeignDatabase, type ForeignRow, type ForeignValue } from '../../store/foreign';
import { attempt, Lots, type Begun, type ImportSink } from '../import-sink';
import { keepArtifacts, RUN_NAME, statusOf } from './mlflow';

/** Rows that are read at once. */
const AT_ONCE = 5000;

const text = (value: ForeignValue | undefined): string => (value === null || value === undefined ? '' : String(value));
const optional = (value: ForeignValue | undefined): string | null => (value === null || value === undefined ? null : String(value));
const time = (value: ForeignValue | undefined): number | null => (value === null || value === undefined || !isTime(Number(value)) ? null : Number(value));

/** How MLflow writes what SQL cannot hold: NaN by a flag, infinities as the largest numbers. */
function valueOf({ value, is_nan: isNan }: ForeignRow): LoggedNumber {
  if (Boolean(isNan) || value === null) return 'NaN';
  const number = Number(value);
  if (Math.abs(number) >= Number.MAX_VALUE) return number > 0 ? 'Infinity' : '-Infinity';
  return toLogged(number);
}

class Mlflow {
  constructor(private readonly database: ForeignDatabase) {}

  has(table: string, column = ''): boolean {
    const columns = this.database.columns(table);
    return column === '' ? columns.length > 0 : columns.includes(column);
  }

  rows(sql: string, ...values: readonly ForeignValue[]): ForeignRow[] {
    return this.database.rows(sql, ...values);
  }

  pairs(table: string, column: string, id: string): Record<string, string> {
    if (!this.has(table)) return {};
    return Object.fromEntries(this.rows(`SELECT key, value FROM ${table} WHERE ${column} = ? ORDER BY key`, id).map((row) => [text(row['key']), text(row['value'])]));
  }

  /** Points in the order in which they were written. */
  *points(run: string): Generator<ForeignRow> {
    const columns = ['key', 'value', 'timestamp', this.has('metrics', 'step') ? 'step' : '0 AS step', this.has('metrics', 'is_nan') ? 'is_nan' : '0 AS is_nan'].join(', ');
    for (let last: ForeignValue = -1; ; ) {
      const rows = this.rows(`SELECT rowid AS place, ${columns} FROM metrics WHERE run_uuid = ? AND rowid > ? ORDER BY rowid LIMIT ${AT_ONCE}`, run, last);
      yield* rows;
      const end = rows.at(-1);
      if (end === undefined || rows.length < AT_ONCE) return;
      last = end['place'] as ForeignValue;
    }
  }

  datasets(run: string): EventBody[] {
    if (!this.has('inputs') || !this.has('datasets')) return [];
    const rows = this.rows(
      `SELECT inputs.input_uuid AS input, datasets.* FROM inputs JOIN datasets ON datasets.dataset_uuid = inputs.source_id
       WHERE inputs.source_type = 'DATASET' AND inputs.destination_type = 'RUN' AND inputs.destination_id = ?`,
      run,
    );
    return rows.map((row) => ({
      type: 'dataset',
      name: text(row['name']),
      digest: text(row['digest']),
      sourceType: text(row['dataset_source_type']),
      source: text(row['dataset_source']),
      schema: optional(row['dataset_schema']),
      profile: optional(row['dataset_profile']),
      tags: Object.fromEntries(this.rows('SELECT name, value FROM input_tags WHERE input_uuid = ?', row['input'] ?? null).map((tag) => [text(tag['name']), text(tag['value'])])),
    }));
  }

  models(run: string): { name: string; uri: string }[] {
    if (!this.has('logged_models')) return [];
    return this.rows('SELECT name, artifact_location FROM logged_models WHERE source_run_id = ?', run).map((row) => ({ name: text(row['name']), uri: text(row['artifact_location']) }));
  }
}

async function givePoints(mlflow: Mlflow, run: string, lots: Lots): Promise<void> {
  const open = new Map<string, { steps: number[]; times: number[]; values: LoggedNumber[] }>();
  for (const row of mlflow.points(run)) {
    const key = text(row['key']);
    const columns = open.get(key) ?? { steps: [], times: [], values: [] };
    open.set(key, columns);
    columns.steps.push(Number(row['step']));
    columns.times.push(Number(row['timestamp']));
    columns.values.push(valueOf(row));
    if (columns.steps.length < AT_ONCE) continue;
    await lots.add({ type: 'points', key, ...columns });
    open.delete(key);
  }
  for (const [key, columns] of open) await lots.add({ type: 'points', key, ...columns });
}

async function readRun(row: ForeignRow, mlflow: Mlflow, root: string, file: string, sink: ImportSink, begun: Begun): Promise<void> {
  const id = text(row['run_uuid']);
  const { [RUN_NAME]: tagged, ...tags } = mlflow.pairs('tags', 'run_uuid', id);
  const startedAt = time(row['start_time']);
  const name = tagged ?? text(row['name']);
  const runId = begun(
    await sink.begin({
      system: 'mlflow',
      id,
      name: name === '' ? null : name,
      experiment: text(row['experiment']),
      experimentTags: mlflow.pairs('experiment_tags', 'experiment_id', text(row['experiment_id'])),
      createdAt: startedAt ?? 0,
      user: text(row['user_id']),
      from: file,
      deleted: row['lifecycle_stage'] === 'deleted' || row['experiment_stage'] === 'deleted',
    }),
  );
  if (runId === null) return;
  const lots = new Lots(sink, runId);
  const params = mlflow.pairs('params', 'run_uuid', id);
  if (Object.keys(params).length > 0) await lots.add({ type: 'params', params });
  if (Object.keys(tags).length > 0) await lots.add({ type: 'tags', tags });
  for (const record of mlflow.datasets(id)) await lots.add(record);
  await givePoints(mlflow, id, lots);
  await keepArtifacts({ uri: text(row['artifact_uri']), root, own: null, under: '' }, sink, runId, lots);
  for (const { name: model, uri } of mlflow.models(id)) await keepArtifacts({ uri, root, own: null, under: `models/${model}` }, sink, runId, lots);
  await lots.flush();
  await sink.end(runId, { status: statusOf(row['status']), endedAt: time(row['end_time']), ...(startedAt === null ? {} : { startedAt }), ...(name === '' ? {} : { name }) });
}

/** Reads all runs of an MLflow database, deleted ones too. @throws RepriseError DATABASE_UNREADABLE, MLFLOW_DATABASE_UNKNOWN */
export async function importMlflowDatabase(file: string, sink: ImportSink): Promise<void> {
  const database = await openForeign(file);
  try {
    const mlflow = new Mlflow(database);
    if (!mlflow.has('runs', 'run_uuid') || !mlflow.has('experiments') || !mlflow.has('metrics')) {
      throw new RepriseError('MLFLOW_DATABASE_UNKNOWN', `${file} is an SQLite database, but none of MLflow: it has no tables runs, experiments and metrics.`, { hint: 'Name the file that MLflow was started with, mostly mlflow.db.' });
    }
    const rows = mlflow.rows(
      `SELECT runs.*, experiments.name AS experiment, experiments.lifecycle_stage AS experiment_stage
       FROM runs JOIN experiments ON experiments.experiment_id = runs.experiment_id ORDER BY runs.start_time, runs.run_uuid`,
    );
    for (const row of rows) {
      await attempt(sink, `${file}: run ${text(row['run_uuid'])}`, async (begun) => readRun(row, mlflow, dirname(resolve(file)), file, sink, begun));
    }
  } finally {
    database.close();
  }
}
