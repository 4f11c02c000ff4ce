/**
 * Finds runs by a filter, sorted by anything, page by page.
 *
 * Three ways lead to a page. Where one condition is met by few runs, its index names them and the rest is asked of each
 * (`#driven`). Where many meet the filter, an index that has the order is walked until the page is full (`#walk`); it
 * looks at a bounded number of rows, because many that come first may not meet the filter. Else sets of runs are made of
 * every condition, and what is left is sorted (search-sets.ts). All three give the same answer.
 */
import { RepriseError } from '../errors/errors';
import type { Condition, Filter, Order } from '../filter/ast';
import type { Database } from './database';
import { isNamed, sortColumns, SqlWriter, tableOf, type Bound, type NamedField, type Scope } from './search-sql';
import { idsOf, RunSets, sizeOf } from './search-sets';
import { toRow, type StoredRun } from './tables/run-row';
import type { RunRow } from './types';

export interface RunScope extends Scope {
  readonly filter: Filter | null;
  /** Milliseconds since 1970, up to which running runs have lasted; the clock's by default. */
  readonly now?: number | undefined;
}

export interface RunSearch extends RunScope {
  /** Without any, the newest come first. */
  readonly order?: readonly Order[] | undefined;
  readonly limit: number;
  /** The `next` of the page before, of the same search. */
  readonly after?: string | null | undefined;
}

export interface RunsFound {
  readonly runs: RunRow[];
  /** What the next page begins after; null at the end. */
  readonly next: string | null;
}

/** Which way leads to a page; none changes the answer. */
export interface SearchLimits {
  /** Conditions that no more runs meet are asked first. */
  readonly few: number;
  /** Rows that a walk looks at before it gives up. */
  readonly walk: number;
  /** Sets up to this size are sorted by looking at each run. */
  readonly small: number;
}

const LIMITS: SearchLimits = { few: 1000, walk: 500, small: 1000 };

export class RunFinder {
  readonly #database: Database;
  readonly #keyOf: (name: string) => number | null;
  readonly #limits: SearchLimits;
  readonly #row;

  /** @param keyOf the number of a name, or null where nothing has been called so */
  constructor(database: Database, keyOf: (name: string) => number | null, limits: SearchLimits = LIMITS) {
    this.#limits = limits;
    this.#database = database;
    this.#keyOf = keyOf;
    this.#row = database.prepare<[number], StoredRun>('SELECT * FROM runs WHERE id = ?');
  }

  /** @throws RepriseError PAGE_INVALID where `after` is none of this store's */
  find(search: RunSearch): RunsFound {
    const offset = offsetOf(search.after ?? null);
    const ids = this.#ids(search, offset + search.limit + 1);
    const page = ids.slice(offset, offset + search.limit);
    return {
      runs: page.flatMap((id) => {
        const row = this.#row.get(id);
        return row === undefined ? [] : [toRow(row)];
      }),
      next: ids.length > offset + search.limit ? cursorOf(offset + search.limit) : null,
    };
  }

  /** Places in the database of all runs that meet the filter, ascending. */
  all(scope: RunScope): number[] {
    return scope.experiments?.length === 0 ? [] : idsOf(this.#sets(scope).meeting(scope.filter));
  }

  /** Of all runs that meet the filter. */
  count(scope: RunScope): number {
    return scope.experiments?.length === 0 ? 0 : sizeOf(this.#sets(scope).meeting(scope.filter));
  }

  /** The first `need` runs. */
  #ids(search: RunSearch, need: number): number[] {
    const order = search.order ?? [];
    if (search.experiments?.length === 0) return [];
    return this.#driven(search, order, need) ?? this.#walk(search, order, need) ?? this.#gathered(search, order, need);
  }

  /** Begins with what few runs meet; null where there is nothing such. */
  #driven(scope: RunScope, order: readonly Order[], need: number): number[] | null {
    if (scope.experiments !== undefined) {
      const plan = new Plan({ ...scope, filter: null }, [], this.#keyOf);
      if (this.#few(`runs WHERE ${plan.base()}`, plan) !== null) return this.#probed(scope, order, need);
    }
    let best: { readonly condition: NamedCondition; readonly runs: number } | null = null;
    for (const condition of termsOf(scope.filter).filter(canDrive)) {
      const plan = new Plan(scope, [], this.#keyOf);
      const runs = this.#few(`${plan.rowsOf(condition.field)} AND ${plan.writer.named(condition)}`, plan);
      if (runs !== null && runs < (best?.runs ?? Infinity)) best = { condition, runs };
    }
    if (best === null) return null;
    const { condition } = best;
    const plan = new Plan(scope, [condition], this.#keyOf);
    const { joins, terms } = plan.writer.order(order);
    const from = `(SELECT it.run FROM ${plan.rowsOf(condition.field)} AND ${plan.writer.named(condition)}) AS few CROSS JOIN runs ON runs.id = few.run ${joins}`;
    return this.#list(`SELECT runs.id FROM ${from} WHERE ${plan.where()} ORDER BY ${terms} LIMIT ${plan.writer.bind(need)}`, plan);
  }

  /** Asks every run of a small experiment. */
  #probed(scope: RunScope, order: readonly Order[], need: number): number[] {
    const plan = new Plan(scope, [], this.#keyOf);
    const { joins, terms } = plan.writer.order(order);
    return this.#list(`SELECT runs.id FROM runs ${joins} WHERE ${plan.where()} ORDER BY ${terms} LIMIT ${plan.writer.bind(need)}`, plan);
  }

  #gathered(scope: RunScope, order: readonly Order[], need: number): number[] {
    const sets = this.#sets(scope);
    return sets.sorted(sets.meeting(scope.filter), order, need);
  }

  #sets(scope: RunScope): RunSets {
    return new RunSets(this.#database, this.#keyOf, scope.now ?? Date.now(), scope, this.#limits.small);
  }

  /** Follows an index that has the order; null where none has, or the page is not full after many rows. */
  #walk(scope: RunScope, order: readonly Order[], need: number): number[] | null {
    if ((scope.lifecycle ?? 'active') !== 'active' || (scope.experiments?.length ?? 1) !== 1) return null;
    const [first, second] = order;
    if (second !== undefined) return null;
    if (first === undefined) return this.#walkCreated(scope, true, need);
    const { field, descending } = first;
    if (isNamed(field)) return field.kind === 'metric' && field.of !== 'last' ? null : this.#walkNamed(scope, field, descending, need);
    return field.kind === 'attribute' && field.name === 'created' ? this.#walkCreated(scope, descending, need) : null;
  }

  #walkCreated(scope: RunScope, descending: boolean, need: number): number[] | null {
    const plan = new Plan(scope, [], this.#keyOf);
    const index = scope.experiments === undefined ? 'runs_by_created' : 'runs_by_experiment';
    return this.#stretch({ table: `runs INDEXED BY ${index}`, where: plan.base(), columns: ['runs.created_at', 'runs.id'], descending, need, plan });
  }

  #walkNamed(scope: RunScope, field: NamedField, descending: boolean, need: number): number[] | null {
    // Conditions on the very field that sorts bound the walk.
    const own = termsOf(scope.filter).filter((term): term is NamedCondition => canDrive(term) && sameField(term.field, field));
    const [number, ...more] = sortColumns(field).map((column) => `it.${column}`);
    const found: number[] = [];
    const rows = (rest: string, columns: readonly string[]): boolean => {
      const plan = new Plan(scope, own, this.#keyOf);
      const conditions = own.map((condition) => ` AND ${plan.writer.named(condition)}`).join('');
      const ids = this.#stretch({
        table: `${tableOf(field)} AS it`,
        where: `it.key = ${plan.writer.key(field)} AND ${number} ${rest}${conditions}`,
        columns: [...columns, 'it.run'],
        descending,
        need: need - found.length,
        plan,
        join: 'CROSS JOIN runs ON runs.id = it.run',
      });
      for (const id of ids ?? []) found.push(id);
      return ids !== null;
    };
    if (!rows('IS NOT NULL', [number ?? '', ...more])) return null;
    if (found.length < need && !rows('IS NULL', more)) return null;
    if (found.length >= need || own.length > 0) return found;
    const plan = new Plan(scope, [], this.#keyOf);
    const lacks = `NOT EXISTS (SELECT 1 FROM ${plan.rowsOf(field)} AND it.run = runs.id)`;
    const lacking = this.#stretch({ table: 'runs', where: plan.base(), columns: ['runs.id'], descending, need: need - found.length, plan, also: lacks });
    return lacking === null ? null : [...found, ...lacking];
  }

  /**
   * The first runs along an index that meet the filter.
   * @returns null where the page is not full after many rows and there are more
   */
  #stretch({ table, where, columns, descending, need, plan, join = '', also = 'TRUE' }: Stretch): number[] | null {
    const direction = descending ? 'DESC' : 'ASC';
    const terms = columns.map((column) => `${column} ${direction}`).join(', ');
    const named = columns.map((column, index) => `${column} AS c${index}`).join(', ');
    const [end] = this.#all<Record<string, Bound>>(`SELECT ${named} FROM ${table} WHERE ${where} ORDER BY ${terms} LIMIT 1 OFFSET ${this.#limits.walk}`, plan);
    const bound = end === undefined ? '' : ` AND (${columns.join(', ')}) ${descending ? '>' : '<'} (${columns.map((_, index) => plan.writer.bind(end[`c${index}`] ?? null)).join(', ')})`;
    const ids = this.#list(`SELECT ${columns.at(-1) ?? ''} FROM ${table} ${join} WHERE ${where}${bound} AND ${plan.where()} AND ${also} ORDER BY ${terms} LIMIT ${plan.writer.bind(need)}`, plan);
    return ids.length < need && end !== undefined ? null : ids;
  }

  /** How many rows there are; null where there are more than few. */
  #few(rows: string, plan: Plan): number | null {
    const n = this.#all<{ n: number }>(`SELECT count(*) AS n FROM (SELECT 1 FROM ${rows} LIMIT ${this.#limits.few + 1})`, plan)[0]?.n ?? 0;
    return n > this.#limits.few ? null : n;
  }

  #list(sql: string, plan: Plan): number[] {
    return this.#database.prepare<[Record<string, Bound>], number>(sql).pluck().all(plan.writer.bound) as number[];
  }

  #all<R>(sql: string, plan: Plan): R[] {
    return this.#database.prepare<[Record<string, Bound>], R>(sql).all(plan.writer.bound);
  }
}

interface Stretch {
  readonly table: string;
  /** What the index itself can tell. */
  readonly where: string;
  /** Of that index, the run last: together unique. */
  readonly columns: readonly string[];
  readonly descending: boolean;
  readonly need: number;
  readonly plan: Plan;
  /** How `runs` is joined, where the index is another table's. */
  readonly join?: string;
  readonly also?: string;
}

/** A search on its way to SQL, with what it binds. */
class Plan {
  readonly writer: SqlWriter;
  readonly #scope: RunScope;
  readonly #rest: readonly Filter[];

  /** @param asked terms of the filter that are asked elsewhere */
  constructor(scope: RunScope, asked: readonly Filter[], keyOf: (name: string) => number | null) {
    this.writer = new SqlWriter(keyOf, scope.now ?? Date.now());
    this.#scope = scope;
    this.#rest = termsOf(scope.filter).filter((term) => !asked.includes(term));
  }

  /** Scope and filter. */
  where(): string {
    return [this.base(), ...this.#rest.map((term) => this.writer.filter(term))].join(' AND ');
  }

  /** Scope alone. */
  base(): string {
    return this.writer.scope(this.#scope);
  }

  /** All rows of a field, called `it`. */
  rowsOf(field: NamedField): string {
    return `${tableOf(field)} AS it WHERE it.key = ${this.writer.key(field)}`;
  }
}

type NamedCondition = Extract<Condition, { type: 'compare' | 'in' }> & { readonly field: NamedField };

/** Whether an index finds the runs that meet a condition: no difference, no text to look through. */
function canDrive(term: Filter): term is NamedCondition {
  if (term.type === 'in') return isNamed(term.field) && !term.negated;
  return term.type === 'compare' && term.op !== '!=' && isNamed(term.field) && !(term.field.kind === 'metric' && term.field.of !== 'last');
}

function sameField(a: NamedField, b: NamedField): boolean {
  return a.kind === b.kind && a.key === b.key && (a.kind !== 'metric' || b.kind !== 'metric' || a.of === b.of);
}

function termsOf(filter: Filter | null): readonly Filter[] {
  return filter === null ? [] : filter.type === 'and' ? filter.terms : [filter];
}

const CURSOR = /^after-(\d{1,12})$/u;

function cursorOf(offset: number): string {
  return `after-${offset}`;
}

function offsetOf(cursor: string | null): number {
  if (cursor === null) return 0;
  const offset = CURSOR.exec(cursor)?.[1];
  if (offset === undefined) throw new RepriseError('PAGE_INVALID', `There is no page after "${cursor.slice(0, 60)}".`, { kind: 'input', hint: 'Give the "next" of the page before, or nothing for the first page.' });
  return Number(offset);
}
