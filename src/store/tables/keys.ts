/** Names that authors chose, of parameters, tags and series, each kept once under a small number. */
import type { Database } from '../database';

export class KeysTable {
  readonly #find;
  readonly #insert;
  readonly #all;
  readonly #name;
  readonly #numbers = new Map<string, number>();
  readonly #names = new Map<number, string>();

  constructor(database: Database) {
    this.#find = database.prepare<[string], { key_id: number }>('SELECT key_id FROM keys WHERE name = ?');
    this.#all = database.prepare<[], string>('SELECT name FROM keys').pluck();
    this.#name = database.prepare<[number], string>('SELECT name FROM keys WHERE key_id = ?').pluck();
    this.#insert = database.prepare<[string]>('INSERT INTO keys (name) VALUES (?)');
  }

  /** The number of a name, or null where nothing has been called so. */
  find(name: string): number | null {
    const known = this.#numbers.get(name) ?? this.#find.get(name)?.key_id;
    if (known === undefined) return null;
    this.#numbers.set(name, known);
    return known;
  }

  names(): string[] {
    return this.#all.all() as string[];
  }

  /** The number of a name, given to it now where it has none. */
  of(name: string): number {
    const known = this.find(name);
    if (known !== null) return known;
    const number = Number(this.#insert.run(name).lastInsertRowid);
    this.#numbers.set(name, number);
    return number;
  }

  /** The name under a number that a row has. Asked for each value of each run of a page, so that a join would cost more than the rows. */
  nameOf(number: number): string {
    const known = this.#names.get(number) ?? (this.#name.get(number) as string | undefined);
    if (known === undefined) throw new Error(`no name has the number ${number}`);
    this.#names.set(number, known);
    return known;
  }

  /** To be called after a transaction was rolled back: numbers it gave are given to others. */
  forget(): void {
    this.#numbers.clear();
    this.#names.clear();
  }
}
