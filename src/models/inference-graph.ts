import type { ModelConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { Tape } from '../onnx/autodiff';
import { GraphBuilder } from '../onnx/graph';
import { softmax } from '../onnx/primitives';
import { sameShape } from '../onnx/shapes';
import type { FloatTensor } from '../onnx/types';
import type { NamedTensor } from '../tensors/safetensors';
import { emitLogits, layOut } from './network';
import type { DataShape } from './types';

/**
 * The file a trained model is handed on as: weights inside, `input` [batch, features] exactly like rows
 * of prepared data (uint8 is scaled by 1/255 in the graph), outputs `logits` and `probabilities`
 * [batch, classes]. Its metadata names the model, the number of classes and the input. Extra tensors in
 * `weights` (optimizer state) are left out.
 * @throws RepriseError MODEL_WEIGHTS_MISMATCH when a weight is missing or has another type or shape;
 * MODEL_NEEDS_IMAGES, MODEL_IMAGE_TOO_SMALL
 */
export function buildInferenceGraph(model: ModelConfig, data: DataShape, weights: readonly NamedTensor[]): Uint8Array {
  const network = layOut(model, data);
  const graph = new GraphBuilder('inference');
  const input = graph.input('input', data.featureType, ['batch', data.features]);
  const parameters = new Map<string, FloatTensor>();
  for (const { name, shape } of network.parameters) {
    const weight = weights.find((tensor) => tensor.name === name);
    if (weight === undefined || !(weight.data instanceof Float32Array) || !sameShape(weight.shape, shape)) {
      const found = weight === undefined ? 'there is none' : `found ${weight.type} [${weight.shape.join(', ')}]`;
      throw new RepriseError('MODEL_WEIGHTS_MISMATCH', `The model needs a float32 tensor ${name} [${shape.join(', ')}], but ${found}.`, {
        hint: 'Use the weights of a run with this same model and data.',
      });
    }
    parameters.set(name, graph.initializer(name, 'float32', shape, weight.data));
  }
  const logits = emitLogits(new Tape(graph), network, input, parameters, null);
  graph.output(logits, 'logits');
  graph.output(softmax(graph, logits), 'probabilities');
  return graph.encode({
    description: 'A classifier trained with Reprise.',
    metadata: {
      'reprise.model': JSON.stringify(model),
      'reprise.classes': String(data.classes),
      'reprise.features': String(data.features),
      'reprise.input': data.featureType === 'uint8' ? 'bytes 0 to 255; the graph divides by 255' : 'floats, prepared as for training',
      ...(data.image === null ? {} : { 'reprise.image': JSON.stringify([data.image.channels, data.image.rows, data.image.columns]) }),
    },
  });
}
