/** Tables of files: columns with names, cells as the file has them. */
import { CsvError, parse, type Info } from 'csv-parse/sync';
import { RepriseError, type Problem } from '../errors/errors';

/** A text of a CSV file, or a value of a Parquet file. Null is missing. */
export type Cell = string | number | bigint | boolean | Date | Uint8Array | null | undefined | object;

/** Rows of some columns. */
export interface TableChunk {
  /** Number of the first row. */
  readonly start: number;
  readonly rows: number;
  /** The columns that were asked for, in that order. */
  readonly columns: readonly (readonly Cell[])[];
}

export interface Table {
  /** As messages name it, and error codes begin. */
  readonly format: 'CSV' | 'Parquet';
  /** The file, as the config names it. */
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: number;
  /** A row, as messages name it: `data.csv:5`. */
  where(row: number): string;
  /** All rows of some columns, again and again. @throws RepriseError where the file cannot be read */
  chunks(columns: readonly string[]): AsyncIterable<TableChunk>;
}

export function tableError(format: Table['format'], code: string, message: string, hint: string, cause?: unknown): RepriseError {
  return new RepriseError(`${format.toUpperCase()}_${code}`, message, { hint, cause });
}

const MAX_PROBLEMS = 20;
/** Of problems alike in one column, as where a column of texts is read as numbers. */
const MAX_ALIKE = 3;

/** Collects what is wrong, so that a person sees it all at once; the first problem gives the code. */
export class TableProblems {
  private readonly shown: Problem[] = [];
  private count = 0;
  private code = '';
  /** Problems alike in one column: how many, and the last of them that is shown. */
  private readonly alike = new Map<string, { count: number; last: number }>();

  constructor(private readonly format: Table['format']) {}

  /** @param where the row, or the header; @param column null for a whole row */
  add(code: string, where: string, column: string | null, message: string): void {
    if (this.count === 0) this.code = code;
    this.count++;
    const kind = `${code} ${column ?? ''}`;
    const alike = this.alike.get(kind) ?? { count: 0, last: 0 };
    this.alike.set(kind, alike);
    alike.count++;
    if (alike.count > MAX_ALIKE || this.shown.length === MAX_PROBLEMS) return;
    alike.last = this.shown.length;
    this.shown.push({ path: column === null ? where : `${where}:${column}`, message });
  }

  /** What is shown, with how many more there are of its kind. */
  private told(): Problem[] {
    const told = [...this.shown];
    for (const { count, last } of this.alike.values()) {
      const problem = told[last];
      if (count > MAX_ALIKE && problem !== undefined) told[last] = { ...problem, message: `${problem.message} So it is in ${count - MAX_ALIKE} more places.` };
    }
    return told;
  }

  /** @throws RepriseError with the code of the first problem, if there is one */
  throwIfAny(): void {
    const first = this.shown[0];
    if (first === undefined) return;
    const more = this.count > 1 ? ` (and ${this.count - 1} more ${this.count === 2 ? 'problem' : 'problems'})` : '';
    throw new RepriseError(`${this.format.toUpperCase()}_${this.code}`, `The ${this.format} file cannot be used: ${first.path}: ${first.message}${more}`, {
      hint: 'Correct the file or the columns that data names; nothing is skipped or guessed.',
      problems: this.told(),
    });
  }
}

/** @throws RepriseError …_HEADER, …_DUPLICATE_COLUMN */
export function checkColumns(format: Table['format'], where: string, names: readonly string[]): void {
  const problems = new TableProblems(format);
  names.forEach((name, index) => {
    if (name === '') problems.add('HEADER', where, null, `column ${index + 1} has no name.`);
    else if (names.indexOf(name) !== index) problems.add('DUPLICATE_COLUMN', where, name, `two columns are called "${name}".`);
  });
  problems.throwIfAny();
}

interface Row {
  readonly cells: readonly string[];
  /** 1-based line on which the row ends. */
  readonly line: number;
}

function readRows(bytes: Uint8Array, name: string, delimiter: string): Row[] {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw tableError('CSV', 'NOT_UTF8', `The CSV file ${name} is not UTF-8 text.`, 'Save it as "CSV UTF-8".');
  }
  try {
    const records = parse(text, { delimiter, relaxColumnCount: true, skipEmptyLines: true, info: true }) as unknown as { record: string[]; info: Info }[];
    return records.map(({ record, info }) => ({ cells: record.map((cell) => cell.trim()), line: info.lines }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw tableError('CSV', 'SYNTAX', `The CSV file ${name} cannot be read: ${error.message}.`, 'Look at the quotes in and before that line.');
  }
}

/**
 * A CSV file with a header. Spaces around a cell are no part of it.
 * @throws RepriseError CSV_NOT_UTF8, CSV_SYNTAX, CSV_HEADER, CSV_DUPLICATE_COLUMN, CSV_RAGGED_ROW
 */
export function csvTable(bytes: Uint8Array, name: string, delimiter: string): Table {
  const [header, ...rows] = readRows(bytes, name, delimiter);
  if (header === undefined) throw tableError('CSV', 'HEADER', `The CSV file ${name} is empty.`, 'The first line must name the columns.');
  const columns = header.cells;
  checkColumns('CSV', `${name}:${header.line}`, columns);
  const where = (row: number): string => `${name}:${rows[row]?.line ?? 1}`;
  const problems = new TableProblems('CSV');
  rows.forEach(({ cells }, row) => {
    if (cells.length !== columns.length) problems.add('RAGGED_ROW', where(row), null, `the row has ${cells.length} cells, the header ${columns.length}.`);
  });
  problems.throwIfAny();
  return {
    format: 'CSV',
    name,
    columns,
    rows: rows.length,
    where,
    async *chunks(wanted) {
      const places = wanted.map((column) => columns.indexOf(column));
      yield { start: 0, rows: rows.length, columns: places.map((place) => rows.map(({ cells }) => cells[place])) };
    },
  };
}

/**
 * A Parquet file, read one row group after the other, however large it is.
 * @throws RepriseError PARQUET_CORRUPT, PARQUET_HEADER, PARQUET_DUPLICATE_COLUMN
 */
export async function parquetTable(file: string, name: string): Promise<Table> {
  const [{ asyncBufferFromFile, parquetScan, parquetSchema }, { compressors }] = await Promise.all([import('hyparquet'), import('hyparquet-compressors')]);
  const corrupt = (error: unknown): RepriseError =>
    tableError('Parquet', 'CORRUPT', `The Parquet file ${name} cannot be read: ${error instanceof Error ? error.message : String(error)}.`, 'The file is damaged or incomplete: write it again.', error);
  let scan: Awaited<ReturnType<typeof parquetScan>>;
  let columns: string[];
  try {
    scan = await parquetScan({ file: await asyncBufferFromFile(file), compressors });
    columns = parquetSchema(scan.metadata).children.map(({ element }) => element.name);
  } catch (error) {
    throw corrupt(error);
  }
  checkColumns('Parquet', name, columns);
  return {
    format: 'Parquet',
    name,
    columns,
    rows: Number(scan.metadata.num_rows),
    where: (row) => `${name}: row ${row}`,
    async *chunks(wanted) {
      for (const range of scan.ranges) {
        let values: (readonly Cell[])[];
        try {
          values = await Promise.all(wanted.map(async (column) => Array.from((await scan.readColumn({ column, ...range })) as ArrayLike<Cell>)));
        } catch (error) {
          throw corrupt(error);
        }
        yield { start: range.rowStart, rows: range.rowEnd - range.rowStart, columns: values };
      }
    },
  };
}
