/** A model for a data set: its forward pass, which training, evaluation and inference graphs share, and its tensors. */
import type { ModelConfig } from '../config/schema';
import type { FloatTensor, Tensor } from '../onnx/types';
import { emitCnn } from './cnn';
import { layoutOf, type Emission, type Layout } from './emission';
import { emitLstm } from './lstm';
import { emitMlp } from './mlp';
import { emitTransformer } from './transformer';
import { inputSize, inputType, outputWidth, type DataShape } from './types';

/**
 * Emits a model's forward pass.
 * @param input [batch, size of an example], as prepared
 * @returns [batch · rowsPerExample, outputWidth]: logits, or values
 * @throws RepriseError MODEL_… where the model does not fit the data
 */
export function emitModel(emission: Emission, model: ModelConfig, data: DataShape, input: Tensor): FloatTensor {
  const outputs = outputWidth(data);
  switch (model.kind) {
    case 'mlp':
      return emitMlp(emission, model, input, outputs);
    case 'cnn':
      return emitCnn(emission, model, input, data.input, outputs);
    case 'lstm':
      return emitLstm(emission, model, data, input);
    case 'transformer':
      return emitTransformer(emission, model, data, input);
  }
}

/** The tensors of a model for a data set. @throws RepriseError MODEL_… where the model does not fit the data */
export function layOut(model: ModelConfig, data: DataShape): Layout {
  return layoutOf((emission) => {
    emitModel(emission, model, data, emission.graph.input('input', inputType(data.input), [1, inputSize(data.input)]));
  });
}
