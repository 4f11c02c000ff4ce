import { describe, expect, test } from 'vitest';
import { orderOf, select, sorted, type FieldName, type FieldValue } from '../../../../src/ingest/mlflow/conditions';
import { offsetOf, pageOf, pageToken } from '../../../../src/ingest/mlflow/pages';

interface Thing {
  readonly name: string;
  readonly size: number | null;
}

const things: readonly Thing[] = [
  { name: 'alpha', size: 3 },
  { name: 'Beta', size: null },
  { name: 'alpha/two', size: 1 },
  { name: '50% off_', size: 2 },
];
const read = (thing: Thing, { prefix, key }: FieldName): FieldValue => {
  if (prefix === 'tags' && key === 'a b.c') return `tag of ${thing.name}`;
  return key === 'name' ? thing.name : thing.size;
};
const found = (filter: string): string[] => select(things, filter, read).map(({ name }) => name);

describe('conditions', () => {
  test.each([
    ["name = 'alpha'", ['alpha']],
    ['name = "alpha"', ['alpha']],
    ["name LIKE 'alpha%'", ['alpha', 'alpha/two']],
    ["name ilike 'b_TA'", ['Beta']],
    ["name LIKE '50% off_'", ['50% off_']],
    ["name LIKE 'alph_'", ['alpha']],
    ['size > 1', ['alpha', '50% off_']],
    ['size >= 1 AND size < 3', ['alpha/two', '50% off_']],
    ['size != 3', ['alpha/two', '50% off_']],
    ["tags.`a b.c` = 'tag of Beta'", ['Beta']],
    ["tags.\"a b.c\" LIKE '%two'", ['alpha/two']],
    ["name > 'a' AND size = 3", ['alpha']],
    ['', ['alpha', 'Beta', 'alpha/two', '50% off_']],
  ])('%s', (filter, names) => expect(found(filter)).toEqual(names));

  test.each(['name', 'name =', 'name = alpha', "name ~ 'a'", "name = 'a' OR size = 1", "name = 'a' size = 1", "name = 'a", "'a' = name", "name = 'a' AND"])('%s is no filter', (filter) => {
    expect(() => found(filter)).toThrow();
  });

  test('what lacks the field comes last either way', () => {
    const by = (...clauses: string[]): string[] => sorted(things, clauses.map(orderOf), read).map(({ name }) => name);
    expect(by('size')).toEqual(['alpha/two', '50% off_', 'alpha', 'Beta']);
    expect(by('size DESC')).toEqual(['alpha', '50% off_', 'alpha/two', 'Beta']);
    expect(by('name asc')).toEqual(['50% off_', 'Beta', 'alpha', 'alpha/two']);
    for (const bad of ['name SIDEWAYS', '', 'name ASC DESC', "'name'"]) expect(() => orderOf(bad), bad).toThrow();
  });
});

describe('pages', () => {
  test('follow one another to the end', () => {
    const pages: number[][] = [];
    let token: string | undefined;
    do {
      const { items, next_page_token: next }: ReturnType<typeof pageOf<number>> = pageOf([1, 2, 3, 4, 5], 2, token, 'q');
      pages.push([...items]);
      token = next;
    } while (token !== undefined);
    expect(pages).toEqual([[1, 2], [3, 4], [5]]);
  });

  test.each(['!!!', 'MTA', pageToken('2', 'another question'), pageToken('-1', 'q'), pageToken('2x', 'q')])('a token of something else is refused: %s', (token) => {
    expect(() => offsetOf(token, 'q')).toThrow(expect.objectContaining({ code: 'INVALID_PARAMETER_VALUE' }));
  });
});
