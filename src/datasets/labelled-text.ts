/** Texts with a class each, from two columns of a table. */
import type { DataConfig } from '../config/schema';
import { rowsOf, type DataSource } from './prepared';
import { tableError, TableProblems } from './table';
import { classNamesOf, refuseFewRows, rowsOfTables, tableRows, tablesOf, trainingRows, type TableParts } from './table-data';
import { encoderOf, vocabularyOf } from './tokenizer';
import { trainTokenizerOn } from './train-tokenizer';

type LabelledTextConfig = Extract<DataConfig, { kind: 'labelled-text' }>;

/** Examples whose tokens are handed over at once. */
const BLOCK = 4096;

/**
 * Reads texts and their classes. Each text becomes `length` tokens: what is longer is cut off at its end, what is shorter
 * is filled up with the token 0, padding. The tokenizer learns from the texts of the training split only.
 * @throws RepriseError CSV_… or PARQUET_…, DATA_SPLIT_EMPTY
 */
export async function readLabelledText(parts: TableParts, config: LabelledTextConfig, splitSeed: number): Promise<DataSource> {
  const { format } = parts.train;
  for (const { columns, name } of tablesOf(parts)) {
    for (const [key, column] of [['text', config.text], ['target', config.target]] as const) {
      if (!columns.includes(column)) throw tableError(format, 'COLUMN_MISSING', `${name} has no column "${column}" (data.${key}); it has ${columns.map((known) => `"${known}"`).join(', ')}.`, `Name the column in data.${key}.`);
    }
  }
  refuseFewRows(parts);
  const problems = new TableProblems(format);
  const texts: string[] = [];
  const classes: string[] = [];
  for await (const { table, row, cells } of rowsOfTables(parts, [config.text, config.target])) {
    const [text, target] = cells;
    if (typeof text !== 'string' || text === '') problems.add(text === '' || text == null ? 'EMPTY_CELL' : 'NOT_A_TEXT', table.where(row), config.text, text === '' || text == null ? 'the text is missing.' : 'the value is not a text.');
    else texts.push(text);
    if (target === '' || target == null || typeof target === 'object') problems.add('EMPTY_CELL', table.where(row), config.target, 'the class is missing.');
    else classes.push(String(target));
  }
  problems.throwIfAny();
  const classNames = classNamesOf(parts, config.target, classes);
  const numbers = new Map(classNames.map((name, index) => [name, BigInt(index)]));
  const shape = tableRows(parts);
  const isTraining = trainingRows(shape, config.split, splitSeed);
  const tokenizer = trainTokenizerOn(config.tokenizer, texts.filter((_, row) => isTraining[row] === 1));
  const encode = encoderOf(tokenizer);
  const { length } = config;

  function* features(): Generator<Int32Array> {
    for (let from = 0; from < texts.length; from += BLOCK) {
      const block = texts.slice(from, from + BLOCK);
      const tokens = new Int32Array(block.length * length);
      block.forEach((text, index) => tokens.set(encode(text).slice(0, length), index * length));
      yield tokens;
    }
  }

  return {
    kind: config.kind,
    input: { kind: 'tokens', length, vocabulary: vocabularyOf(tokenizer) },
    target: { kind: 'class', classes: classNames.length },
    parts: shape,
    classNames,
    featureNames: [],
    standardization: null,
    tokenizer,
    labels: BigInt64Array.from({ length: rowsOf(shape) }, (_, row) => numbers.get(classes[row]!)!),
    features: features(),
  };
}
