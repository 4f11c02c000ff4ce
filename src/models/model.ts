/** A model for a data set: its forward pass, which training, evaluation and inference graphs share, and its tensors. */
import type { ModelConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import type { FloatTensor, Tensor } from '../onnx/types';
import { emitCnn } from './cnn';
import { layoutOf, type Emission, type Layout } from './emission';
import { emitLstm } from './lstm';
import { emitLinear, emitMlp } from './mlp';
import { emitOnnx, type OnnxModel } from './onnx-file';
import { emitTextCnn } from './text-cnn';
import { emitTransformer } from './transformer';
import { inputSize, inputType, outputWidth, type DataShape } from './types';

/** A model as a config names it; one of a file of the user with what was read from that file. */
export type Model = ModelConfig | OnnxModel;

/**
 * Emits a model's forward pass.
 * @param input [batch, size of an example], as prepared
 * @returns [batch · rowsPerExample, outputWidth]: logits, or values
 * @throws RepriseError MODEL_… where the model does not fit the data
 */
export function emitModel(emission: Emission, model: Model, data: DataShape, input: Tensor): FloatTensor {
  const outputs = outputWidth(data);
  switch (model.kind) {
    case 'linear':
      refuseTokens(model.kind, data);
      return emitLinear(emission, model, input, outputs);
    case 'mlp':
      refuseTokens(model.kind, data);
      return emitMlp(emission, model, input, outputs);
    case 'cnn':
      return emitCnn(emission, model, input, data.input, outputs);
    case 'lstm':
      return emitLstm(emission, model, data, input);
    case 'transformer':
      return emitTransformer(emission, model, data, input);
    case 'text-cnn':
      return emitTextCnn(emission, model, data, input);
    case 'onnx-file':
      return emitOnnx(emission, model, data, input);
    case 'onnx':
      throw new Error(`the model ${model.path} was not read before a graph of it is built`);
  }
}

/** The number of a token is a name, no quantity: it cannot be multiplied by a weight. */
function refuseTokens(kind: string, { input }: DataShape): void {
  if (input.kind !== 'tokens') return;
  throw new RepriseError('MODEL_TAKES_NO_TOKENS', `model.kind is ${kind}, but the data are tokens.`, {
    hint: 'Set model.kind to transformer, lstm or text-cnn, or use data of numbers.',
    problems: [{ path: 'model.kind', message: `${kind} takes numbers or images, not tokens.` }],
  });
}

/** The tensors of a model for a data set. @throws RepriseError MODEL_… where the model does not fit the data */
export function layOut(model: Model, data: DataShape): Layout {
  return layoutOf((emission) => {
    emitModel(emission, model, data, emission.graph.input('input', inputType(data.input), [1, inputSize(data.input)]));
  });
}
