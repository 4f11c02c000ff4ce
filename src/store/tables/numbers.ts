/** NaN in SQLite: a bound NaN would become NULL, so it is kept as the text 'NaN'. */

export type StoredNumber = number | 'NaN';

export function toStored(value: number): StoredNumber {
  return Number.isNaN(value) ? 'NaN' : value;
}

export function fromStored(value: StoredNumber): number {
  return Number(value);
}
