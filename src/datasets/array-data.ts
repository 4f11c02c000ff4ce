/** Arrays as data: a row of features and a label for each example. */
import type { DataConfig } from '../config/schema';
import type { InputShape, TargetShape } from '../models/types';
import { arrayError, type ArrayFormat, type NumberArray } from './arrays';
import { MAX_CLASSES, rowsOf, type DataSource, type Features, type Labels } from './prepared';
import { splitParts, type Parts } from './split';
import { Standardizer } from './standardize';

export type ArrayConfig = Extract<DataConfig, { kind: 'npy' | 'idx' }>;

/** Features and labels of one part. */
export interface ArrayPair {
  readonly features: NumberArray;
  readonly labels: NumberArray;
}

export interface ArrayParts {
  readonly train: ArrayPair;
  readonly validation: ArrayPair | null;
  readonly test: ArrayPair | null;
}

const formatOf = ({ kind }: ArrayConfig): ArrayFormat => (kind === 'npy' ? 'NPY' : 'IDX');
const shapeText = (shape: readonly number[]): string => `(${shape.join(', ')})`;

/** Values of one example, as a model reads them. @throws RepriseError …_SHAPE */
function inputOf({ name, shape, type }: NumberArray, config: ArrayConfig, isScaled: boolean): InputShape {
  const kept = type.bytes === 1 && type.name !== 'int8' && !isScaled ? 'uint8' : 'float32';
  const [, first = 1, second = 1, third = 1] = shape;
  switch (shape.length) {
    case 1:
    case 2:
      return { kind: 'features', size: first, type: kept };
    case 3:
      return { kind: 'image', channels: 1, rows: first, columns: second, type: kept };
    case 4:
      return config.kind === 'npy' && config.layout === 'channels-last'
        ? { kind: 'image', channels: third, rows: first, columns: second, type: kept }
        : { kind: 'image', channels: first, rows: second, columns: third, type: kept };
    default:
      throw arrayError(formatOf(config), 'SHAPE', name, `has the shape ${shapeText(shape)}`, 'Features have 2 axes, images 3 or 4, the first of which counts the examples.');
  }
}

/** @throws RepriseError …_SHAPE where parts or labels do not fit */
function checkShapes(pairs: readonly ArrayPair[], config: ArrayConfig): void {
  const format = formatOf(config);
  const [train] = pairs;
  for (const { features, labels } of pairs) {
    const rows = features.shape[0]!;
    if (labels.shape[0] !== rows) throw arrayError(format, 'SHAPE', labels.name, `has ${labels.shape[0]} labels for the ${rows} rows of ${features.name}`, 'Each example needs one label.');
    const [expected, width] = [train!.features.shape.slice(1), train!.labels.shape.slice(1)];
    if (features.shape.slice(1).join() !== expected.join() || features.type.name !== train!.features.type.name) throw arrayError(format, 'SHAPE', features.name, `holds ${features.type.name} ${shapeText(features.shape)}, which does not fit ${train!.features.type.name} ${shapeText(train!.features.shape)} of ${train!.features.name}`, 'All parts must hold the same kind of examples.');
    if (labels.shape.slice(1).join() !== width.join()) throw arrayError(format, 'SHAPE', labels.name, `has the shape ${shapeText(labels.shape)}, which does not fit ${shapeText(train!.labels.shape)}`, 'All parts must hold the same kind of labels.');
  }
}

async function classLabels(pairs: readonly ArrayPair[], config: ArrayConfig): Promise<{ readonly target: TargetShape; readonly labels: Labels; readonly classNames: string[] }> {
  const format = formatOf(config);
  const numbers: bigint[] = [];
  let classes = 0;
  for (const [part, { labels }] of pairs.entries()) {
    const wide = labels.shape.length > 2 || (labels.shape[1] ?? 1) > 1;
    if (wide) throw arrayError(format, 'SHAPE', labels.name, `has the shape ${shapeText(labels.shape)}`, 'Class numbers have one axis; of one-hot labels save labels.argmax(1).');
    if (!labels.type.isInteger) throw arrayError(format, 'LABEL_TYPE', labels.name, `holds ${labels.type.name}, but class numbers are integers`, 'Save the labels as int64, or set data.task to regression.');
    let row = 0;
    for await (const values of labels.rows()) {
      for (const value of values) {
        const limit = part === 0 ? MAX_CLASSES : classes;
        if (value < 0 || value >= limit) {
          const known = part === 0 ? `0 to ${MAX_CLASSES - 1} are possible` : `the training part has the classes 0 to ${classes - 1}`;
          throw arrayError(format, 'LABEL_OUT_OF_RANGE', labels.name, `has the label ${value} in row ${row}; ${known}`, 'Number the classes from 0, and train on all of them.');
        }
        if (part === 0) classes = Math.max(classes, value + 1);
        numbers.push(BigInt(value));
        row++;
      }
    }
  }
  if (classes < 2) throw arrayError(format, 'ONE_CLASS', pairs[0]!.labels.name, 'holds one class only', 'There must be two classes or more to tell apart.');
  return { target: { kind: 'class', classes }, labels: BigInt64Array.from(numbers), classNames: Array.from({ length: classes }, (_, name) => String(name)) };
}

async function valueLabels(pairs: readonly ArrayPair[], config: ArrayConfig): Promise<{ readonly target: TargetShape; readonly labels: Labels; readonly classNames: string[] }> {
  const size = pairs[0]!.labels.shape.slice(1).reduce((count, axis) => count * axis, 1);
  const labels = new Float32Array(size * pairs.reduce((rows, pair) => rows + pair.labels.shape[0]!, 0));
  let at = 0;
  for (const { labels: part } of pairs) {
    if (part.type.isInteger) throw arrayError(formatOf(config), 'LABEL_TYPE', part.name, `holds ${part.type.name}, but values to be told are floats`, 'Save the labels as float32, or set data.task to classification.');
    const begin = at;
    for await (const values of part.rows()) {
      refuseNotFinite(values, part, config, Math.floor((at - begin) / size), size);
      labels.set(values, at);
      at += values.length;
    }
  }
  return { target: { kind: 'values', size }, labels, classNames: [] };
}

function refuseNotFinite(values: Float64Array, { name }: NumberArray, config: ArrayConfig, firstRow: number, width: number): void {
  // What float32 cannot hold is infinite there.
  const bad = values.findIndex((value) => !Number.isFinite(Math.fround(value)));
  if (bad < 0) return;
  throw arrayError(formatOf(config), 'NOT_FINITE', name, `holds ${values[bad]} in row ${firstRow + Math.floor(bad / width)}, column ${bad % width}`, 'Every value must be a number of the range of float32; take out or fill in what is missing.');
}

async function* checkedRows(array: NumberArray, config: ArrayConfig): AsyncGenerator<Float64Array> {
  const width = array.shape.slice(1).reduce((count, axis) => count * axis, 1);
  let row = 0;
  for await (const values of array.rows()) {
    if (!array.type.isInteger) refuseNotFinite(values, array, config, row, width);
    yield values;
    row += values.length / width;
  }
}

async function standardizerFor(pairs: readonly ArrayPair[], config: ArrayConfig, width: number, parts: Parts, splitSeed: number): Promise<Standardizer> {
  const isTraining = new Uint8Array(rowsOf(parts));
  for (const row of splitParts(parts, config.split, splitSeed).train) isTraining[row] = 1;
  const standardizer = new Standardizer(width);
  for (const pass of ['add', 'addSquare'] as const) {
    let row = 0;
    // Rows of other parts never train.
    for await (const values of checkedRows(pairs[0]!.features, config)) {
      for (let at = 0; at < values.length; at += width, row++) {
        if (isTraining[row] === 1) for (let feature = 0; feature < width; feature++) standardizer[pass](feature, values[at + feature]!);
      }
    }
  }
  return standardizer;
}

/** Channels last to channels first, example by example. */
function channelsFirst(values: Float64Array, { channels, rows, columns }: Extract<InputShape, { kind: 'image' }>): Float64Array {
  const size = rows * columns;
  return values.map((_, index) => {
    const within = index % (channels * size);
    return values[index - within + (within % size) * channels + Math.floor(within / size)]!;
  });
}

/**
 * Reads features and labels. Bytes and booleans stay bytes, other numbers become float32. Images lie channel by channel;
 * three axes are images of one channel.
 * @throws RepriseError NPY_… or IDX_… naming file and row; DATA_SPLIT_EMPTY
 */
export async function readArrays(parts: ArrayParts, config: ArrayConfig, splitSeed: number): Promise<DataSource> {
  const pairs = [parts.train, parts.validation, parts.test].filter((pair) => pair !== null);
  checkShapes(pairs, config);
  const isScaled = config.kind === 'npy' && config.standardize;
  const input = inputOf(parts.train.features, config, isScaled);
  const width = parts.train.features.shape.slice(1).reduce((count, axis) => count * axis, 1);
  const labels = config.kind === 'npy' && config.task === 'regression' ? await valueLabels(pairs, config) : await classLabels(pairs, config);
  const rows: Parts = { train: parts.train.features.shape[0]!, validation: parts.validation?.features.shape[0] ?? null, test: parts.test?.features.shape[0] ?? null };
  const reorder = (values: Float64Array): Float64Array => (config.kind === 'npy' && config.layout === 'channels-last' && input.kind === 'image' && parts.train.features.shape.length === 4 ? channelsFirst(values, input) : values);
  const inFileOrder = isScaled ? (await standardizerFor(pairs, config, width, rows, splitSeed)).result() : null;
  const standardization = inFileOrder === null ? null : { means: [...reorder(Float64Array.from(inFileOrder.means))], scales: [...reorder(Float64Array.from(inFileOrder.scales))] };

  async function* features(): AsyncGenerator<Features> {
    for (const pair of pairs) {
      for await (const block of checkedRows(pair.features, config)) {
        const values = reorder(block);
        if (input.kind !== 'tokens' && input.type === 'uint8') yield new Uint8Array(values);
        else if (standardization === null) yield new Float32Array(values);
        else yield Float32Array.from(values, (value, index) => (value - standardization.means[index % width]!) / standardization.scales[index % width]!);
      }
    }
  }

  return { kind: config.kind, input, ...labels, parts: rows, featureNames: [], standardization, tokenizer: null, features: features() };
}
