/** Groups of the runs that meet a filter, with statistics of one metric over all runs of each. */
import type { Field, Order } from '../filter/ast';
import type { Database } from './database';
import type { RunScope } from './search';
import { idsOf, RunSets, type RunSet } from './search-sets';
import { isNamed, sortColumns, SqlWriter, tableOf, type Bound, type NamedField } from './search-sql';

export interface RunGrouping extends RunScope {
  /** Runs of a group have the same value in each, or lack it; parameters and tags that spell the same number are the same. */
  readonly by: readonly Field[];
  /**
   * With a list, runs of a group have the same text in every parameter besides these, too. So `['seed']` makes groups of
   * runs that differ in nothing but the seed.
   */
  readonly allParamsBut?: readonly string[] | undefined;
  /** Of a metric: its statistics are answered, and groups are sorted by its mean. Else the largest group comes first. */
  readonly order?: Order | undefined;
  readonly limit: number;
}

/** Over all runs of the group that have the metric; NaN is counted apart. */
export interface GroupStatistics {
  readonly n: number;
  readonly nan: number;
  /** Null where n is 0. */
  readonly mean: number | null;
  /** Of a sample: divided by n − 1. Null where n is below 2. */
  readonly sd: number | null;
  readonly min: number | null;
  readonly max: number | null;
}

export interface GroupOfRuns {
  /** In the order of `by`, as in the newest run; null where the runs lack it. */
  readonly values: readonly (string | number | null)[];
  readonly runs: number;
  /** Id of the run that came into the store last. */
  readonly newest: string;
  readonly statistics: GroupStatistics | null;
}

export interface GroupsFound {
  readonly groups: GroupOfRuns[];
  /** Groups in all. */
  readonly total: number;
}

/** A number for each run, by id: which group it is in; -1 where it is in none. */
type Grouping = Int32Array;

type Value = string | number | null;

export class RunGroups {
  readonly #database: Database;
  readonly #keyOf: (name: string) => number | null;
  readonly #runId;

  /** @param keyOf the number of a name, or null where nothing has been called so */
  constructor(database: Database, keyOf: (name: string) => number | null) {
    this.#database = database;
    this.#keyOf = keyOf;
    this.#runId = database.prepare<[number], string>('SELECT run_id FROM runs WHERE id = ?').pluck();
  }

  find(grouping: RunGrouping): GroupsFound {
    if (grouping.experiments?.length === 0) return { groups: [], total: 0 };
    const now = grouping.now ?? Date.now();
    const set = new RunSets(this.#database, this.#keyOf, now, grouping).meeting(grouping.filter);
    let groups: Grouping = Int32Array.from(set, (has) => has - 1);
    for (const field of grouping.by) groups = refined(groups, this.#values(field, grouping, now));
    if (grouping.allParamsBut !== undefined) groups = refined(groups, this.#params(grouping.allParamsBut, set));

    const members = membersOf(groups);
    const statistics = grouping.order === undefined ? null : statisticsOf(groups, members.length, this.#values(grouping.order.field, grouping, now));
    const sorted = members.map((_, group) => group).sort(this.#comparison(members, statistics, grouping.order?.descending ?? true));
    const shown = sorted.slice(0, grouping.limit);
    const values = grouping.by.map((field) => this.#values(field, grouping, now, true));
    return {
      total: members.length,
      groups: shown.map((group) => {
        const { runs, newest } = members[group]!;
        return {
          values: values.map((column) => column.get(newest) ?? null),
          runs,
          newest: this.#runId.get(newest) as string,
          statistics: statistics?.[group] ?? null,
        };
      }),
    };
  }

  /** Groups without a mean come last; equal ones begin with the one of the newest run. */
  #comparison(members: readonly Members[], statistics: readonly GroupStatistics[] | null, descending: boolean): (a: number, b: number) => number {
    return (a, b) => {
      const [left, right] = [members[a]!, members[b]!];
      if (statistics === null) return right.runs - left.runs || right.newest - left.newest;
      const [x, y] = [statistics[a]!.mean, statistics[b]!.mean];
      if (x === null || y === null || x === y) return Number(x === null) - Number(y === null) || right.newest - left.newest;
      return x < y === descending ? 1 : -1;
    };
  }

  /** A field's value by run. @param asWritten parameters and tags as their text, else as the number that it spells: 0.1 and 1e-1 are the same */
  #values(field: Field, scope: RunScope, now: number, asWritten = false): Map<number, Value> {
    const writer = new SqlWriter(this.#keyOf, now);
    if (!isNamed(field)) {
      return this.#map(`SELECT runs.id, ${writer.attribute(field)} FROM ${writer.runs([field], scope)} WHERE ${writer.scope(scope)}`, writer);
    }
    const [number = '', text] = sortColumns(field);
    const value = field.kind === 'metric' ? `coalesce(it.${number}, ${field.of === 'last' ? "'NaN'" : 'NULL'})` : asWritten ? `it.${text ?? ''}` : `coalesce(it.${number}, it.${text ?? ''})`;
    return this.#map(`SELECT it.run, ${value} FROM ${tableOf(field)} AS it WHERE it.key = ${writer.key(field)}`, writer, field);
  }

  #map(sql: string, writer: SqlWriter, field?: NamedField): Map<number, Value> {
    const values = new Map<number, Value>();
    for (const [id, value] of this.#database.prepare<[Record<string, Bound>], [number, Value]>(sql).raw().all(writer.bound)) {
      values.set(id, field?.kind === 'metric' && value === 'NaN' ? Number.NaN : value);
    }
    return values;
  }

  /** All parameters of each run of a set but some, as one text. */
  #params(but: readonly string[], set: RunSet): Map<number, Value> {
    const keys = but.flatMap((name) => this.#keyOf(name) ?? []);
    const ids = idsOf(set);
    // Of many runs it is quicker to read all.
    const among = ids.length * 4 < set.length ? 'run IN (SELECT value FROM json_each(@ids)) AND ' : '';
    const rows = this.#database
      .prepare<[Record<string, Bound>], [number, string]>(`SELECT run, group_concat(key || quote(value), '' ORDER BY key) FROM params WHERE ${among}key NOT IN (SELECT value FROM json_each(@keys)) GROUP BY run`)
      .raw();
    const values = new Map<number, Value>();
    for (const [id, text] of rows.iterate({ keys: JSON.stringify(keys), ids: JSON.stringify(ids) })) if (set[id] === 1) values.set(id, text);
    return values;
  }
}

interface Members {
  readonly runs: number;
  /** The greatest id. */
  readonly newest: number;
}

/** Divides groups further: runs stay together that have the same value. */
function refined(groups: Grouping, values: ReadonlyMap<number, Value>): Grouping {
  const codes = new Map<Value | undefined, number>();
  const pairs = new Map<number, number>();
  const finer = new Int32Array(groups.length).fill(-1);
  for (const [id, group] of groups.entries()) {
    if (group === -1) continue;
    // Null and nothing are the same; NaN is one key of a Map.
    const value = values.get(id) ?? null;
    const code = codes.get(value) ?? codes.size;
    codes.set(value, code);
    // There are no more codes than ids.
    const pair = group * groups.length + code;
    const number = pairs.get(pair) ?? pairs.size;
    pairs.set(pair, number);
    finer[id] = number;
  }
  return finer;
}

function membersOf(groups: Grouping): Members[] {
  const members: { runs: number; newest: number }[] = [];
  for (const [id, group] of groups.entries()) {
    if (group === -1) continue;
    const known = (members[group] ??= { runs: 0, newest: id });
    known.runs += 1;
    known.newest = id;
  }
  return members;
}

/**
 * Mean and sum of squared differences in one pass (Welford 1962), so that no precision is lost. Infinities make the mean
 * infinite, or NaN where they are of both signs, and the deviation NaN.
 */
function statisticsOf(groups: Grouping, count: number, values: ReadonlyMap<number, Value>): GroupStatistics[] {
  const sums = Array.from({ length: count }, () => ({ n: 0, nan: 0, mean: 0, squares: 0, infinite: 0, min: Infinity, max: -Infinity }));
  for (const [id, group] of groups.entries()) {
    const value = group === -1 ? null : (values.get(id) ?? null);
    const sum = sums[group];
    if (typeof value !== 'number' || sum === undefined) continue;
    if (Number.isNaN(value)) {
      sum.nan += 1;
      continue;
    }
    sum.n += 1;
    if (Number.isFinite(value)) {
      const difference = value - sum.mean;
      sum.mean += difference / sum.n;
      sum.squares += difference * (value - sum.mean);
    } else sum.infinite += value;
    sum.min = Math.min(sum.min, value);
    sum.max = Math.max(sum.max, value);
  }
  return sums.map(({ n, nan, mean, squares, infinite, min, max }) => {
    if (n === 0) return { n, nan, mean: null, sd: null, min: null, max: null };
    const isFinite = infinite === 0;
    return { n, nan, mean: isFinite ? mean : infinite, sd: n < 2 ? null : isFinite ? Math.sqrt(squares / (n - 1)) : Number.NaN, min, max };
  });
}
