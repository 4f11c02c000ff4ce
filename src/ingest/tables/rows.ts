/** The rows of a table in a file. */
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { parse } from 'csv-parse';
import { RepriseError } from '../../errors/errors';
import { parsePythonJson } from '../python-json';
import { unguarded } from './formulas';

export type TableFormat = 'csv' | 'json' | 'jsonl' | 'parquet';
export type Row = Readonly<Record<string, unknown>>;

/** A JSON document is held in memory as a whole. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;
/** Rows that are given out without a pause. */
const ROWS_AT_ONCE = 5000;

const invalid = (file: string, why: string, hint = 'Correct the file, or save it in another format.'): RepriseError => new RepriseError('TABLE_INVALID', `${file}: ${why}`, { hint });

function asRow(value: unknown, file: string, where: string): Row {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(file, `${where} is no object with a value for each column.`);
  return value as Row;
}

async function* csvRows(file: string): AsyncGenerator<Row> {
  const tabs = file.toLowerCase().endsWith('.tsv');
  const rows = createReadStream(file).pipe(parse({ columns: true, bom: true, skip_empty_lines: true, delimiter: tabs ? '\t' : ',', cast: (cell) => unguarded(cell) }));
  try {
    for await (const row of rows) yield row as Row;
  } catch (error) {
    throw invalid(file, (error as Error).message);
  }
}

async function* jsonlRows(file: string): AsyncGenerator<Row> {
  const handle = await open(file);
  let number = 0;
  for await (const line of handle.readLines()) {
    number++;
    if (line.trim() === '') continue;
    let value: unknown;
    try {
      value = parsePythonJson(line);
    } catch (error) {
      throw invalid(file, `Line ${number} is no JSON: ${(error as Error).message}`);
    }
    yield asRow(value, file, `Line ${number}`);
  }
}

async function* jsonRows(file: string): AsyncGenerator<Row> {
  const { size } = await stat(file);
  if (size > MAX_JSON_BYTES) throw invalid(file, `It has ${size} bytes; a JSON document may have ${MAX_JSON_BYTES}.`, 'Save it as JSON lines (.jsonl), CSV or Parquet.');
  let value: unknown;
  try {
    value = parsePythonJson(await readFile(file, 'utf8'));
  } catch (error) {
    throw invalid(file, `It is no JSON: ${(error as Error).message}`);
  }
  if (!Array.isArray(value)) throw invalid(file, 'It is no list of rows.', 'A table as JSON is a list of objects, as pandas writes it with orient="records".');
  for (const [index, row] of value.entries()) yield asRow(row, file, `Row ${index + 1}`);
}

/** Row group by row group, each column as a whole: what is asked for again would be decoded again. */
async function* parquetRows(file: string): AsyncGenerator<Row> {
  const [{ asyncBufferFromFile, parquetScan, parquetSchema }, { compressors }] = await Promise.all([import('hyparquet'), import('hyparquet-compressors')]);
  try {
    const { metadata, ranges, readColumn } = await parquetScan({ file: await asyncBufferFromFile(file), compressors });
    const names = parquetSchema(metadata).children.map(({ element }) => element.name);
    for (const range of ranges) {
      const columns = await Promise.all(names.map(async (column) => readColumn({ column, ...range })));
      for (let index = 0; index < range.rowEnd - range.rowStart; index++) {
        yield Object.fromEntries(names.map((name, column) => [name, columns[column]?.[index] as unknown]));
        // The rows are at hand, and would hold up everything else.
        if (index % ROWS_AT_ONCE === ROWS_AT_ONCE - 1) await setImmediate();
      }
    }
  } catch (error) {
    throw invalid(file, `It cannot be read as Parquet: ${(error as Error).message}`);
  }
}

/** The rows of a table, read as they are asked for. @throws RepriseError TABLE_INVALID */
export function readRows(file: string, format: TableFormat): AsyncGenerator<Row> {
  switch (format) {
    case 'csv':
      return csvRows(file);
    case 'json':
      return jsonRows(file);
    case 'jsonl':
      return jsonlRows(file);
    case 'parquet':
      return parquetRows(file);
  }
}
