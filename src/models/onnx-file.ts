/** A user's own ONNX file as a model: how it reads the data, which of its tensors are trained, and what it is to tell. */
import type { ModelConfig } from '../config/schema';
import { emitFile } from '../onnx/import/emit';
import { refusal, type OnnxFile } from '../onnx/import/file';
import { reshape } from '../onnx/operators/reshape';
import { cast, reshape as emitReshape } from '../onnx/primitives';
import { elementCount, formatShape, timesDim } from '../onnx/shapes';
import type { Dim, FloatTensor, Tensor } from '../onnx/types';
import type { Emission } from './emission';
import { asFloats } from './layers';
import { keeperOf } from './onnx-weights';
import { inputSize, outputWidth, rowsPerExample, type DataShape, type InputShape } from './types';

type OnnxConfig = Extract<ModelConfig, { kind: 'onnx' }>;

/** A file that was read. */
export interface ModelFile {
  /** Of its bytes, hex. */
  readonly sha256: string;
  readonly file: OnnxFile;
}

/** A model of a file: what the config says, and what was read. */
export interface OnnxModel extends ModelFile {
  readonly kind: 'onnx-file';
  readonly config: OnnxConfig;
}

/** A config's model as it can be emitted. @param file what was read of the file that it names, null where it names none */
export function resolvedModel(config: ModelConfig, file: ModelFile | null): ModelConfig | OnnxModel {
  if (config.kind !== 'onnx') return config;
  if (file === null) throw new Error(`the model ${config.path} was not read`);
  return { kind: 'onnx-file', config, sha256: file.sha256, file: file.file };
}

/**
 * Emits the file's nodes. Its float32 initializers are the model's tensors: those that are trained its parameters, the
 * others buffers, under the names that `nameIn` gives. Numbers that an exporter left there for one node are constants.
 * @param input [batch, size of an example]
 * @returns [batch · rowsPerExample, outputWidth]
 * @throws RepriseError ONNX_BATCH, ONNX_INPUT, ONNX_OUTPUT where the file does not fit the data; ONNX_NAME, ONNX_NOTHING_TO_TRAIN
 * where the config does not fit the file; ONNX_NO_GRADIENT; ONNX_NODE, ONNX_SHAPES, ONNX_TYPE naming a node
 */
export function emitOnnx(emission: Emission, { config, file }: OnnxModel, data: DataShape, input: Tensor): FloatTensor {
  refuseSoftmax(file, data);
  refuseSmallTable(file, data);
  const { host, used } = keeperOf(emission, config, file);
  const rows = asRows(emission, emitFile(file, host, asFileInput(emission, file, data.input, input)), data);
  if (!emission.training) return rows;
  const behind = emission.tape.behind(rows);
  const still = [...used].find(([name, { name: tensor }]) => host.isTrained(name) && !behind.has(tensor));
  if (still !== undefined) throw refusal({ code: 'ONNX_NO_GRADIENT', message: `The initializer ${still[0]} of the ONNX file cannot be trained: the output follows from it by comparisons or whole numbers alone, which have no gradient.`, hint: 'Name it in model.freeze.' });
  return rows;
}

/** The data as the file's input: [batch, …] in its type. */
function asFileInput(emission: Emission, { input: wanted }: OnnxFile, shape: InputShape, input: Tensor): Tensor {
  const of = exampleShape(wanted, shape);
  const isTokens = shape.kind === 'tokens';
  if (isTokens === (wanted.type === 'float32')) {
    throw refusal({
      code: 'ONNX_INPUT',
      message: `The input ${wanted.name} of the ONNX file is ${wanted.type}, but the data are ${isTokens ? 'tokens, which are whole numbers' : 'numbers, which are float32'}.`,
      hint: isTokens ? 'Export a model that begins with an embedding of tokens.' : 'Use text data, or export a model that takes floats.',
    });
  }
  const { graph, batch } = emission;
  const target = [batch, ...of];
  if (!isTokens) return emitReshape(graph, asFloats(emission, input), target);
  return emitReshape(graph, input.type === wanted.type ? input : cast(graph, input, wanted.type as 'int64' | 'int32'), target);
}

/** The sizes of one example in the file, those it leaves open from the data. */
function exampleShape({ name, shape: [batch, ...own] }: OnnxFile['input'], input: InputShape): readonly number[] {
  if (typeof batch === 'number' && batch !== 1) {
    throw refusal({
      code: 'ONNX_BATCH',
      message: `The input ${name} of the ONNX file is for exactly ${batch} examples; batches have other sizes.`,
      hint: 'Export it with a dynamic first axis, e.g. dynamic_shapes={"x": {0: torch.export.Dim("batch")}}, or for one example.',
    });
  }
  const natural = naturalShape(input);
  const alike = own.length === natural.length;
  const open = own.filter((dim) => typeof dim === 'string').length;
  const known = own.reduce<number>((product, dim) => (typeof dim === 'number' ? product * dim : product), 1);
  // Of another number of axes, one that is left open is what the others leave over.
  const found = own.map((dim, axis) => (typeof dim === 'number' ? dim : alike ? natural[axis]! : inputSize(input) / known));
  const fits = alike ? found.every((size, axis) => size === natural[axis]) : batch !== undefined && open <= 1 && found.every((size) => Number.isInteger(size)) && elementCount(found) === inputSize(input);
  if (fits) return found;
  const wants = formatShape([batch ?? '?', ...own].map((dim) => (typeof dim === 'number' ? dim : '?')));
  throw refusal({
    code: 'ONNX_INPUT',
    message: `The input ${name} of the ONNX file has the shape ${wants}, but an example of the data is ${inWords(input)}, ${formatShape(natural)}.`,
    hint: 'Export the model with the shape of the data: examples along the first axis, then channels, rows and columns of an image, or the tokens of a text.',
  });
}

function naturalShape(input: InputShape): readonly number[] {
  switch (input.kind) {
    case 'features':
      return [input.size];
    case 'image':
      return [input.channels, input.rows, input.columns];
    case 'tokens':
      return [input.length];
  }
}

function inWords({ kind }: InputShape): string {
  return { features: 'a row of features', image: 'an image', tokens: 'a row of tokens' }[kind];
}

/** A row for each example, or for each of its tokens. */
function asRows({ tape, batch }: Emission, output: Tensor, data: DataShape): FloatTensor {
  const [perExample, width] = [rowsPerExample(data), outputWidth(data)];
  const rows = timesDim(batch, perExample);
  const [first, ...rest] = output.shape;
  const inExamples = first === batch && elementCount(rest) === perExample * width;
  const inRows = first === rows && elementCount(rest) === width;
  const last: Dim | undefined = output.shape.length > 1 ? output.shape.at(-1) : 1;
  if (output.type === 'float32' && last === width && (inExamples || inRows)) return tape.apply(reshape, [{ ...output, type: 'float32' }], { shape: [rows, width] });
  const wanted = data.target.kind === 'next-token' ? ['batch', perExample, width] : ['batch', width];
  const what = { class: `a logit for each of ${width} classes`, values: width === 1 ? 'a value' : `${width} values`, 'next-token': `a logit for each of ${width} tokens at each place` }[data.target.kind];
  throw refusal({
    code: 'ONNX_OUTPUT',
    message: `The output of the ONNX file has the shape ${formatShape(output.shape.map((dim) => (dim === batch ? 'batch' : dim)))}${output.type === 'float32' ? '' : ` of ${output.type}`}, but the data want ${what}: ${formatShape(wanted)}.`,
    hint: 'Export a model that ends in as many numbers as there are to tell.',
  });
}

/** Cross-entropy takes logits: of probabilities it would take the softmax once more. */
function refuseSoftmax({ nodes, output }: OnnxFile, { target }: DataShape): void {
  const last = nodes.find(({ outputs }) => outputs.includes(output));
  if (last?.opType !== 'Softmax' || target.kind === 'values') return;
  throw refusal({ code: 'ONNX_OUTPUT', message: `The ONNX file ends in a softmax (node ${last.name}), but cross-entropy takes logits, to which it applies the softmax itself.`, hint: 'Export the model without its last softmax.' });
}

/** A token beyond the end of an embedding would end the run at some step. */
function refuseSmallTable({ nodes, input, initializers }: OnnxFile, data: DataShape): void {
  if (data.input.kind !== 'tokens') return;
  const { vocabulary } = data.input;
  for (const { opType, name, inputs: [table = '', tokens] } of nodes) {
    const rows = initializers.get(table)?.shape[0];
    if (opType !== 'Gather' || tokens !== input.name || rows === undefined || rows >= vocabulary) continue;
    throw refusal({ code: 'ONNX_INPUT', message: `The embedding ${table} of the ONNX file (operator Gather of node ${name}) knows ${rows} tokens, but the vocabulary of the data has ${vocabulary}.`, hint: 'Export the model with the vocabulary of the data.' });
  }
}

/** What a trained model says of itself: of a file its hash in place of its path, which is the author's own business. */
export function described(model: ModelConfig | OnnxModel): object {
  if (model.kind !== 'onnx-file') return model;
  const { train, freeze } = model.config;
  return { kind: model.config.kind, sha256: model.sha256, train, freeze };
}
