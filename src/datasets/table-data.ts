/** Tables as data: numbers and categories as features, one column to be told. Refuses what it cannot read exactly. */
import type { DataConfig } from '../config/schema';
import type { TargetShape } from '../models/types';
import { MAX_CLASSES, rowsOf, type DataSource, type Labels } from './prepared';
import { splitParts, type Parts } from './split';
import { Standardizer } from './standardize';
import { tableError, TableProblems, type Cell, type Table } from './table';

export type TableConfig = Extract<DataConfig, { kind: 'csv' | 'parquet' }>;

/** A table for each part that has one. */
export interface TableParts {
  readonly train: Table;
  readonly validation: Table | null;
  readonly test: Table | null;
}

const MIN_ROWS = 30;
const MAX_FEATURES = 65_536;
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const MAX_FLOAT32 = 3.4028234663852886e38;
/** What stands for a missing value in CSV, besides nothing. */
const MISSING = new Set(['NA', 'N/A', 'NaN', 'nan', 'null', 'NULL']);

export function tablesOf({ train, validation, test }: TableParts): Table[] {
  return [train, validation, test].filter((table) => table !== null);
}

export function tableRows({ train, validation, test }: TableParts): Parts {
  return { train: train.rows, validation: validation?.rows ?? null, test: test?.rows ?? null };
}

/** Every row of all tables in turn, with its number over all of them. */
export async function* rowsOfTables(parts: TableParts, columns: readonly string[]): AsyncGenerator<{ readonly table: Table; readonly row: number; readonly number: number; readonly cells: readonly Cell[] }> {
  let before = 0;
  for (const table of tablesOf(parts)) {
    for await (const chunk of table.chunks(columns)) {
      for (let index = 0; index < chunk.rows; index++) yield { table, row: chunk.start + index, number: before + chunk.start + index, cells: chunk.columns.map((column) => column[index]) };
    }
    before += table.rows;
  }
}

/** The feature columns, checked in every table. @throws RepriseError …_TARGET_MISSING, …_FEATURE_MISSING, … */
function featureColumns(parts: TableParts, config: TableConfig): readonly string[] {
  const { format, columns } = parts.train;
  const wanted = config.features ?? columns.filter((name) => name !== config.target);
  for (const table of tablesOf(parts)) {
    const problems = new TableProblems(format);
    const where = format === 'CSV' ? `${table.name}:1` : table.name;
    const known = table.columns.map((name) => `"${name}"`).join(', ');
    if (!table.columns.includes(config.target)) problems.add('TARGET_MISSING', where, null, `there is no column "${config.target}" (data.target); the header has ${known}.`);
    wanted.forEach((name, index) => {
      if (!table.columns.includes(name)) problems.add('FEATURE_MISSING', where, null, `there is no column "${name}" (data.features); the header has ${known}.`);
      else if (name === config.target) problems.add('FEATURE_IS_TARGET', where, name, 'the target cannot be a feature too (data.features).');
      else if (wanted.indexOf(name) !== index) problems.add('DUPLICATE_COLUMN', where, name, `data.features names "${name}" twice.`);
    });
    for (const name of config.categorical) if (!wanted.includes(name)) problems.add('FEATURE_MISSING', where, null, `"${name}" (data.categorical) is none of the features; these are ${wanted.map((column) => `"${column}"`).join(', ')}.`);
    if (wanted.length === 0) problems.add('FEATURE_MISSING', where, null, 'there is no column beside the target.');
    problems.throwIfAny();
  }
  return wanted;
}

function isMissing(cell: Cell, lenient: boolean): boolean {
  if (cell === null || cell === undefined || cell === '') return true;
  return lenient && (typeof cell === 'string' ? MISSING.has(cell) : typeof cell === 'number' && Number.isNaN(cell));
}

/** A cell as a number of float32's range, or what is wrong with it. @param texts what to do with a column of texts */
function numberOf(cell: Cell, texts: string): number | string {
  if (typeof cell === 'string' && MISSING.has(cell)) return `"${cell}" is not a number; data.missing: mean puts the mean of the training split in its place.`;
  if (typeof cell === 'string' && !NUMBER.test(cell)) return `"${cell.slice(0, 60)}" is not a number (decimal point, no thousands separators); ${texts}`;
  if (typeof cell !== 'string' && typeof cell !== 'number' && typeof cell !== 'bigint' && typeof cell !== 'boolean') return `a ${cell instanceof Date ? 'date' : 'value of this type'} is not a number.`;
  const value = Number(cell);
  if (Number.isNaN(value)) return 'NaN is not a number; data.missing: mean puts the mean of the training split in its place.';
  return Math.abs(value) <= MAX_FLOAT32 ? value : `${String(cell).slice(0, 60)} is beyond the range of float32.`;
}

/** The name of a class or level. */
function nameOf(cell: Cell): string | null {
  if (typeof cell === 'string') return cell;
  return typeof cell === 'number' || typeof cell === 'bigint' || typeof cell === 'boolean' ? String(cell) : null;
}

const EMPTY = 'the cell is empty; with data.missing: mean it becomes the mean of the training split (of a category: no level).';

/** The first pass over all rows: what features there are, and the targets. */
interface Survey {
  readonly standardizer: Standardizer;
  /** Of each categorical column its levels in the training split, sorted by code unit. */
  readonly levels: ReadonlyMap<string, readonly string[]>;
  /** Class names or numbers, one a row. */
  readonly targets: readonly (string | number)[];
}

async function survey(parts: TableParts, config: TableConfig, columns: readonly string[], isTraining: Uint8Array): Promise<Survey> {
  const problems = new TableProblems(parts.train.format);
  const standardizer = new Standardizer(columns.length);
  const found = new Map(config.categorical.map((column) => [column, new Set<string>()]));
  const lenient = config.missing === 'mean';
  const targets: (string | number)[] = [];
  for await (const { table, row, number, cells } of rowsOfTables(parts, [...columns, config.target])) {
    const where = table.where(row);
    const target = cells[columns.length];
    const value = config.task === 'regression' ? numberOf(target, 'classes are told with data.task: classification.') : nameOf(target);
    if (isMissing(target, config.task === 'regression')) problems.add('EMPTY_CELL', where, config.target, config.task === 'regression' ? 'the value to be told is missing.' : 'the class is empty.');
    else if (value === null || (config.task === 'regression' && typeof value === 'string')) problems.add('NOT_A_NUMBER', where, config.target, value ?? 'a value of this type is no class.');
    else targets.push(value);
    columns.forEach((column, feature) => {
      const cell = cells[feature];
      const seen = found.get(column);
      if (isMissing(cell, lenient)) {
        if (!lenient) problems.add('EMPTY_CELL', where, column, EMPTY);
      } else if (seen !== undefined) {
        const level = nameOf(cell);
        if (level === null) problems.add('NOT_A_LEVEL', where, column, 'a value of this type is no category.');
        else if (isTraining[number] === 1) seen.add(level);
      } else {
        const measured = numberOf(cell, 'a column of categories is named in data.categorical.');
        if (typeof measured === 'string') problems.add('NOT_A_NUMBER', where, column, measured);
        else if (isTraining[number] === 1) standardizer.add(feature, measured);
      }
    });
  }
  problems.throwIfAny();
  const never = columns.filter((column, feature) => !found.has(column) && Number.isNaN(standardizer.mean(feature)));
  if (never.length > 0) throw tableError(parts.train.format, 'NO_MEAN', `The column "${never[0]}" of ${parts.train.name} has no value in the training split: there is no mean to put in place of missing ones.`, 'Leave it out of data.features.');
  return { standardizer, targets, levels: new Map([...found].map(([column, levels]) => [column, [...levels].sort()])) };
}

/** @throws RepriseError …_ONE_CLASS, …_TARGET_NOT_CLASSES, …_UNKNOWN_CLASS */
export function classNamesOf(parts: TableParts, target: string, classes: readonly string[]): string[] {
  const { format, name: file, rows } = parts.train;
  // The default order of sort is by code unit: no locale has a say.
  const names = [...new Set(classes.slice(0, rows))].sort();
  if (names.length < 2) throw tableError(format, 'ONE_CLASS', `The column "${target}" of ${file} holds only "${names[0] ?? ''}".`, 'There must be two classes or more to tell apart.');
  if (names.length > rows / 2 || names.length > MAX_CLASSES) {
    throw tableError(format, 'TARGET_NOT_CLASSES', `The column "${target}" of ${file} has ${names.length} different values in ${rows} rows: it does not hold classes.`, 'Choose a column with classes as data.target, or set data.task to regression where it holds measurements.');
  }
  const known = new Set(names);
  const strange = classes.findIndex((name) => !known.has(name));
  if (strange >= 0) {
    const place = [parts.validation, parts.test].find((table, index) => table !== null && strange < rows + (index === 0 ? 0 : (parts.validation?.rows ?? 0)) + table.rows);
    throw tableError(format, 'UNKNOWN_CLASS', `The column "${target}" of ${place?.name ?? file} holds the class "${classes[strange]}", which the training part ${file} does not have.`, 'A model can tell only classes it was trained on: leave these rows out, or add examples of the class.');
  }
  return names;
}

/** Fewer rows cannot be split in three. */
export function refuseFewRows(parts: TableParts): void {
  const { format, name, rows } = parts.train;
  if (rows < MIN_ROWS) throw tableError(format, 'TOO_FEW_ROWS', `The ${format} file ${name} has ${rows} rows of data; at least ${MIN_ROWS} are needed.`, 'Add data: less cannot be split in three.');
}

function targetsOf(parts: TableParts, config: TableConfig, targets: readonly (string | number)[]): { readonly target: TargetShape; readonly labels: Labels; readonly classNames: readonly string[] } {
  if (config.task === 'regression') return { target: { kind: 'values', size: 1 }, labels: Float32Array.from(targets as readonly number[]), classNames: [] };
  const classNames = classNamesOf(parts, config.target, targets as readonly string[]);
  const numbers = new Map(classNames.map((name, index) => [name, BigInt(index)]));
  return { target: { kind: 'class', classes: classNames.length }, labels: BigInt64Array.from(targets, (name) => numbers.get(String(name))!), classNames };
}

/** Which rows are in the training split. */
export function trainingRows(parts: Parts, split: DataConfig['split'], splitSeed: number): Uint8Array {
  const isTraining = new Uint8Array(rowsOf(parts));
  for (const row of splitParts(parts, split, splitSeed).train) isTraining[row] = 1;
  return isTraining;
}

/**
 * Reads tables. With `standardize`, each number is brought to mean 0 and SD 1 of the training split; a missing number
 * becomes that mean. A category becomes a feature of 0 and 1 for each level that the training split has, in order by code
 * unit, called `column=level`; another level, or a missing one, is 0 in all of them.
 * @throws RepriseError CSV_… or PARQUET_… naming file, row and column, with up to 20 problems; DATA_SPLIT_EMPTY
 */
export async function readTables(parts: TableParts, config: TableConfig, splitSeed: number): Promise<DataSource> {
  const columns = featureColumns(parts, config);
  refuseFewRows(parts);
  const isTraining = trainingRows(tableRows(parts), config.split, splitSeed);
  const { standardizer, levels, targets } = await survey(parts, config, columns, isTraining);
  if (config.standardize) {
    for await (const { number, cells } of rowsOfTables(parts, columns)) {
      if (isTraining[number] === 0) continue;
      columns.forEach((column, feature) => {
        if (!levels.has(column) && !isMissing(cells[feature], config.missing === 'mean')) standardizer.addSquare(feature, Number(cells[feature]));
      });
    }
  }
  const { means, scales } = standardizer.result((feature) => config.standardize && !levels.has(columns[feature]!));
  const starts: number[] = [];
  const featureNames: string[] = [];
  for (const column of columns) {
    starts.push(featureNames.length);
    for (const name of levels.get(column)?.map((level) => `${column}=${level}`) ?? [column]) featureNames.push(name);
  }
  const width = featureNames.length;
  if (width === 0 || width > MAX_FEATURES) throw tableError(parts.train.format, 'TOO_MANY_FEATURES', `The columns of ${parts.train.name} come to ${width} features; 1 to ${MAX_FEATURES} can be used.`, 'Leave columns with very many levels out of data.features.');
  const numberColumn = featureNames.map(() => -1);
  columns.forEach((column, feature) => {
    if (!levels.has(column)) numberColumn[starts[feature]!] = feature;
  });
  const places = new Map([...levels].map(([column, names]) => [column, new Map(names.map((level, index) => [level, index]))]));

  async function* features(): AsyncGenerator<Float32Array> {
    for (const table of tablesOf(parts)) {
      for await (const chunk of table.chunks(columns)) {
        const values = new Float32Array(chunk.rows * width);
        columns.forEach((column, feature) => {
          const cells = chunk.columns[feature]!;
          const place = places.get(column);
          for (let row = 0; row < chunk.rows; row++) {
            const cell = cells[row];
            const at = row * width + starts[feature]!;
            const missing = isMissing(cell, config.missing === 'mean');
            if (place === undefined) {
              const value = missing ? standardizer.mean(feature) : Number(cell);
              values[at] = (value - means[feature]!) / scales[feature]!;
            } else {
              const level = missing ? undefined : place.get(nameOf(cell) ?? '');
              if (level !== undefined) values[at + level] = 1;
            }
          }
        });
        yield values;
      }
    }
  }

  return {
    kind: config.kind,
    input: { kind: 'features', size: width, type: 'float32' },
    ...targetsOf(parts, config, targets),
    parts: tableRows(parts),
    featureNames,
    standardization: config.standardize ? { means: numberColumn.map((feature) => (feature < 0 ? 0 : means[feature]!)), scales: numberColumn.map((feature) => (feature < 0 ? 1 : scales[feature]!)) } : null,
    tokenizer: null,
    features: features(),
  };
}
