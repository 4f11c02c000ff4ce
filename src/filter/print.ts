/** Writes a filter as text that reads back as the same filter. */
import type { Filter, Order, Value } from './ast';
import { nameOf } from './fields';

export function printFilter(filter: Filter): string {
  switch (filter.type) {
    case 'and':
    case 'or':
      return filter.terms.map((term) => (term.type === 'and' || term.type === 'or' ? `(${printFilter(term)})` : printFilter(term))).join(` ${filter.type} `);
    case 'not':
      return `not (${printFilter(filter.term)})`;
    case 'compare':
      return `${nameOf(filter.field)} ${filter.op} ${printValue(filter.value)}`;
    case 'in':
      return `${nameOf(filter.field)} ${not(filter.negated)}in (${filter.values.map(printValue).join(', ')})`;
    case 'like':
      return `${nameOf(filter.field)} ${not(filter.negated)}${filter.ignoreCase ? 'ilike' : 'like'} ${quoted(filter.pattern)}`;
    case 'word':
      return quoted(filter.word);
    case 'null':
      return `${nameOf(filter.field)} is ${not(filter.negated)}null`;
  }
}

export function printOrder(order: readonly Order[]): string {
  return order.map(({ field, descending }) => `${nameOf(field)}${descending ? ' desc' : ''}`).join(', ');
}

function not(negated: boolean): string {
  return negated ? 'not ' : '';
}

function printValue(value: Value): string {
  switch (value.type) {
    case 'number':
      return Number.isFinite(value.value) ? String(value.value) : String(value.value).toLowerCase().replace('inity', '');
    case 'text':
      return quoted(value.value);
    case 'boolean':
      return String(value.value);
    case 'time':
      return value.text;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
