/**
 * Sets of runs, and their order, for filters that many runs meet. A condition on a metric, parameter or tag is answered
 * by one stretch of an index; and, or and not are arithmetic on sets; an order is followed along its index until enough
 * runs of the set have come by. Rows of runs are looked at for attributes only.
 */
import type { Condition, Filter, Order } from '../filter/ast';
import { fieldsIn } from '../filter/mentioned';
import { isNamed, sortColumns, SqlWriter, tableOf, type Bound, type Scope } from './search-sql';
import type { Database } from './database';

/** One byte for each id up to the greatest: 1 where the run is in the set. */
export type RunSet = Uint8Array;

type Row = readonly Bound[];

export class RunSets {
  readonly #database: Database;
  readonly #keyOf: (name: string) => number | null;
  readonly #now: number;
  readonly #scope: Scope;
  readonly #small: number;
  readonly #size: number;

  /** @param small sets up to this size are sorted by looking at each run */
  constructor(database: Database, keyOf: (name: string) => number | null, now: number, scope: Scope, small = 0) {
    this.#database = database;
    this.#keyOf = keyOf;
    this.#now = now;
    this.#scope = scope;
    this.#small = small;
    this.#size = (database.prepare<[], number | null>('SELECT max(id) FROM runs').pluck().get() ?? 0) + 1;
  }

  /** The runs of the scope that meet the filter. */
  meeting(filter: Filter | null): RunSet {
    const terms = filter === null ? [] : filter.type === 'and' ? filter.terms : [filter];
    const set = this.#rows(terms.filter(isOfRows));
    for (const term of terms) if (!isOfRows(term)) keep(set, this.#set(term));
    return set;
  }

  /** The first `need` runs of a set. */
  sorted(set: RunSet, order: readonly Order[], need: number): number[] {
    const size = sizeOf(set);
    if (size === 0) return [];
    if (size <= this.#small) return this.#sortedFew(idsOf(set), order, need);
    const [first = { field: { kind: 'attribute', name: 'created' }, descending: true } satisfies Order, ...further] = order;
    const { field } = first;
    const found: number[] = [];
    const missing = Uint8Array.from(set);
    /** Takes the runs of the set that lie along an index. */
    const follow = (from: string, writer: SqlWriter, columns: readonly string[]): void => {
      const direction = first.descending ? 'DESC' : 'ASC';
      const sql = `SELECT ${columns.join(', ')} FROM ${from} ORDER BY ${columns.map((column) => `${column} ${direction}`).join(', ')}`;
      let block: number[] = [];
      let key: Row = [];
      const close = (): void => {
        const sorted = block.length > 1 && further.length > 0 ? this.sorted(setOf(block, this.#size), further, need - found.length) : block;
        for (const id of sorted) found.push(id);
        block = [];
      };
      for (const row of this.#database.prepare<[Record<string, Bound>], Row>(sql).raw().iterate(writer.bound)) {
        const id = Number(row.at(-1));
        if (set[id] !== 1) continue;
        missing[id] = 0;
        if (block.length > 0 && (further.length === 0 || row.some((value, index) => index < row.length - 1 && value !== key[index]))) close();
        if (found.length >= need) return;
        block.push(id);
        key = row;
      }
      close();
    };
    if (isNamed(field)) {
      const [number = '', ...text] = sortColumns(field).map((column) => `it.${column}`);
      const isExtreme = field.kind === 'metric' && field.of !== 'last';
      for (const [condition, columns] of [[`${number} IS NOT NULL`, [number, ...text]], [`${number} IS NULL`, text]] as const) {
        // A series of nothing but NaN has no extremes: it lacks them.
        if (found.length >= need || (isExtreme && condition.endsWith('IS NULL'))) break;
        const writer = this.#writer();
        follow(`${tableOf(field)} AS it WHERE it.key = ${writer.key(field)} AND ${condition}`, writer, [...columns, 'it.run']);
      }
      return found.length >= need ? found.slice(0, need) : [...found, ...this.#lacking(missing, first, further, need - found.length)];
    }
    if (field.kind !== 'attribute' || field.name !== 'created') return this.#sortedMany(set, order, need);
    const writer = this.#writer();
    follow(`runs WHERE ${writer.scope(this.#scope)}`, writer, ['runs.created_at', 'runs.id']);
    return found.slice(0, need);
  }

  /** Runs without the first field, by the further ones or by their place. */
  #lacking(set: RunSet, first: Order, further: readonly Order[], need: number): number[] {
    if (further.length > 0) return this.sorted(set, further, need);
    const ids = idsOf(set);
    if (first.descending) ids.reverse();
    return ids.slice(0, need);
  }

  /** Looks at each run of the set. */
  #sortedFew(ids: readonly number[], order: readonly Order[], need: number): number[] {
    const writer = this.#writer();
    const { joins, terms } = writer.order(order);
    return this.#ids(`SELECT runs.id FROM json_each(${writer.bind(JSON.stringify(ids))}) AS few CROSS JOIN runs ON runs.id = few.value ${joins} ORDER BY ${terms} LIMIT ${writer.bind(need)}`, writer);
  }

  /** Sorts all runs of the scope and takes those of the set. */
  #sortedMany(set: RunSet, order: readonly Order[], need: number): number[] {
    const writer = this.#writer();
    const { joins, terms } = writer.order(order);
    const found: number[] = [];
    const rows = this.#database.prepare<[Record<string, Bound>], number>(`SELECT runs.id FROM ${writer.runs(order.map(({ field }) => field), this.#scope)} ${joins} WHERE ${writer.scope(this.#scope)} ORDER BY ${terms}`).pluck().iterate(writer.bound) as IterableIterator<number>;
    for (const id of rows) {
      if (set[id] === 1) found.push(id);
      if (found.length >= need) break;
    }
    return found;
  }

  #set(filter: Filter): RunSet {
    if (isOfRows(filter)) return this.#rows([filter]);
    switch (filter.type) {
      case 'and':
      case 'or': {
        const sets = filter.terms.map((term) => this.#set(term));
        return sets.reduce((set, other) => (filter.type === 'and' ? keep(set, other) : add(set, other)));
      }
      case 'not':
        return turn(this.#set(filter.term));
      case 'word':
        return this.#rows([filter]);
      case 'null':
      case 'compare':
      case 'in':
      case 'like':
        return this.#named(filter);
    }
  }

  /** Runs of the scope whose rows meet filters that ask for nothing else. */
  #rows(filters: readonly Filter[]): RunSet {
    const writer = this.#writer();
    const conditions = [writer.scope(this.#scope), ...filters.map((filter) => writer.filter(filter))];
    return setOf(this.#ids(`SELECT runs.id FROM ${writer.runs(filters.flatMap(fieldsIn), this.#scope)} WHERE ${conditions.join(' AND ')}`, writer), this.#size);
  }

  /** Of all scopes. */
  #named(condition: Exclude<Condition, { type: 'word' }>): RunSet {
    const { field } = condition;
    if (!isNamed(field)) return this.#rows([condition]);
    const writer = this.#writer();
    const set = setOf(this.#ids(`SELECT it.run FROM ${tableOf(field)} AS it WHERE it.key = ${writer.key(field)} AND ${writer.named(condition)}`, writer), this.#size);
    // `is null` asks that there be no such row.
    return condition.type === 'null' && !condition.negated ? turn(set) : set;
  }

  #ids(sql: string, writer: SqlWriter): number[] {
    return this.#database.prepare<[Record<string, Bound>], number>(sql).pluck().all(writer.bound) as number[];
  }

  #writer(): SqlWriter {
    return new SqlWriter(this.#keyOf, this.#now);
  }
}

/** Whether a filter asks for attributes and data sets alone. */
function isOfRows(filter: Filter): boolean {
  return fieldsIn(filter).every((field) => !isNamed(field));
}

function setOf(ids: readonly number[], size: number): RunSet {
  const set = new Uint8Array(size);
  for (const id of ids) set[id] = 1;
  return set;
}

/** By id. */
export function idsOf(set: RunSet): number[] {
  const ids: number[] = [];
  for (let id = set.indexOf(1); id !== -1; id = set.indexOf(1, id + 1)) ids.push(id);
  return ids;
}

export function sizeOf(set: RunSet): number {
  let size = 0;
  for (const has of set) size += has;
  return size;
}

function keep(set: RunSet, other: RunSet): RunSet {
  for (let id = 0; id < set.length; id += 1) set[id]! &= other[id]!;
  return set;
}

function add(set: RunSet, other: RunSet): RunSet {
  for (let id = 0; id < set.length; id += 1) set[id]! |= other[id]!;
  return set;
}

/** All runs that are not in the set, and ids that no run has. */
function turn(set: RunSet): RunSet {
  for (let id = 0; id < set.length; id += 1) set[id]! ^= 1;
  return set;
}
