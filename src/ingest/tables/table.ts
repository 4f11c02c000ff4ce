import { basename, extname } from 'node:path';
import type { Row } from './rows';

/** A table that is read once, from its first row to its last. */
export interface Table {
  readonly path: string;
  readonly columns: readonly string[];
  /** When its file was written, in milliseconds since 1970: the time of what has none of its own. */
  readonly written: number;
  readonly rows: AsyncIterable<Row>;
}

/** What a run or an experiment is called that has no name of its own. */
export const stemOf = ({ path }: Table): string => basename(path, extname(path));
