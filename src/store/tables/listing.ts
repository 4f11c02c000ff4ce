/** Pages, counts and groups of many runs, found by the covering index `runs_listing`: the rows themselves are read for one page only. */
import { metricsAlone } from '../../config/metrics';
import type { Database } from '../database';
import { RUN_STATUSES, type ListedPage, type ListedRun, type MetricRow, type RunGroupRow, type RunsFilter, type RunsOrder, type RunStatus } from '../types';
import { MetricsTable } from './metrics';
import { toRow, type StoredRun } from './run-row';

type Bound = string | number | null;
type StoredListed = StoredRun & { readonly id: number; readonly updated_at: number };

type StoredCounts = Readonly<Record<RunStatus, number>>;

interface StoredGroup extends StoredCounts {
  readonly group_hash: string;
  readonly experiment: string;
  readonly variant: string | null;
  readonly variant_hash: string;
  readonly newest: number;
  /** JSON arrays, by seed, then by time: the metric, or null where the run has none to count. */
  readonly seeds: string;
  readonly metrics: string;
}

/** In this order `status` sorts: what happens now first. */
const STATUS_PLACE = "CASE status WHEN 'running' THEN 0 WHEN 'queued' THEN 1 WHEN 'interrupted' THEN 2 WHEN 'failed' THEN 3 WHEN 'cancelled' THEN 4 ELSE 5 END";

const COUNTS = RUN_STATUSES.map((status) => `count(*) FILTER (WHERE status = '${status}') AS ${status}`).join(', ');

const TEXT_COLUMNS = ['name', 'experiment', 'variant', 'seed', 'status', 'run_id', 'reproduction_id', 'name'] as const;
const HASH_COLUMNS = ['config_hash', 'compute_hash', 'weights_hash', 'variant_hash'] as const;

/** What groups are made of; each stands in the listing's index. */
const GROUP_COLUMNS = 'experiment, group_hash, seed, created_at, status, variant, variant_hash, calibration, metric';

/** Of more runs than that it is quicker to look through the index than at each row. */
const MANY = 5000;

const HASH_BEGINNING = /^[0-9a-f]{4,}$/iu;

interface Clause {
  /** `WHERE …` */
  readonly where: string;
  readonly bound: Record<string, Bound>;
  /** The index to use; empty where a filter needs the rows. */
  readonly index: string;
}

export class Listing {
  readonly #database: Database;
  readonly #row;
  readonly #metrics;

  constructor(database: Database) {
    this.#database = database;
    this.#row = database.prepare<[number], StoredListed>('SELECT * FROM runs WHERE id = ?');
    this.#metrics = new MetricsTable(database);
  }

  /** @param among ids of the runs that are looked at; null for all */
  page(filter: RunsFilter, order: RunsOrder, offset: number, limit: number, among: readonly number[] | null = null): ListedPage {
    const clause = clauseOf(filter, among);
    return clause.index === '' ? this.#searchedPage(clause, order, offset, limit) : this.#indexedPage(filter, clause, order, offset, limit);
  }

  #indexedPage(filter: RunsFilter, { where, bound, index }: Clause, order: RunsOrder, offset: number, limit: number): ListedPage {
    // No index is named: SQLite finds the smallest that holds what is asked.
    const byStatus = noCounts();
    for (const { status, n } of this.#all<{ status: RunStatus; n: number }>(`SELECT status, count(*) AS n FROM runs ${where} GROUP BY status`, bound)) byStatus[status] = n;
    const total = Object.values(byStatus).reduce((sum, count) => sum + count, 0);
    const size = Math.max(0, Math.min(limit, total - offset));
    // The nearer end is where to begin: what is sorted to be skipped costs time.
    const fromEnd = offset > total / 2;
    const isByTimeAlone = order.by === 'created' && filter.status === undefined && filter.studyId === undefined;
    const from = isByTimeAlone ? `INDEXED BY ${filter.experiment === undefined ? 'runs_by_created' : 'runs_by_experiment'}` : index;
    const { key, join, places, values } = sortingOf(order);
    const ids = this.#all<{ id: number }>(
      `${places === '' ? '' : `WITH ${places} `}SELECT runs.id, created_at, ${key} AS key FROM runs ${from} ${join} ${where} ORDER BY ${orderBy(order, fromEnd)} LIMIT @size OFFSET @start`,
      { ...bound, ...values, size, start: fromEnd ? Math.max(0, total - offset - size) : offset },
    );
    if (fromEnd) ids.reverse();
    return { byStatus, rows: ids.flatMap(({ id }) => this.#listed(id)) };
  }

  /** Every row must be looked at: once, for the page and for the counts. */
  #searchedPage({ where, bound }: Clause, order: RunsOrder, offset: number, limit: number): ListedPage {
    const { key, join, places, values } = sortingOf(order);
    const found = this.#all<{ id: number | null } & StoredCounts>(
      `WITH ${places === '' ? '' : `${places}, `}hit AS MATERIALIZED (SELECT runs.id, status, created_at, ${key} AS key FROM runs ${join} ${where}) ` +
        `SELECT NULL AS id, ${COUNTS} FROM hit UNION ALL SELECT id, 0, 0, 0, 0, 0, 0 FROM (SELECT id FROM hit ORDER BY ${orderBy(order, false)} LIMIT @limit OFFSET @offset)`,
      { ...bound, ...values, limit, offset },
    );
    return { byStatus: countsOf(found.find(({ id }) => id === null)), rows: found.flatMap(({ id }) => (id === null ? [] : this.#listed(id))) };
  }

  /** One run as lists show it. */
  one(runId: string): ListedRun | null {
    const [found] = this.#all<{ id: number }>('SELECT id FROM runs WHERE run_id = @runId', { runId });
    return found === undefined ? null : (this.#listed(found.id)[0] ?? null);
  }

  /** Groups of runs that differ in nothing but the seed, last made first. */
  groups(filter: RunsFilter, among: readonly number[] | null = null): RunGroupRow[] {
    const { where, bound, index } = clauseOf(filter, among);
    return this.#all<StoredGroup>(
      `SELECT experiment, group_hash, max(variant) AS variant, variant_hash, max(created_at) AS newest, ${COUNTS}, json_group_array(seed) AS seeds, ` +
        "json_group_array(CASE WHEN status = 'finished' AND calibration = 0 THEN metric END) AS metrics " +
        `FROM (SELECT ${GROUP_COLUMNS} FROM runs ${index} ${where} ORDER BY experiment, group_hash, seed, created_at) WHERE group_hash IS NOT NULL GROUP BY experiment, group_hash ORDER BY newest DESC`,
      bound,
    ).map((row) => ({
      groupHash: row.group_hash,
      experiment: row.experiment,
      variant: row.variant,
      variantHash: row.variant_hash,
      byStatus: countsOf(row),
      values: valuesBySeed(JSON.parse(row.seeds) as (number | null)[], JSON.parse(row.metrics) as (number | null)[]),
    }));
  }

  #listed(id: number): ListedRun[] {
    const row = this.#row.get(id);
    return row === undefined ? [] : [toListed(row, row.status === 'finished' ? this.#metrics.test(id) : null)];
  }

  #all<R>(sql: string, bound: Record<string, Bound>): R[] {
    return this.#database.prepare<[Record<string, Bound>], R>(sql).all(bound);
  }
}

function clauseOf(filter: RunsFilter, among: readonly number[] | null): Clause {
  const conditions = ['deleted_at IS NULL'];
  const bound: Record<string, Bound> = {};
  if (filter.experiment !== undefined) {
    conditions.push('experiment = @experiment');
    bound['experiment'] = filter.experiment;
  }
  if (filter.studyId !== undefined) {
    conditions.push('study_id = @studyId');
    bound['studyId'] = filter.studyId;
  }
  if (filter.status !== undefined) {
    conditions.push('status IN (SELECT value FROM json_each(@statuses))');
    bound['statuses'] = JSON.stringify(filter.status);
  }
  if (among !== null) {
    conditions.push('runs.id IN (SELECT value FROM json_each(@among))');
    bound['among'] = JSON.stringify(among);
  }
  const words = (filter.text ?? '').split(/\s+/u).filter((word) => word !== '');
  for (const [index, word] of words.entries()) {
    const within = TEXT_COLUMNS.map((column) => `runs.${column} LIKE @word${index} ESCAPE '\\'`);
    // Anywhere in a hash, a short number would be found in most runs; people copy the beginning.
    const begins = HASH_BEGINNING.test(word) ? HASH_COLUMNS.map((column) => `runs.${column} LIKE @begin${index}`) : [];
    if (begins.length > 0) bound[`begin${index}`] = `${word}%`;
    conditions.push(`(${[...within, ...begins].join(' OR ')})`);
    bound[`word${index}`] = `%${word.replaceAll(/[\\%_]/gu, String.raw`\$&`)}%`;
  }
  return { where: `WHERE ${conditions.join(' AND ')}`, bound, index: words.length === 0 && (among === null || among.length > MANY) ? 'INDEXED BY runs_listing' : '' };
}

interface Sorting {
  /** Expression that the runs are sorted by. */
  readonly key: string;
  readonly join: string;
  /** A common table expression that the join needs; empty where it needs none. */
  readonly places: string;
  readonly values: Record<string, Bound>;
}

function sortingOf(order: RunsOrder): Sorting {
  const key = sortKeyOf(order);
  if (order.by === 'place') {
    return {
      key,
      join: 'LEFT JOIN place ON place.hash = runs.variant_hash',
      places: 'place(hash, value) AS MATERIALIZED (SELECT key, value FROM json_each(@places))',
      values: { places: JSON.stringify(order.places) },
    };
  }
  if (order.by === 'param' || order.by === 'value') {
    const join = `LEFT JOIN ${order.by === 'param' ? 'params' : 'latest'} AS named ON named.run = runs.id AND named.key = (SELECT key_id FROM keys WHERE name = @name)`;
    return { key, join, places: '', values: { name: order.name } };
  }
  return { key, join: '', places: '', values: order.by === 'duration' ? { now: Date.now() } : {} };
}

/** Runs without a value come last both ways; among equals the newest is first. */
function orderBy({ by, descending }: RunsOrder, reversed: boolean): string {
  const direction = (isDown: boolean): string => (isDown === reversed ? 'ASC' : 'DESC');
  if (by === 'created') return `created_at ${direction(descending)}, id ${direction(descending)}`;
  return `key ${direction(descending)} NULLS ${reversed ? 'FIRST' : 'LAST'}, created_at ${direction(true)}, id ${direction(true)}`;
}

function sortKeyOf(order: RunsOrder): string {
  switch (order.by) {
    case 'created':
      return 'created_at';
    case 'experiment':
    case 'variant':
    case 'seed':
    case 'metric':
      return order.by;
    case 'value':
      // Logged runs have no config, and so no variant.
      return '(CASE WHEN runs.variant_hash IS NULL THEN named.value ELSE runs.metric END)';
    case 'param':
      // SQLite sorts numbers before texts.
      return 'coalesce(named.number, named.value)';
    case 'status':
      return STATUS_PLACE;
    case 'progress':
      return '(CAST(steps_done AS REAL) / total_steps)';
    case 'loss':
      // NaN is kept as text.
      return "(CASE typeof(final_loss) WHEN 'text' THEN NULL ELSE final_loss END)";
    case 'duration':
      return "max(0, CASE WHEN status = 'running' THEN @now - started_at ELSE ended_at - started_at END)";
    case 'place':
      return 'place.value';
  }
}

function noCounts(): Record<RunStatus, number> {
  return { queued: 0, running: 0, finished: 0, failed: 0, cancelled: 0, interrupted: 0 };
}

function countsOf(row: StoredCounts | undefined): Record<RunStatus, number> {
  return Object.fromEntries(RUN_STATUSES.map((status) => [status, row?.[status] ?? 0])) as Record<RunStatus, number>;
}

/** The newest finished run of a seed stands for it. */
function valuesBySeed(seeds: readonly (number | null)[], metrics: readonly (number | null)[]): number[] {
  const values = new Map<number | null, number>();
  for (const [index, seed] of seeds.entries()) {
    const metric = metrics[index] ?? null;
    if (metric !== null) values.set(seed, metric);
  }
  return [...values.values()];
}

function toListed(row: StoredListed, test: MetricRow | null): ListedRun {
  return {
    run: toRow(row),
    variantHash: row.variant_hash,
    test: test === null ? null : metricsAlone(test),
    attempt: row.attempt_started_at === null ? null : { startedAt: row.attempt_started_at, fromStep: row.attempt_from_step ?? 0, updatedAt: row.updated_at },
  };
}
