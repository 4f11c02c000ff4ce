import type { Field, Filter } from './ast';
import { WORD_ATTRIBUTES, WORD_HASHES } from './evaluate';

/** The fields that a filter asks for, in the order of its text; one may stand more than once. */
export function fieldsIn(filter: Filter): Field[] {
  switch (filter.type) {
    case 'and':
    case 'or':
      return filter.terms.flatMap(fieldsIn);
    case 'not':
      return fieldsIn(filter.term);
    case 'word':
      return [...WORD_ATTRIBUTES, ...WORD_HASHES].map((name) => ({ kind: 'attribute', name }));
    default:
      return [filter.field];
  }
}
