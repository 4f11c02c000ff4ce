import * as fc from 'fast-check';
import Sqlite from 'better-sqlite3';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RepriseError } from '../../../src/errors/errors';
import type { Field, Filter, Order } from '../../../src/filter/ast';
import { compareRuns, compareText, meets } from '../../../src/filter/evaluate';
import { numberIn } from '../../../src/filter/literals';
import { parseFilter, parseOrder } from '../../../src/filter/parse';
import { printFilter, printOrder } from '../../../src/filter/print';
import { readFilter } from '../../../src/filter/read';
import type { Database } from '../../../src/store/database';
import { migrate } from '../../../src/store/migrations';
import { RunGroups } from '../../../src/store/search-groups';
import { RunFinder, type RunScope, type SearchLimits } from '../../../src/store/search';
import { field, filter, NOW, order, runs } from '../../helpers/filter-arbitraries';
import { putRuns, type StoredDocument } from '../../helpers/search-runs';

/** Each of the three ways to a page. */
const WAYS: Readonly<Record<string, SearchLimits>> = {
  'few first': { few: 3000, walk: 3000, small: 2000 },
  walked: { few: -1, walk: 3000, small: 0 },
  'walked in vain': { few: -1, walk: 2, small: 0 },
  'sets, small ones looked at': { few: -1, walk: 0, small: 5 },
};

const open: Database[] = [];
afterEach(() => {
  for (const database of open.splice(0)) database.close();
});

function emptyDatabase(): Database {
  const database = new Sqlite(':memory:');
  open.push(database);
  migrate(database, ':memory:');
  return database;
}

const keysOf =
  (database: Database) =>
  (name: string): number | null =>
    (database.prepare('SELECT key_id FROM keys WHERE name = ?').pluck().get(name) as number | undefined) ?? null;

/** Run ids that the reference finds, in its order. */
function expected(documents: readonly StoredDocument[], { filter: wanted, experiments, lifecycle = 'active' }: RunScope, by: readonly Order[]): string[] {
  const direction = by.at(-1)?.descending === false ? 1 : -1;
  const created: Order = { field: { kind: 'attribute', name: 'created' }, descending: true };
  return documents
    .map((document, index) => ({ document, index }))
    .filter(({ document }) => lifecycle === 'all' || (document.deletedAt === null) === (lifecycle === 'active'))
    .filter(({ document }) => experiments === undefined || experiments.includes(String(document.attributes.experiment)))
    .filter(({ document }) => wanted === null || meets(document, wanted))
    .sort((a, b) => compareRuns(a.document, b.document, by.length === 0 ? [created] : by) || direction * (a.index - b.index))
    .map(({ document }) => String(document.attributes.run_id));
}

const scope = fc.record({ experiments: fc.option(fc.constantFrom(['alpha'], ['alpha', 'beta'], []), { nil: undefined, freq: 2 }), lifecycle: fc.constantFrom('active', 'active', 'deleted', 'all') });

describe('a search answers as the language means', () => {
  it.each(Object.entries(WAYS))('%s', (_, limits) => {
    fc.assert(
      fc.property(runs, fc.array(fc.tuple(fc.option(filter), order, scope, fc.integer({ min: 1, max: 50 })), { minLength: 10, maxLength: 10 }), (all, searches) => {
        const database = emptyDatabase();
        const documents = putRuns(database, all, NOW);
        const finder = new RunFinder(database, keysOf(database), limits);
        for (const [wanted, by, where, limit] of searches) {
          const search = { filter: wanted, order: by, ...where, now: NOW };
          const reference = expected(documents, search, by);
          const found: string[] = [];
          let after: string | null = null;
          do {
            const page: { runs: { runId: string }[]; next: string | null } = finder.find({ ...search, limit, after });
            found.push(...page.runs.map((run) => run.runId));
            after = page.next;
          } while (after !== null);
          expect(found, wanted === null ? '' : `${printFilter(wanted)} order by ${printOrder(by)}`).toStrictEqual(reference);
          expect(finder.count(search)).toBe(reference.length);
        }
        database.close();
      }),
      { numRuns: 60 },
    );
  });
});

const bare = (value: unknown): unknown => JSON.parse(JSON.stringify(value, (name, entry: unknown) => (name === 'at' ? 0 : typeof entry === 'number' && !Number.isFinite(entry) ? String(entry) : entry)));

it('reads what it wrote as the same filter', () => {
  fc.assert(
    fc.property(filter, order, (wanted, by) => {
      expect(bare(parseFilter(printFilter(wanted), NOW))).toStrictEqual(bare(wanted));
      expect(bare(parseOrder(printOrder(by)))).toStrictEqual(bare(by));
    }),
    { numRuns: 500 },
  );
});

/** A field's value as groups tell values apart. */
function groupValue(document: StoredDocument, field: Field, asWritten = false): string | number | null {
  switch (field.kind) {
    case 'metric':
      return document.metrics.get(field.key)?.[field.of] ?? null;
    case 'param':
    case 'tag': {
      const text = document[field.kind === 'param' ? 'params' : 'tags'].get(field.key) ?? null;
      return text === null || asWritten ? text : (numberIn(text) ?? text);
    }
    case 'attribute':
      return document.attributes[field.name];
    case 'dataset':
      return document.datasets.flatMap((dataset) => dataset[field.part] ?? []).sort(compareText)[0] ?? null;
  }
}

it('groups runs with statistics over all of each', () => {
  const metric = fc.record({ kind: fc.constant('metric' as const), key: fc.constant('loss'), of: fc.constantFrom('last', 'min') });
  fc.assert(
    fc.property(runs, fc.option(filter), scope, fc.array(field, { maxLength: 2 }), fc.option(fc.constantFrom<string[]>([], ['loss'], ['a b', 'ключ', 'never logged']), { nil: undefined }), metric, fc.boolean(), (all, wanted, where, by, allParamsBut, of, descending) => {
      const database = emptyDatabase();
      const documents = putRuns(database, all, NOW);
      const { groups, total } = new RunGroups(database, keysOf(database)).find({ filter: wanted, ...where, by, allParamsBut, order: { field: of, descending }, limit: 1000, now: NOW });

      const members = new Map<string, StoredDocument[]>();
      const ids = new Set(expected(documents, { filter: wanted, ...where }, []));
      for (const document of documents) {
        if (!ids.has(String(document.attributes.run_id))) continue;
        const params = [...document.params].filter(([name]) => allParamsBut !== undefined && !allParamsBut.includes(name)).sort(([a], [b]) => compareText(a, b));
        const name = JSON.stringify([by.map((one) => String(groupValue(document, one)) + typeof groupValue(document, one)), params]);
        members.set(name, [...(members.get(name) ?? []), document]);
      }
      expect(total).toBe(members.size);
      const reference = [...members.values()].map((group) => {
        const values = group.flatMap((document) => document.metrics.get('loss')?.[of.of] ?? []);
        const finite = values.filter((value) => !Number.isNaN(value));
        const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
        const mean = sum(finite) / finite.length;
        return {
          newest: String(group.at(-1)?.attributes.run_id),
          values: by.map((one) => groupValue(group.at(-1)!, one, true)),
          runs: group.length,
          n: finite.length,
          nan: values.length - finite.length,
          mean: finite.length === 0 ? null : mean,
          sd: finite.length < 2 ? null : Math.sqrt(sum(finite.map((value) => (value - mean) ** 2)) / (finite.length - 1)),
          min: finite.length === 0 ? null : Math.min(...finite),
          max: finite.length === 0 ? null : Math.max(...finite),
        };
      });
      const byNewest = (a: { newest: string }, b: { newest: string }): number => (a.newest < b.newest ? -1 : 1);
      const found = groups.map(({ statistics, ...group }) => ({ ...group, ...statistics! }));
      for (const [index, group] of [...found].sort(byNewest).entries()) {
        const { mean, sd, ...exact } = reference.sort(byNewest)[index]!;
        expect(group).toMatchObject(exact);
        for (const [value, right] of [[group.mean, mean], [group.sd, sd]] as const) {
          if (right === null || !Number.isFinite(right)) expect(value).toBe(right);
          else expect(Math.abs((value ?? Number.NaN) - right)).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(right)));
        }
      }
      const means = found.flatMap(({ mean }) => (mean === null || Number.isNaN(mean) ? [] : [mean]));
      expect(means).toStrictEqual([...means].sort((a, b) => (a < b === descending ? 1 : a === b ? 0 : -1)));
      database.close();
    }),
    { numRuns: 150 },
  );
});

/** Pieces of filters and of attacks. */
const PIECES = [
  'metrics.loss', 'params.', '.x', '`', '"', "'", "''", '(', ')', ',', '=', '==', '!=', '<', '<=', '>', 'and', 'or', 'not', 'in', 'like', 'ilike', 'is', 'null', 'between', 'now', '-', '7d', '1e5', 'NaN', 'status', 'failed',
  "'; DROP TABLE runs; --", '" OR 1=1 --', '`; SELECT', 'params."x\') OR (1=1"', '@v0', '?1', ':a', '$b', '%', '_', '\\', '/*', '*/', ';', '\0', '𐀀', '\uD800', '\n', 'min(', 'tags.`mlflow.runName`', 'datasets.name', 'attributes.`run name`', "'2026-11-01'", 'created',
] as const;

/** A filter with one piece put into it. */
const spoilt = fc.tuple(filter, fc.nat(), fc.constantFrom('', ' ', ...PIECES)).map(([wanted, at, piece]) => {
  const text = printFilter(wanted);
  const place = at % (text.length + 1);
  return text.slice(0, place) + piece + text.slice(place);
});

const anyText = fc.oneof(spoilt, fc.string({ unit: 'binary', maxLength: 40 }), fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }).map((pieces) => pieces.join(' ')), fc.array(fc.constantFrom(...PIECES), { maxLength: 14 }).map((pieces) => pieces.join('')));

/** Null where it is no filter, and only so. */
function read<T>(parse: () => T): T | null {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'FILTER_INVALID') return null;
    throw error;
  }
}

describe('hostile text', () => {
  it('is a filter or FILTER_INVALID, and a filter is answered', () => {
    const database = emptyDatabase();
    const finder = new RunFinder(database, keysOf(database));
    let understood = 0;
    fc.assert(
      fc.property(anyText, anyText, (text, by) => {
        const wanted = read(() => readFilter(text, NOW));
        const orders = read(() => parseOrder(by));
        if (wanted !== null && 'expression' in wanted) {
          understood += 1;
          expect(finder.find({ filter: wanted.expression, order: orders ?? [], limit: 10 }).runs).toStrictEqual([]);
        }
      }),
      { numRuns: 3000 },
    );
    expect(understood).toBeGreaterThan(100);
  });

  it('never becomes part of a statement', () => {
    const database = emptyDatabase();
    const prepared: string[] = [];
    const prepare = database.prepare.bind(database);
    vi.spyOn(database, 'prepare').mockImplementation(((sql: string) => {
      prepared.push(sql);
      return prepare(sql);
    }) as typeof database.prepare);
    const marked = fc.constantFrom("zq'", 'zq"', 'zq`', 'zq; DROP TABLE runs', "zq') OR (1=1", 'zq -- ', 'zq/*', 'zq%', 'zq@v1', 'zq\\').map((text) => `${text}zq`);
    const quotedIn = (text: string, quote: string): string => `${quote}${text.replaceAll(quote, quote + quote)}${quote}`;
    const attack = fc
      .tuple(fc.constantFrom('metrics', 'params', 'tags'), marked, fc.constantFrom('=', '!=', '<', 'in', 'like', 'not ilike', 'word'), marked)
      .map(([table, name, op, value]) => {
        const key = `${table}.${quotedIn(name, '`')}`;
        const text = quotedIn(value, "'");
        if (op === 'word') return `${text} and name = ${text}`;
        if (table === 'metrics') return `${key} < 77123401`;
        return op === 'in' ? `${key} in (${text}, 77123401)` : `${key} ${op} ${text}`;
      });
    for (const limits of Object.values(WAYS)) {
      const finder = new RunFinder(database, keysOf(database), limits);
      const groups = new RunGroups(database, keysOf(database));
      fc.assert(
        fc.property(attack, marked, (text, name) => {
          const wanted = parseFilter(text, NOW) as Filter;
          const by = parseOrder(`params.${quotedIn(name, '`')} desc`);
          const search = { filter: wanted, experiments: [name], now: NOW };
          finder.find({ ...search, order: by, limit: 77123402 });
          finder.find({ filter: wanted, order: by, limit: 77123402 });
          groups.find({ ...search, by: by.map(({ field }) => field), allParamsBut: [name], limit: 5 });
          expect(finder.count(search)).toBe(0);
        }),
        { numRuns: 60 },
      );
    }
    expect(prepared.length).toBeGreaterThan(1000);
    expect(prepared.filter((sql) => sql.includes('zq') || sql.includes('7712340') || sql.includes(String(NOW)))).toStrictEqual([]);
  });

  it('at the limits of the language is answered', () => {
    const database = emptyDatabase();
    const finder = new RunFinder(database, keysOf(database));
    const conditions = Array.from({ length: 200 }, (_, index) => `metrics.m${index} < 1`);
    const nested = conditions.slice(0, 20).reduce((inner, condition) => `not (${inner} or ${condition})`, conditions.slice(20).join(' and '));
    for (const text of [conditions.join(' and '), conditions.join(' or '), nested, `params.a in (${Array.from({ length: 9999 }, (_, index) => `'v${index}'`).join(', ')})`, `created in (${Array.from({ length: 5000 }, (_, index) => index).join(', ')})`]) {
      const wanted = parseFilter(text, NOW);
      expect(finder.find({ filter: wanted, limit: 10 }).runs).toStrictEqual([]);
    }
    expect(() => finder.find({ filter: null, limit: 10, after: 'x' })).toThrow(expect.objectContaining({ code: 'PAGE_INVALID' }));
  });
});
