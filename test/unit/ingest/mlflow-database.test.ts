/** Databases of MLflow's older schemas, made as its migrations made them. Those of today are made by MLflow in the integration tests. */
import { chmodSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { importMlflowDatabase } from '../../../src/ingest/mlruns/database';
import { openDatabase } from '../../../src/store/database';
import { filesOf, memorySink, paramsOf, seriesOf, tagsOf } from '../../helpers/trackers';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-mlflow-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const put = async (source: Uint8Array | { readonly file: string }) => Promise.resolve({ sha256: source instanceof Uint8Array ? '' : source.file, bytes: 0 });
const file = (): string => join(folder, 'mlflow.db');

/** MLflow 0.8: metrics without a step and a flag for NaN, no tags of experiments, no data sets. */
const FIRST_SCHEMA = `
  CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name VARCHAR(256) UNIQUE, artifact_location VARCHAR(256), lifecycle_stage VARCHAR(32));
  CREATE TABLE runs (run_uuid VARCHAR(32) PRIMARY KEY, name VARCHAR(250), source_type VARCHAR(20), user_id VARCHAR(256), status VARCHAR(20), start_time BIGINT, end_time BIGINT, lifecycle_stage VARCHAR(20), artifact_uri VARCHAR(200), experiment_id INTEGER);
  CREATE TABLE tags (key VARCHAR(250), value VARCHAR(250), run_uuid VARCHAR(32), PRIMARY KEY (key, run_uuid));
  CREATE TABLE metrics (key VARCHAR(250), value FLOAT, timestamp BIGINT, run_uuid VARCHAR(32), PRIMARY KEY (key, value, timestamp, run_uuid));
  CREATE TABLE params (key VARCHAR(250), value VARCHAR(250), run_uuid VARCHAR(32), PRIMARY KEY (key, run_uuid));`;

test('the first schema', async () => {
  const database = openDatabase(file(), { readonly: false });
  database.exec(FIRST_SCHEMA);
  database.exec(`INSERT INTO experiments VALUES (1, 'old', '', 'active'), (2, 'gone', '', 'deleted');
    INSERT INTO runs VALUES ('${'a'.repeat(32)}', '', 'LOCAL', 'me', 'FINISHED', 1000, 2000, 'active', '', 1), ('${'b'.repeat(32)}', 'named', 'LOCAL', 'me', 'RUNNING', 1001, NULL, 'active', 's3://bucket/x', 2);
    INSERT INTO metrics VALUES ('loss', 0.5, 10, '${'a'.repeat(32)}'), ('loss', 0.25, 11, '${'a'.repeat(32)}');
    INSERT INTO params VALUES ('lr', '0.1', '${'a'.repeat(32)}');
    INSERT INTO tags VALUES ('mlflow.runName', 'tagged', '${'a'.repeat(32)}'), ('x', 'y', '${'a'.repeat(32)}');`);
  database.close();
  const sink = memorySink(put);
  await importMlflowDatabase(file(), sink);
  const [old, gone] = [...sink.runs.values()];
  expect(old).toMatchObject({ run: { name: 'tagged', experiment: 'old', user: 'me', createdAt: 1000, deleted: false }, state: { status: 'finished', endedAt: 2000, startedAt: 1000 } });
  expect(seriesOf(old?.records ?? []).get('loss')).toEqual([[0, 10, 0.5], [0, 11, 0.25]]);
  expect([paramsOf(old?.records ?? []), tagsOf(old?.records ?? [])]).toEqual([{ lr: '0.1' }, { x: 'y' }]);
  expect(gone).toMatchObject({ run: { name: 'named', deleted: true }, state: { status: 'running', endedAt: null } });
  expect(sink.problems).toEqual([expect.stringContaining('do not lie on this machine')]);
});

test('one that is written to meanwhile, with values in its write-ahead log only, and NaN and infinities', async () => {
  const database = openDatabase(file(), { readonly: false });
  database.exec(FIRST_SCHEMA);
  database.exec("ALTER TABLE metrics ADD COLUMN step BIGINT NOT NULL DEFAULT 0; ALTER TABLE metrics ADD COLUMN is_nan BOOLEAN NOT NULL DEFAULT 0; INSERT INTO experiments VALUES (1, 'e', '', 'active')");
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.pragma('wal_autocheckpoint = 0');
  const id = 'c'.repeat(32);
  database.exec(`INSERT INTO runs VALUES ('${id}', 'r', 'LOCAL', 'me', 'FINISHED', 1, 2, 'active', '', 1);
    INSERT INTO metrics VALUES ('odd', 0, 1, '${id}', 0, 1), ('odd', 1.7976931348623157e308, 2, '${id}', 1, 0), ('odd', -1.7976931348623157e308, 3, '${id}', 2, 0)`);
  const before = (await readdir(folder)).toSorted();
  const sink = memorySink(put);
  // Not checkpointed, not closed: what a running server has.
  await importMlflowDatabase(file(), sink);
  expect(seriesOf(sink.runs.get(id)?.records ?? []).get('odd')).toEqual([[0, 1, Number.NaN], [1, 2, Infinity], [2, 3, -Infinity]]);
  expect((await readdir(folder)).toSorted()).toEqual(before);
  database.close();
});

test.runIf(process.getuid?.() !== undefined)('one in a folder that cannot be written to', async () => {
  const database = openDatabase(file(), { readonly: false });
  database.exec(FIRST_SCHEMA);
  database.exec("INSERT INTO experiments VALUES (1, 'e', '', 'active')");
  database.close();
  chmodSync(folder, 0o500);
  try {
    const sink = memorySink(put);
    await importMlflowDatabase(file(), sink);
    expect([sink.runs.size, sink.problems]).toEqual([0, []]);
  } finally {
    chmodSync(folder, 0o700);
  }
});

test('artifacts come from inside of the folder of the database only', async () => {
  const inside = join(folder, 'store', 'mlruns', '1', 'run', 'artifacts');
  await mkdir(inside, { recursive: true });
  await writeFile(join(inside, 'model.bin'), 'x');
  await mkdir(join(folder, 'private'));
  await writeFile(join(folder, 'private', 'key'), 'mine');
  const path = join(folder, 'store', 'mlflow.db');
  const database = openDatabase(path, { readonly: false });
  database.exec(FIRST_SCHEMA);
  database.exec("INSERT INTO experiments VALUES (1, 'e', '', 'active')");
  const add = database.prepare("INSERT INTO runs VALUES (?, 'r', 'LOCAL', 'me', 'FINISHED', 1, 2, 'active', ?, 1)");
  const uris = { absolute: inside, relative: './mlruns/1/run/artifacts', file: pathToFileURL(inside).href, outside: pathToFileURL(join(folder, 'private')).href, dots: 'mlruns/../../private' };
  for (const [id, uri] of Object.entries(uris)) add.run(id, uri);
  database.close();
  const sink = memorySink(put);
  await importMlflowDatabase(path, sink);
  expect(Object.fromEntries([...sink.runs].map(([id, { records }]) => [id, Object.keys(filesOf(records))]))).toEqual({ absolute: ['model.bin'], relative: ['model.bin'], file: ['model.bin'], outside: [], dots: [] });
  expect(sink.problems).toHaveLength(2);
});

test('what is no database, and a database of somebody else, are refused in words', async () => {
  await writeFile(file(), 'SQLite format 3\0 and nothing more');
  await expect(importMlflowDatabase(file(), memorySink(put))).rejects.toMatchObject({ code: 'DATABASE_UNREADABLE', kind: 'input' });
  const other = join(folder, 'other.db');
  const database = openDatabase(other, { readonly: false });
  database.exec('CREATE TABLE x (y)');
  database.close();
  await expect(importMlflowDatabase(other, memorySink(put))).rejects.toMatchObject({ code: 'MLFLOW_DATABASE_UNKNOWN', kind: 'input' });
});

test('one whose tables are queries without an end is none of MLflow', async () => {
  const database = openDatabase(file(), { readonly: false });
  database.exec(FIRST_SCHEMA);
  database.exec('DROP TABLE runs; CREATE VIEW runs AS WITH RECURSIVE more(run_uuid) AS (SELECT 1 UNION ALL SELECT run_uuid + 1 FROM more) SELECT run_uuid, 1 AS experiment_id, 0 AS start_time FROM more');
  database.close();
  await expect(importMlflowDatabase(file(), memorySink(put))).rejects.toMatchObject({ code: 'MLFLOW_DATABASE_UNKNOWN' });
});
