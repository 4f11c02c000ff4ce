/** Random filters, orders and runs over few names and values, so that conditions are often met. */
import * as fc from 'fast-check';
import type { AttributeName, Comparison, Field, Filter, Order, Value } from '../../src/filter/ast';
import type { RunDocument } from '../../src/filter/evaluate';
import { typeOf } from '../../src/filter/fields';
import { dateIn } from '../../src/filter/literals';
import { RUN_STATUSES } from '../../src/store/types';
import type { RunColumns } from './search-runs';

const KEYS = ['loss', 'model.kind', 'a b', 'it\'s "so" `odd`', '100%_[x]*?', 'ключ', '1st', 'x/y@10', '--', '__proto__'] as const;
const TEXTS = ['0', '1', '1.0', ' 1 ', '1e0', '-3', '0.5', '.5', 'lstm', 'LSTM', 'ls_m', 'l%', '[x]*?', '', 'true', 'True', 'false', 'nan', '1e999', 'é', 'É', '🙂', "it's", 'a\\b', '￿', '𐀀'] as const;
const PATTERNS = ['%', '_', 'l%', '%S%', 'ls__', '%m', '[x]%', '*', '%?%', '', 'é', '_%_', '%a\\%', "%'%"] as const;
const NUMBERS = [0, 1, -3, 0.5, 0.1 + 0.2, 1e300, 2 ** 53] as const;
const NAMES = ['alpha', 'Alpha beta', 'l%', 'deadbeef', 'x'] as const;
const HASHES = ['deadbeef01', 'DEAD', 'cafe0123'] as const;
const TIMES = [0, 1_000, 1_793_000_000_000, 1_793_500_000_000, 1_794_000_000_000] as const;
export const NOW = 1_794_500_000_000;

const key = fc.constantFrom(...KEYS);
const nullable = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { freq: 3 });

const columns: fc.Arbitrary<RunColumns> = fc.record({
  run_id: fc.uuid(),
  kind: fc.constantFrom('training', 'command', 'logged'),
  author: fc.constantFrom('', 'ada', 'grace'),
  reproduction_id: fc.constantFrom('r-1', 'r-2', 'R-3'),
  experiment: fc.constantFrom('alpha', 'beta', 'Gamma 1'),
  study_id: nullable(fc.constantFrom('s1', 's2')),
  variant: nullable(fc.constantFrom(...NAMES)),
  seed: nullable(fc.nat(3)),
  config_hash: nullable(fc.constantFrom(...HASHES)),
  compute_hash: nullable(fc.constantFrom(...HASHES)),
  created_at: fc.constantFrom(...TIMES),
  name: nullable(fc.constantFrom(...NAMES)),
  status: fc.constantFrom(...RUN_STATUSES),
  exit_code: nullable(fc.constantFrom(0, 1)),
  started_at: nullable(fc.constantFrom(...TIMES)),
  ended_at: nullable(fc.constantFrom(...TIMES)),
  attempts: fc.nat(2),
  steps_done: fc.nat(3),
  weights_hash: nullable(fc.constantFrom(...HASHES)),
  error_code: nullable(fc.constantFrom('WORKER_DIED', 'DISK_FULL')),
});

const metricNumber = fc.constantFrom(...NUMBERS, Number.NaN, Infinity, -Infinity);
const texts = fc.dictionary(key, fc.constantFrom(...TEXTS), { maxKeys: 5 }).map((entries) => new Map(Object.entries(entries)));

const document: fc.Arbitrary<Pick<RunDocument, 'metrics' | 'params' | 'tags' | 'datasets'>> = fc.record({
  metrics: fc
    .array(fc.tuple(key, fc.record({ last: metricNumber, min: nullable(fc.constantFrom(...NUMBERS)), max: nullable(fc.constantFrom(...NUMBERS, Infinity)) })), { maxLength: 5 })
    .map((entries) => new Map(entries)),
  params: texts,
  tags: texts,
  datasets: fc.uniqueArray(fc.record({ name: fc.constantFrom(...NAMES), digest: fc.constantFrom('d1', 'd2'), context: nullable(fc.constantFrom('train', 'test')) }), {
    maxLength: 2,
    selector: ({ name, digest }) => `${name} ${digest}`,
  }),
});

export const runs = fc.uniqueArray(fc.record({ columns, document, deletedAt: fc.option(fc.constant(5), { freq: 1 }).map((value) => value ?? null) }), { minLength: 1, maxLength: 40, selector: (run) => run.columns.run_id }).map((all) =>
  // Few are deleted.
  all.map((run, index) => (index % 6 === 0 ? run : { ...run, deletedAt: null })),
);

const ATTRIBUTES: readonly AttributeName[] = [
  'run_id', 'reproduction_id', 'name', 'experiment', 'study', 'variant', 'user', 'status', 'kind', 'seed', 'created', 'started', 'ended', 'duration', 'steps', 'attempts', 'exit_code', 'error',
  'config_hash', 'compute_hash', 'weights_hash', 'artifact_uri',
];

export const field: fc.Arbitrary<Field> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('metric' as const), key, of: fc.constantFrom('last', 'last', 'min', 'max') }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('param', 'tag'), key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('attribute' as const), name: fc.constantFrom(...ATTRIBUTES) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('dataset' as const), part: fc.constantFrom('name', 'digest', 'context') }) },
);

const time: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom(...TIMES).map((at): Value => ({ type: 'time', from: at, to: at, text: String(at) })),
  fc.constantFrom('2026', '2026-10', '2026-10-29', '2026-10-31T00:00Z').map((text): Value => ({ type: 'time', ...(dateIn(text) ?? { from: 0, to: 0 }), text: `'${text}'` })),
);

const text = (values: readonly string[]): fc.Arbitrary<Value> => fc.constantFrom(...values).map((value): Value => ({ type: 'text', value }));
const number = (values: readonly number[]): fc.Arbitrary<Value> => fc.constantFrom(...values).map((value): Value => ({ type: 'number', value }));

function valueFor(of: Field, isOrdered: boolean): fc.Arbitrary<Value> {
  switch (typeOf(of)) {
    case 'text':
      return text([...NAMES, ...HASHES, 'beta', 'ada', 'd1', 'train', 'r-1', 's1', '']);
    case 'word':
      return text(of.kind === 'attribute' && of.name === 'kind' ? ['training', 'command', 'logged'] : RUN_STATUSES);
    case 'number':
      return number(of.kind === 'metric' ? [...NUMBERS, Infinity, -Infinity, ...(isOrdered ? [] : [Number.NaN])] : [0, 1, 2, 0.5]);
    case 'duration':
      return number([0, 1, 500_000, -1]);
    case 'time':
      return time;
    case 'logged':
      return fc.oneof(text(TEXTS), number(NUMBERS), ...(isOrdered ? [] : [fc.boolean().map((value): Value => ({ type: 'boolean', value }))]));
  }
}

const condition: fc.Arbitrary<Filter> = field.chain((of): fc.Arbitrary<Filter> => {
  const type = typeOf(of);
  const ordered: readonly Comparison[] = type === 'word' ? [] : ['<', '<=', '>', '>='];
  const equal = fc.record({ type: fc.constant('compare' as const), field: fc.constant(of), op: fc.constantFrom<Comparison>('=', '!='), value: valueFor(of, false), at: fc.constant(0) });
  const kinds: fc.Arbitrary<Filter>[] = [
    equal,
    fc.record({ type: fc.constant('in' as const), field: fc.constant(of), negated: fc.boolean(), values: fc.array(valueFor(of, false), { minLength: 1, maxLength: 3 }), at: fc.constant(0) }),
    fc.record({ type: fc.constant('null' as const), field: fc.constant(of), negated: fc.boolean(), at: fc.constant(0) }),
  ];
  if (ordered.length > 0) kinds.push(fc.record({ type: fc.constant('compare' as const), field: fc.constant(of), op: fc.constantFrom(...ordered), value: valueFor(of, true), at: fc.constant(0) }));
  if (type === 'text' || type === 'word' || type === 'logged') {
    kinds.push(fc.record({ type: fc.constant('like' as const), field: fc.constant(of), negated: fc.boolean(), ignoreCase: fc.boolean(), pattern: fc.constantFrom(...PATTERNS), at: fc.constant(0) }));
  }
  return fc.oneof(...kinds);
});

const word: fc.Arbitrary<Filter> = fc.constantFrom('alpha', 'BETA', '1', 'dead', 'DEADBEEF', 'l%', 'fail', "it's").map((found): Filter => ({ type: 'word', word: found, at: 0 }));

/** As the parser makes them: no group directly within one of its kind. */
export const filter: fc.Arbitrary<Filter> = fc.letrec<{ filter: Filter; group: Filter }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'filter' },
    { weight: 6, arbitrary: condition },
    { weight: 1, arbitrary: word },
    { weight: 2, arbitrary: tie('filter').map((term): Filter => ({ type: 'not', term })) },
    { weight: 3, arbitrary: tie('group') },
  ),
  group: fc
    .record({ type: fc.constantFrom('and' as const, 'or' as const), terms: fc.array(tie('filter'), { minLength: 2, maxLength: 3 }) })
    .map(({ type, terms }): Filter => ({ type, terms: terms.flatMap((term) => (term.type === type ? term.terms : [term])) })),
})).filter;

export const order: fc.Arbitrary<Order[]> = fc.uniqueArray(fc.record({ field, descending: fc.boolean() }), { maxLength: 3, selector: ({ field: of }) => JSON.stringify(of) });
