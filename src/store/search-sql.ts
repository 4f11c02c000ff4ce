/**
 * Filters and orders of runs as SQL. Every expression holds fixed text and names of bound values only; whatever a filter
 * says, the names of metrics, parameters and tags among it, is bound.
 */
import type { AttributeName, Comparison, Condition, DatasetPart, Field, Filter, Order, Value } from '../filter/ast';
import { canBeginHash, WORD_ATTRIBUTES, WORD_HASHES } from '../filter/evaluate';
import { numberIn } from '../filter/literals';

export type Bound = string | number | null;

/** Which runs a search looks at. */
export interface Scope {
  /** Names; all where it is left out. */
  readonly experiments?: readonly string[] | undefined;
  /** `active`, those that are not deleted, where it is left out. */
  readonly lifecycle?: 'active' | 'deleted' | 'all' | undefined;
}

/** Columns of `runs`. Text that is empty was never given. */
const COLUMNS: Readonly<Record<AttributeName, string>> = {
  run_id: 'runs.run_id',
  reproduction_id: 'runs.reproduction_id',
  name: 'coalesce(runs.name, runs.variant, runs.reproduction_id)',
  experiment: 'runs.experiment',
  study: 'runs.study_id',
  variant: 'runs.variant',
  user: "nullif(runs.author, '')",
  status: 'runs.status',
  kind: 'runs.kind',
  seed: 'runs.seed',
  created: 'runs.created_at',
  started: 'coalesce(runs.started_at, runs.created_at)',
  ended: 'runs.ended_at',
  duration: "(max(0, CASE WHEN runs.status = 'running' THEN @now ELSE runs.ended_at END - runs.started_at) / 1000.0)",
  steps: 'runs.steps_done',
  attempts: 'runs.attempts',
  exit_code: 'runs.exit_code',
  error: 'runs.error_code',
  config_hash: 'runs.config_hash',
  compute_hash: 'runs.compute_hash',
  weights_hash: 'runs.weights_hash',
  artifact_uri: "('mlflow-artifacts:/' || runs.experiment_id || '/' || runs.run_id || '/artifacts')",
};

/** Attributes that stand in the index of lists. */
const LISTED: readonly AttributeName[] = ['experiment', 'study', 'variant', 'status', 'seed', 'created', 'started', 'ended', 'duration', 'steps'];

const DATASET_COLUMNS: Readonly<Record<DatasetPart, string>> = {
  name: 'it.name',
  digest: 'it.digest',
  context: `json_extract(it.tags, '$."mlflow.data.context"')`,
};

const TABLES = { metric: 'latest', param: 'params', tag: 'tags' } as const;

/** A field that has a table of names. */
export type NamedField = Extract<Field, { readonly key: string }>;

export function isNamed(field: Field): field is NamedField {
  return field.kind === 'metric' || field.kind === 'param' || field.kind === 'tag';
}

export function tableOf(field: NamedField): 'latest' | 'params' | 'tags' {
  return TABLES[field.kind];
}

/** Collects bound values while filters are written as SQL. */
export class SqlWriter {
  readonly bound: Record<string, Bound> = {};
  readonly #keyOf: (name: string) => number | null;
  #names = 0;

  /**
   * @param keyOf the number of a name, or null where nothing has been called so
   * @param now milliseconds since 1970
   */
  constructor(keyOf: (name: string) => number | null, now: number) {
    this.#keyOf = keyOf;
    this.bound['now'] = now;
  }

  bind(value: Bound): string {
    const name = `v${this.#names}`;
    this.#names += 1;
    this.bound[name] = value;
    return `@${name}`;
  }

  /** The number of a field's name, bound; a name that is not known gets a number that nothing has. */
  key(field: NamedField): string {
    return this.bind(this.#keyOf(field.key) ?? -1);
  }

  /** Whether a row of `runs` meets the filter. NULL where a condition is on what the run lacks: as good as false. */
  filter(filter: Filter): string {
    switch (filter.type) {
      case 'and':
      case 'or':
        return `(${filter.terms.map((term) => this.filter(term)).join(filter.type === 'and' ? ' AND ' : ' OR ')})`;
      case 'not':
        return `((${this.filter(filter.term)}) IS NOT TRUE)`;
      case 'word':
        return this.#word(filter.word);
      default:
        return this.#condition(filter);
    }
  }

  #condition(condition: Exclude<Condition, { type: 'word' }>): string {
    const { field } = condition;
    if (field.kind === 'attribute') {
      const column = COLUMNS[field.name];
      return condition.type === 'null' ? `(${column} IS ${condition.negated ? 'NOT ' : ''}NULL)` : this.#scalar(column, condition);
    }
    // `is null` asks that there be no such row.
    const not = condition.type === 'null' && !condition.negated ? 'NOT ' : '';
    if (field.kind === 'dataset') {
      const column = DATASET_COLUMNS[field.part];
      return `${not}EXISTS (SELECT 1 FROM datasets AS it WHERE it.run = runs.id AND ${condition.type === 'null' ? `${column} IS NOT NULL` : this.#scalar(column, condition)})`;
    }
    // The plus keeps SQLite from looking through all runs that meet the condition: the run's own row is a step away.
    return `${not}EXISTS (SELECT 1 FROM ${tableOf(field)} AS it WHERE it.run = runs.id AND it.key = ${this.key(field)} AND +(${this.named(condition)}))`;
  }

  /** What a condition on a metric, parameter or tag asks of its row, called `it`. */
  named(condition: Exclude<Condition, { type: 'word' }>): string {
    const { field } = condition;
    if (field.kind === 'metric') return this.#metric(field.of === 'last' ? 'it.value' : `it.${field.of}`, field.of === 'last', condition);
    return this.#logged(condition);
  }

  /** @param hasNan whether NULL stands for NaN; else it stands for nothing */
  #metric(column: string, hasNan: boolean, condition: Exclude<Condition, { type: 'word' }>): string {
    const isNan = hasNan ? `${column} IS NULL` : 'FALSE';
    switch (condition.type) {
      case 'null':
        return hasNan ? 'TRUE' : `${column} IS NOT NULL`;
      case 'like':
        throw new Error('A metric is no text.');
      case 'compare': {
        const number = numberOf(condition.value);
        if (Number.isNaN(number)) return condition.op === '=' ? isNan : `${column} IS NOT NULL`;
        const compared = `${column} ${condition.op} ${this.bind(number)}`;
        return condition.op === '!=' && hasNan ? `(${compared} OR ${isNan})` : compared;
      }
      case 'in': {
        const numbers = condition.values.map(numberOf);
        const found = `(${column} IN (${this.#list(numbers.filter((number) => !Number.isNaN(number)))})${numbers.some(Number.isNaN) ? ` OR ${isNan}` : ''})`;
        if (!condition.negated) return found;
        return hasNan ? `(${found} IS NOT TRUE)` : `(${column} IS NOT NULL AND ${found} IS NOT TRUE)`;
      }
    }
  }

  /** Parameters and tags: a text, and the number that it spells or NULL. */
  #logged(condition: Exclude<Condition, { type: 'word' }>): string {
    switch (condition.type) {
      case 'null':
        return 'TRUE';
      case 'like':
        return this.#like('it.value', condition);
      case 'compare':
        return this.#loggedCompare(condition.op, condition.value);
      case 'in': {
        const numbers = condition.values.flatMap((value) => (value.type === 'number' ? [value.value] : []));
        const texts = condition.values.flatMap((value) => (value.type === 'text' ? [value.value] : []));
        const parts = [
          ...(numbers.length === 0 ? [] : [`it.number IN (${this.#list(numbers)})`]),
          // Text that spells no number lies together in the index.
          ...(texts.length === 0 ? [] : [`${texts.every((text) => numberIn(text) === null) ? 'it.number IS NULL AND ' : ''}it.value IN (${this.#list(texts)})`]),
          ...condition.values.flatMap((value) => (value.type === 'boolean' ? [this.#loggedCompare('=', value)] : [])),
        ];
        const found = `(${parts.map((part) => `(${part})`).join(' OR ')})`;
        return condition.negated ? `(${found} IS NOT TRUE)` : found;
      }
    }
  }

  #loggedCompare(op: Comparison, value: Value): string {
    switch (value.type) {
      case 'number': {
        const compared = `it.number ${op} ${this.bind(value.value)}`;
        return op === '!=' ? `(${compared} OR it.number IS NULL)` : compared;
      }
      case 'boolean':
        return op === '=' ? `(it.number IS NULL AND lower(it.value) = ${this.bind(String(value.value))})` : `lower(it.value) != ${this.bind(String(value.value))}`;
      case 'text': {
        const compared = `it.value ${op} ${this.bind(value.value)}`;
        return op === '=' ? `(it.number IS ${this.bind(numberIn(value.value))} AND ${compared})` : compared;
      }
      case 'time':
        throw new Error('Parameters and tags are not compared with times.');
    }
  }

  /** A condition on a column that is NULL where the run lacks it. */
  #scalar(column: string, condition: Exclude<Condition, { type: 'word' | 'null' }>): string {
    switch (condition.type) {
      case 'like':
        return this.#like(column, condition);
      case 'compare':
        return this.#scalarCompare(column, condition.op, condition.value);
      case 'in': {
        const spans = condition.values.flatMap((value) => (value.type === 'time' ? [value] : []));
        const not = condition.negated ? 'NOT ' : '';
        if (spans.length === 0) return `${column} ${not}IN (${this.#list(condition.values.map((value) => (value.type === 'number' || value.type === 'text' ? value.value : null)))})`;
        const rows = spans.map(({ from, to }) => `(${this.bind(from)}, ${this.bind(to)})`).join(', ');
        return `(${column} IS NOT NULL AND ${not}EXISTS (SELECT 1 FROM (VALUES ${rows}) WHERE ${column} BETWEEN column1 AND column2))`;
      }
    }
  }

  #scalarCompare(column: string, op: Comparison, value: Value): string {
    if (value.type !== 'time') return `${column} ${op} ${this.bind(value.type === 'boolean' ? String(value.value) : value.value)}`;
    switch (op) {
      case '=':
        return `${column} BETWEEN ${this.bind(value.from)} AND ${this.bind(value.to)}`;
      case '!=':
        return `${column} NOT BETWEEN ${this.bind(value.from)} AND ${this.bind(value.to)}`;
      case '<':
      case '>=':
        return `${column} ${op} ${this.bind(value.from)}`;
      case '>':
      case '<=':
        return `${column} ${op} ${this.bind(value.to)}`;
    }
  }

  /** GLOB tells upper from lower case, LIKE does not for A to Z. */
  #like(column: string, { pattern, ignoreCase, negated }: Extract<Condition, { type: 'like' }>): string {
    return `${column} ${negated ? 'NOT ' : ''}${ignoreCase ? 'LIKE' : 'GLOB'} ${this.bind(ignoreCase ? pattern : globOf(pattern))}`;
  }

  #word(word: string): string {
    const within = this.bind(`%${escapeLike(word)}%`);
    const beginning = canBeginHash(word) ? this.bind(`${word}%`) : null;
    const parts = [
      ...WORD_ATTRIBUTES.map((name) => `${COLUMNS[name]} LIKE ${within} ESCAPE '\\'`),
      ...(beginning === null ? [] : WORD_HASHES.map((name) => `${COLUMNS[name]} LIKE ${beginning}`)),
    ];
    return `(${parts.join(' OR ')})`;
  }

  #list(values: readonly Bound[]): string {
    return values.map((value) => this.bind(value)).join(', ');
  }

  /**
   * What runs are sorted by, as joins and terms of ORDER BY: first whether there is a number, something else or nothing.
   * Equal runs follow by their place in the database, in the direction of the last order; without any, the newest first.
   */
  order(order: readonly Order[]): { readonly joins: string; readonly terms: string } {
    const joins: string[] = [];
    const terms: string[] = [];
    for (const [index, { field, descending }] of order.entries()) {
      const direction = descending ? 'DESC' : 'ASC';
      if (isNamed(field)) {
        const alias = `o${index}`;
        joins.push(`LEFT JOIN ${tableOf(field)} AS ${alias} ON ${alias}.run = runs.id AND ${alias}.key = ${this.key(field)}`);
        const columns = sortColumns(field).map((column) => `${alias}.${column}`);
        const rank = field.kind === 'metric' && field.of !== 'last' ? `(${columns[0]} IS NULL)` : `(CASE WHEN ${alias}.run IS NULL THEN 2 WHEN ${columns[0]} IS NULL THEN 1 ELSE 0 END)`;
        terms.push(rank, ...columns.map((column) => `${column} ${direction}`));
      } else {
        terms.push(`${this.attribute(field)} ${direction} NULLS LAST`);
      }
    }
    if (order.length === 0) terms.push('runs.created_at DESC');
    terms.push(`runs.id ${tieDirection(order)}`);
    return { joins: joins.join(' '), terms: terms.join(', ') };
  }

  /** Whether a row of `runs` is in the scope. */
  scope({ experiments, lifecycle = 'active' }: Scope): string {
    const parts = [
      ...(lifecycle === 'all' ? [] : [`runs.deleted_at IS ${lifecycle === 'active' ? '' : 'NOT '}NULL`]),
      ...(experiments === undefined ? [] : [`runs.experiment IN (${this.#list(experiments)})`]),
    ];
    return parts.length === 0 ? 'TRUE' : parts.join(' AND ');
  }

  /** Where to find the rows of a scope by these fields: an index that holds them all is quicker to look through than the rows. */
  runs(fields: readonly Field[], { lifecycle = 'active' }: Scope): string {
    const isListed = fields.length > 0 && fields.every((field) => field.kind === 'attribute' && LISTED.includes(field.name));
    return isListed && lifecycle === 'active' ? 'runs INDEXED BY runs_listing' : 'runs';
  }

  /** An attribute or a part of the data sets as one value. */
  attribute(field: Exclude<Field, NamedField>): string {
    return field.kind === 'attribute' ? COLUMNS[field.name] : `(SELECT min(${DATASET_COLUMNS[field.part]}) FROM datasets AS it WHERE it.run = runs.id)`;
  }
}

/** Columns of a field's table that sort its rows, as its index has them. */
export function sortColumns(field: NamedField): readonly string[] {
  return field.kind === 'metric' ? [field.of === 'last' ? 'value' : field.of] : ['number', 'value'];
}

export function tieDirection(order: readonly Order[]): 'ASC' | 'DESC' {
  return order.at(-1)?.descending === false ? 'ASC' : 'DESC';
}

function numberOf(value: Value): number {
  if (value.type !== 'number') throw new Error('A metric is compared with numbers.');
  return value.value;
}

/** `%` and `_` as `*` and `?`; what GLOB gives a meaning of its own stands in brackets. */
function globOf(pattern: string): string {
  return pattern.replaceAll(/[*?[]/gu, '[$&]').replaceAll('%', '*').replaceAll('_', '?');
}

function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/gu, String.raw`\$&`);
}
