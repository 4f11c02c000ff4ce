/** CSV with a header: one column is the class, the others are numbers. Refuses what it cannot read exactly. */
import { CsvError, parse, type Info } from 'csv-parse/sync';
import type { DataConfig } from '../config/schema';
import { RepriseError, type Problem } from '../errors/errors';
import type { PreparedData } from './prepared';
import { splitIndices } from './split';

export type CsvConfig = Extract<DataConfig, { kind: 'csv' }>;

const MIN_ROWS = 30;
const MAX_PROBLEMS = 20;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const MAX_FLOAT32 = 3.4028234663852886e38;

interface Row {
  readonly cells: readonly string[];
  /** 1-based line on which the row ends. */
  readonly line: number;
}

/** Collects what is wrong, so that a person sees it all at once; the first problem gives the code. */
class Problems {
  private readonly shown: Problem[] = [];
  private count = 0;
  private code = '';

  constructor(private readonly file: string) {}

  add(code: string, line: number, column: string | null, message: string): void {
    if (this.count === 0) this.code = code;
    this.count++;
    if (this.shown.length < MAX_PROBLEMS) {
      this.shown.push({ path: column === null ? `${this.file}:${line}` : `${this.file}:${line}:${column}`, message });
    }
  }

  /** @throws RepriseError with the code of the first problem, if there is one */
  throwIfAny(): void {
    const first = this.shown[0];
    if (first === undefined) return;
    const more = this.count > 1 ? ` (and ${this.count - 1} more ${this.count === 2 ? 'problem' : 'problems'})` : '';
    throw new RepriseError(this.code, `The CSV file cannot be used: ${first.path}: ${first.message}${more}`, {
      hint: 'Correct the file; nothing is skipped or guessed.',
      problems: this.shown,
    });
  }
}

function fail(code: string, message: string, hint: string): RepriseError {
  return new RepriseError(code, message, { hint });
}

function readRows(bytes: Uint8Array, config: CsvConfig): Row[] {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw fail('CSV_NOT_UTF8', `The CSV file ${config.path} is not UTF-8 text.`, 'Save it as "CSV UTF-8".');
  }
  try {
    const records = parse(text, {
      delimiter: config.delimiter,
      relaxColumnCount: true,
      skipEmptyLines: true,
      info: true,
    }) as unknown as { record: string[]; info: Info }[];
    return records.map(({ record, info }) => ({ cells: record.map((cell) => cell.trim()), line: info.lines }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw fail('CSV_SYNTAX', `The CSV file ${config.path} cannot be read: ${error.message}.`, 'Look at the quotes in and before that line.');
  }
}

interface Columns {
  readonly names: readonly string[];
  readonly target: number;
  readonly features: readonly number[];
}

function chooseColumns(header: Row, config: CsvConfig): Columns {
  const problems = new Problems(config.path);
  const names = header.cells;
  names.forEach((name, index) => {
    if (name === '') problems.add('CSV_HEADER', header.line, null, `column ${index + 1} has no name.`);
    else if (names.indexOf(name) !== index) problems.add('CSV_DUPLICATE_COLUMN', header.line, name, `two columns are called "${name}".`);
  });
  const known = names.map((name) => `"${name}"`).join(', ');
  const target = names.indexOf(config.target);
  if (target < 0) problems.add('CSV_TARGET_MISSING', header.line, null, `there is no column "${config.target}" (data.target); the header has ${known}.`);
  const wanted = config.features ?? names.filter((_, index) => index !== target);
  wanted.forEach((name, index) => {
    if (!names.includes(name)) problems.add('CSV_FEATURE_MISSING', header.line, null, `there is no column "${name}" (data.features); the header has ${known}.`);
    else if (name === config.target) problems.add('CSV_FEATURE_IS_TARGET', header.line, name, 'the target cannot be a feature too (data.features).');
    else if (wanted.indexOf(name) !== index && config.features !== undefined) problems.add('CSV_DUPLICATE_COLUMN', header.line, name, `data.features names "${name}" twice.`);
  });
  if (wanted.length === 0) problems.add('CSV_FEATURE_MISSING', header.line, null, 'there is no column beside the target.');
  problems.throwIfAny();
  return { names, target, features: wanted.map((name) => names.indexOf(name)) };
}

function parseNumber(cell: string): number | string {
  if (cell === '') return 'the cell is empty; every cell needs a value.';
  if (!NUMBER.test(cell)) return `"${cell.slice(0, 60)}" is not a number (decimal point, no thousands separators).`;
  const value = Number(cell);
  return Math.abs(value) <= MAX_FLOAT32 ? value : `${cell.slice(0, 60)} is beyond the range of float32.`;
}

/** All cells as numbers, [rows · features] in float64, and each row's class. */
function readCells(rows: readonly Row[], columns: Columns, config: CsvConfig): { values: Float64Array; classes: string[] } {
  const problems = new Problems(config.path);
  const width = columns.features.length;
  const values = new Float64Array(rows.length * width);
  const classes: string[] = [];
  rows.forEach((row, index) => {
    if (row.cells.length !== columns.names.length) {
      problems.add('CSV_RAGGED_ROW', row.line, null, `the row has ${row.cells.length} cells, the header ${columns.names.length}.`);
      return;
    }
    const label = row.cells[columns.target]!;
    if (label === '') problems.add('CSV_EMPTY_CELL', row.line, config.target, 'the class is empty.');
    classes.push(label);
    columns.features.forEach((column, feature) => {
      const cell = row.cells[column]!;
      const value = parseNumber(cell);
      if (typeof value === 'number') values[index * width + feature] = value;
      else problems.add(cell === '' ? 'CSV_EMPTY_CELL' : 'CSV_NOT_A_NUMBER', row.line, columns.names[column]!, value);
    });
  });
  problems.throwIfAny();
  return { values, classes };
}

function nameClasses(classes: readonly string[], config: CsvConfig): string[] {
  // The default order of sort is by code unit: no locale has a say.
  const names = [...new Set(classes)].sort();
  if (names.length < 2) {
    throw fail('CSV_ONE_CLASS', `The column "${config.target}" of ${config.path} holds only "${names[0] ?? ''}".`, 'There must be two classes or more to tell apart.');
  }
  if (names.length > classes.length / 2) {
    throw fail(
      'CSV_TARGET_NOT_CLASSES',
      `The column "${config.target}" of ${config.path} has ${names.length} different values in ${classes.length} rows: it does not hold classes.`,
      'Choose a column with classes as data.target; measurements cannot be predicted yet.',
    );
  }
  return names;
}

/** Mean and population SD of each feature over the training rows, in float64 and row order. A constant feature is only centred. */
function standardizationOf(values: Float64Array, width: number, train: Int32Array): { means: number[]; scales: number[] } {
  const means: number[] = [];
  const scales: number[] = [];
  for (let feature = 0; feature < width; feature++) {
    let sum = 0;
    for (const row of train) sum += values[row * width + feature]!;
    const mean = sum / train.length;
    let squares = 0;
    for (const row of train) {
      const difference = values[row * width + feature]! - mean;
      squares += difference * difference;
    }
    const scale = Math.sqrt(squares / train.length);
    means.push(mean);
    scales.push(scale > 0 ? scale : 1);
  }
  return { means, scales };
}

/**
 * Reads a CSV file's bytes. With `standardize`, each feature is brought to mean 0 and SD 1 of the
 * training split, so the result depends on the split.
 * @throws RepriseError CSV_… naming file, line and column, with up to 20 problems; DATA_SPLIT_EMPTY
 */
export function readCsv(bytes: Uint8Array, config: CsvConfig, splitSeed: number): PreparedData {
  const [header, ...rows] = readRows(bytes, config);
  if (header === undefined) throw fail('CSV_HEADER', `The CSV file ${config.path} is empty.`, 'The first line must name the columns.');
  const columns = chooseColumns(header, config);
  const { values, classes } = readCells(rows, columns, config);
  if (rows.length < MIN_ROWS) {
    throw fail('CSV_TOO_FEW_ROWS', `The CSV file ${config.path} has ${rows.length} rows of data; at least ${MIN_ROWS} are needed.`, 'Add data: less cannot be split in three.');
  }
  const classNames = nameClasses(classes, config);
  const numbers = new Map(classNames.map((name, index) => [name, BigInt(index)]));
  const width = columns.features.length;
  const standardization = config.standardize ? standardizationOf(values, width, splitIndices(rows.length, config.split, splitSeed).train) : null;
  const features = new Float32Array(values.length);
  for (let index = 0; index < values.length; index++) {
    const feature = index % width;
    features[index] = standardization === null ? values[index]! : (values[index]! - standardization.means[feature]!) / standardization.scales[feature]!;
  }
  return {
    kind: 'csv',
    rows: rows.length,
    featureCount: width,
    features,
    labels: BigInt64Array.from(classes, (name) => numbers.get(name)!),
    classNames,
    featureNames: columns.features.map((column) => columns.names[column]!),
    image: null,
    standardization,
  };
}
