import { RepriseError } from '../errors/errors';
import { Tape } from '../onnx/autodiff';
import { GraphBuilder } from '../onnx/graph';
import { softmax } from '../onnx/primitives';
import { sameShape } from '../onnx/shapes';
import type { FloatTensor } from '../onnx/types';
import type { NamedTensor } from '../tensors/safetensors';
import { evaluating } from './evaluation-graph';
import { emitModel, layOut, type Model } from './model';
import { described } from './onnx-file';
import { inputSize, inputType, outputWidth, type DataShape } from './types';

/**
 * The file a trained model is handed on as: weights inside, `input` [batch, size of an example] exactly like rows
 * of prepared data (uint8 is scaled by 1/255 in the graph), outputs `logits` and `probabilities`
 * [rows, classes], or `values` [batch, size]. Its metadata names the model, the number of classes and the input.
 * Extra tensors in `weights` (optimizer state) are left out.
 * @throws RepriseError MODEL_WEIGHTS_MISMATCH when a weight is missing or has another type or shape;
 * MODEL_… where the model does not fit the data
 */
export function buildInferenceGraph(model: Model, data: DataShape, weights: readonly NamedTensor[]): Uint8Array {
  const { parameters, buffers } = layOut(model, data);
  const graph = new GraphBuilder('inference');
  const input = graph.input('input', inputType(data.input), ['batch', inputSize(data.input)]);
  const tensors = new Map<string, FloatTensor>();
  for (const { name, shape } of [...parameters, ...buffers]) {
    const weight = weights.find((tensor) => tensor.name === name);
    if (weight === undefined || !(weight.data instanceof Float32Array) || !sameShape(weight.shape, shape)) {
      const found = weight === undefined ? 'there is none' : `found ${weight.type} [${weight.shape.join(', ')}]`;
      throw new RepriseError('MODEL_WEIGHTS_MISMATCH', `The model needs a float32 tensor ${name} [${shape.join(', ')}], but ${found}.`, {
        hint: 'Use the weights of a run with this same model and data.',
      });
    }
    tensors.set(name, graph.initializer(name, 'float32', shape, weight.data));
  }
  const output = emitModel(evaluating(new Tape(graph), 'batch', tensors), model, data, input);
  if (data.target.kind === 'values') {
    graph.output(output, 'values');
  } else {
    graph.output(output, 'logits');
    graph.output(softmax(graph, output), 'probabilities');
  }
  const isBytes = inputType(data.input) === 'uint8';
  return graph.encode({
    description: 'A model trained with Reprise.',
    metadata: {
      'reprise.model': JSON.stringify(described(model)),
      'reprise.outputs': String(outputWidth(data)),
      'reprise.features': String(inputSize(data.input)),
      'reprise.input': isBytes ? 'bytes 0 to 255; the graph divides by 255' : data.input.kind === 'tokens' ? 'numbers of the vocabulary' : 'floats, prepared as for training',
      ...(data.input.kind === 'image' ? { 'reprise.image': JSON.stringify([data.input.channels, data.input.rows, data.input.columns]) } : {}),
    },
  });
}
