/** The part of the store over SQLite that knows what authors named: it writes and reads the logs of runs, and answers from what they say. */
import { join } from 'node:path';
import { RepriseError } from '../errors/errors';
import type { LoggedSystem } from '../events/manifest';
import type { NewRecord } from '../events/records';
import { guard, type Database } from './database';
import { sourceKey } from './documents';
import { infoOf } from './experiment-files';
import { Experiments, type ExperimentChange } from './experiments';
import { HostLogs } from './host-logs';
import { ingestRun } from './ingest';
import { WORKSPACE_FILES } from './layout';
import { NO_POINTS } from './points';
import { expiredRuns, planPurge, purge } from './purge';
import { inTransaction, type Tables } from './tables/all';
import type { DatasetRow, ExperimentInfo, FileRow, LatestMetric, Points, PurgePlan, RunData, RunLifecycle, SeriesWindow, TrackingStore } from './tracking';
import { presentFolderOf } from './trash';
import type { RunRow } from './types';

export abstract class SqliteTracking implements TrackingStore {
  readonly workspace: string;
  readonly readOnly: boolean;
  protected readonly file: string;
  protected readonly database: Database;
  protected readonly tables: Tables;
  protected readonly homes: Experiments;
  protected readonly logs: HostLogs;
  /** The latest reading of each run's log; the next one waits for it. */
  readonly #reading = new Map<string, Promise<void>>();

  protected constructor(workspace: string, database: Database, tables: Tables, readOnly: boolean) {
    this.workspace = workspace;
    this.readOnly = readOnly;
    this.file = join(workspace, WORKSPACE_FILES.database);
    this.database = database;
    this.tables = tables;
    this.homes = new Experiments(database, tables, workspace);
    this.logs = new HostLogs(database, tables, workspace);
  }

  async ingest(runId: string): Promise<RunRow> {
    this.refuseReader();
    this.row(runId);
    const previous = this.#reading.get(runId) ?? Promise.resolve();
    const reading = previous.catch(() => undefined).then(() => ingestRun(this.database, this.tables, presentFolderOf(this.workspace, runId), this.workspace, runId));
    this.#reading.set(runId, reading);
    try {
      await reading;
    } catch (error) {
      throw guarded(this.file, error);
    } finally {
      if (this.#reading.get(runId) === reading) this.#reading.delete(runId);
    }
    return this.row(runId);
  }

  async append(runId: string, records: readonly NewRecord[]): Promise<void> {
    this.refuseReader();
    // What a log that is not open yet has is taken in first, so that it need not be read to be written.
    if (!this.logs.isOpen(runId)) await this.ingest(runId);
    guard(this.file, () => this.logs.append(runId, records));
  }

  get isBehind(): boolean {
    return this.logs.isBehind;
  }

  async index(runId?: string): Promise<void> {
    try {
      if (runId === undefined) await this.logs.indexInTurns();
      else this.logs.index(runId);
    } catch (error) {
      throw guarded(this.file, error);
    }
  }

  releaseLog(runId: string): void {
    this.read(() => this.logs.release(runId));
  }

  async planPurge(runIds?: readonly string[]): Promise<PurgePlan> {
    await this.index();
    return planPurge(this.tables, this.workspace, runIds);
  }

  async purge(runIds?: readonly string[]): Promise<PurgePlan> {
    this.refuseReader();
    await this.index();
    return purge(this.database, this.tables, this.workspace, () => this.logs.index(), runIds);
  }

  async purgeExpired(now = Date.now()): Promise<PurgePlan> {
    return this.purge(this.read(() => expiredRuns(this.tables, now)));
  }

  experiments(lifecycle: 'active' | 'deleted' | 'all' = 'active'): ExperimentInfo[] {
    const all = this.read(() => this.tables.experiments.all());
    return all.filter((row) => lifecycle === 'all' || (row.deleted_at !== null) === (lifecycle === 'deleted')).map(infoOf);
  }

  experiment(by: { readonly id: string } | { readonly name: string }): ExperimentInfo | null {
    const { experiments } = this.tables;
    const row = this.read(() => ('name' in by ? experiments.byName(by.name) : /^\d{1,15}$/u.test(by.id) ? experiments.byId(Number(by.id)) : null));
    return row === null ? null : infoOf(row);
  }

  async createExperiment(name: string, tags: Readonly<Record<string, string>> = {}): Promise<ExperimentInfo> {
    this.refuseReader();
    return this.homes.create(name, tags);
  }

  async updateExperiment(id: string, change: ExperimentChange): Promise<ExperimentInfo> {
    this.refuseReader();
    return this.homes.update(id, change);
  }

  runFrom(system: LoggedSystem, sourceId: string): RunRow | null {
    return this.readAll(() => this.tables.runs.bySource(sourceKey(system, sourceId)));
  }

  lifecycleOf(runId: string): RunLifecycle | null {
    const [found] = this.read(() => this.tables.runs.withMore([runId]));
    return found === undefined ? null : { kind: found.run.kind, deletedAt: found.more.deletedAt };
  }

  runData(runIds: readonly string[]): RunData[] {
    return this.read(() => {
      for (const runId of runIds) this.logs.index(runId);
      const { runs, params, tags, latest } = this.tables;
      const found = new Map(runs.withMore(runIds).map((entry) => [entry.run.runId, entry]));
      return runIds.flatMap((runId) => {
        const entry = found.get(runId);
        if (entry === undefined) return [];
        const { number, run, more } = entry;
        return [{ run, deletedAt: more.deletedAt, user: more.author, params: params.ofRun(number), tags: tags.ofRun(number), metrics: latest.ofRun(number) }];
      });
    });
  }

  seriesKeys(runId: string): string[] {
    return this.ofRun(runId, (run) => this.tables.latest.keysOf(run).map(({ name }) => name), []);
  }

  latestMetrics(runId: string): LatestMetric[] {
    return this.ofRun(runId, (run) => this.tables.latest.ofRun(run), []);
  }

  points(runId: string, key: string, from = 0, limit = Number.POSITIVE_INFINITY): Points {
    return this.ofSeries(runId, key, (run, number) => this.tables.series.read(run, number, from, limit), NO_POINTS);
  }

  seriesWindow(runId: string, key: string, fromStep: number, toStep: number, buckets: number): SeriesWindow {
    // A name that nothing has is the name of a series without points.
    return this.ofRun(
      runId,
      (run) => {
        const { keys, latest, series } = this.tables;
        const number = keys.find(key) ?? -1;
        return series.window(run, number, fromStep, toStep, Math.max(1, Math.floor(buckets)), latest.get(run, number)?.points ?? 0);
      },
      null,
    ) ?? this.tables.series.window(-1, -1, fromStep, toStep, 1, 0);
  }

  files(runId: string): FileRow[] {
    return this.ofRun(runId, (run) => this.tables.files.ofRun(run), []);
  }

  datasets(runId: string): DatasetRow[] {
    return this.ofRun(runId, (run) => this.tables.datasets.ofRun(run), []);
  }

  /** Deleted runs too. */
  protected row(runId: string): RunRow {
    const row = this.readRun(runId, () => this.tables.runs.get(runId));
    if (row === null) throw notFound(this.workspace, runId);
    return row;
  }

  protected number(runId: string): number {
    const run = this.read(() => this.tables.runs.number(runId));
    if (run === null) throw notFound(this.workspace, runId);
    return run;
  }

  /** What is asked of a run by its number, or `none` where there is no such run. */
  protected ofRun<T>(runId: string, work: (run: number) => T, none: T): T {
    return this.readRun(runId, () => {
      const run = this.tables.runs.number(runId);
      return run === null ? none : work(run);
    });
  }

  protected ofSeries<T>(runId: string, key: string, work: (run: number, key: number) => T, none: T): T {
    return this.ofRun(
      runId,
      (run) => {
        const number = this.tables.keys.find(key);
        return number === null ? none : work(run, number);
      },
      none,
    );
  }

  protected read<T>(work: () => T): T {
    return guard(this.file, work);
  }

  /** Reads what follows from the log of a run. */
  protected readRun<T>(runId: string, work: () => T): T {
    return this.read(() => {
      this.logs.index(runId);
      return work();
    });
  }

  /** Reads what follows from the logs of many runs. */
  protected readAll<T>(work: () => T): T {
    return this.read(() => {
      this.logs.index();
      return work();
    });
  }

  protected write(work: () => void): void {
    guard(this.file, () => inTransaction(this.database, this.tables, work));
  }

  protected refuseReader(): void {
    if (this.readOnly) {
      throw new RepriseError('WORKSPACE_READ_ONLY', `The workspace ${this.workspace} is open for reading only.`, {
        kind: 'system',
        hint: 'Close the other Reprise that hosts it, or name another workspace.',
      });
    }
  }
}

export function notFound(workspace: string, runId: string): RepriseError {
  return new RepriseError('RUN_NOT_FOUND', `There is no run "${runId}" in ${workspace}.`, { kind: 'input', hint: '`reprise runs` lists the runs.' });
}

/** The same translation of SQLite's errors as `guard`, for one that came out of a promise. */
function guarded(file: string, error: unknown): unknown {
  try {
    return guard(file, () => {
      throw error;
    });
  } catch (translated) {
    return translated;
  }
}
