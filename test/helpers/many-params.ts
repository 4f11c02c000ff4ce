/** A workspace of very many logged runs with many parameters and metrics each, for benchmarks: rows of the database alone. */
import { join, resolve } from 'node:path';
import Sqlite from 'better-sqlite3';
import { hashJson } from '../../src/config/hash';
import { openStore } from '../../src/store/open';
import { nativeBinding, noise } from './many-runs';

const ROWS_PER_TRANSACTION = 5000;
const METRIC_SALT = 1000;

/**
 * Fills a workspace with finished runs of the experiment "Default", one a second up to now, with `columns` values each:
 * half parameters `p000`… (`v0` to `v19`), half metrics `m000`… in [0, 1). The same values as `fill` of mlflow_peer.py
 * writes into MLflow's database.
 */
export async function fillParams(workspace: string, { runs, columns }: { readonly runs: number; readonly columns: number }): Promise<void> {
  const half = columns / 2;
  (await openStore(workspace, { mode: 'host' })).close();
  const database = new Sqlite(join(resolve(workspace), 'reprise.db'), nativeBinding());
  try {
    database.pragma('synchronous = OFF');
    const putKey = database.prepare('INSERT INTO keys (name) VALUES (?)');
    const keysOf = (letter: string): number[] => Array.from({ length: half }, (_, column) => Number(putKey.run(`${letter}${String(column).padStart(3, '0')}`).lastInsertRowid));
    const params = keysOf('p');
    const metrics = keysOf('m');
    const putRun = database.prepare(
      'INSERT INTO runs (run_id, kind, source, author, reproduction_id, experiment_id, experiment, calibration, created_at, manifest_sha256, name, status, log_status, started_at, ended_at, updated_at, filled) ' +
        "VALUES (?, 'logged', ?, 'bench', ?, 0, 'Default', 0, ?, ?, ?, 'finished', 'finished', ?, ?, ?, 1)",
    );
    const putParam = database.prepare('INSERT INTO params (run, key, value, number) VALUES (?, ?, ?, NULL)');
    const putMetric = database.prepare('INSERT INTO latest (run, key, value, step, time, points, min, max) VALUES (?, ?, ?, 100, ?, 1, ?, ?)');
    const now = Date.now();
    const insert = database.transaction((from: number, to: number) => {
      for (let index = from; index < to; index += 1) {
        const id = index.toString(16).padStart(32, '0');
        const start = now - (runs - index) * 1000;
        const run = putRun.run(id, `mlflow:${id}`, id, start, hashJson(id), `run-${index}`, start, start + 500, start + 500).lastInsertRowid;
        for (let column = 0; column < half; column += 1) {
          putParam.run(run, params[column], `v${Math.floor(noise(index, column) * 20)}`);
          const value = noise(index, METRIC_SALT + column);
          putMetric.run(run, metrics[column], value, now, value, value);
        }
      }
    });
    for (let from = 0; from < runs; from += ROWS_PER_TRANSACTION) insert(from, Math.min(runs, from + ROWS_PER_TRANSACTION));
  } finally {
    database.close();
  }
}
