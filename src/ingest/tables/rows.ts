/** The rows of a table in a file. */
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { parse } from 'csv-parse';
import { RepriseError } from '../../errors/errors';
import { parsePythonJson } from '../python-json';

export type TableFormat = 'csv' | 'json' | 'jsonl' | 'parquet';
export type Row = Readonly<Record<string, unknown>>;

/** A JSON document is held in memory as a whole. */
const MAX_JSON_BYTES = 256 * 1024 * 1024;
/** Rows of a Parquet file that are decoded at once. */
const PARQUET_ROWS = 10_000;

const invalid = (file: string, why: string, hint = 'Correct the file, or save it in another format.'): RepriseError => new RepriseError('TABLE_INVALID', `${file}: ${why}`, { hint });

function asRow(value: unknown, file: string, where: string): Row {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(file, `${where} is no object with a value for each column.`);
  return value as Row;
}

async function* csvRows(file: string): AsyncGenerator<Row> {
  const tabs = file.toLowerCase().endsWith('.tsv');
  const rows = createReadStream(file).pipe(parse({ columns: true, bom: true, skip_empty_lines: true, delimiter: tabs ? '\t' : ',' }));
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

async function* parquetRows(file: string): AsyncGenerator<Row> {
  const [{ asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects }, { compressors }] = await Promise.all([import('hyparquet'), import('hyparquet-compressors')]);
  try {
    const buffer = await asyncBufferFromFile(file);
    const metadata = await parquetMetadataAsync(buffer);
    const total = Number(metadata.num_rows);
    for (let from = 0; from < total; from += PARQUET_ROWS) {
      yield* await parquetReadObjects({ file: buffer, metadata, compressors, rowStart: from, rowEnd: Math.min(total, from + PARQUET_ROWS) });
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
