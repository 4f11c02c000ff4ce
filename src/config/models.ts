/** The schema of `model`: one member of the union for each kind. */
import { z } from 'zod';
import { filePath, fraction, positiveInt } from './numbers';

const activations = z.enum(['relu', 'leaky-relu', 'elu', 'tanh', 'sigmoid', 'gelu', 'gelu-tanh', 'silu']);
const activation = activations.default('relu').meta({ description: 'Function after each hidden layer' });
const dropout = fraction.default(0).meta({ description: 'Probability with which a hidden unit is dropped in training' });
const bias = z.boolean().default(true).meta({ description: 'Biases of linear layers and convolutions' });
const init = z.enum(['pytorch', 'kaiming', 'xavier']).default('pytorch').meta({ description: 'Initial weights: PyTorch’s default; normal after He et al. (2015); or uniform after Glorot & Bengio (2010)' });
const hiddenUnits = positiveInt.max(65_536);
const hiddenMeta = { description: 'Units of each hidden layer, first to last', unit: 'units' };

/** One linear layer: softmax regression, or linear regression. */
export const linearSchema = z.strictObject({ kind: z.literal('linear'), bias, init });

/** Fully connected network: input → hidden… → classes. */
export const mlpSchema = z.strictObject({
  kind: z.literal('mlp'),
  hidden: z.array(hiddenUnits).max(16).default([128]).meta(hiddenMeta),
  norm: z.enum(['none', 'batch', 'layer', 'rms']).default('none').meta({ description: 'Norm of each hidden layer, before its activation' }),
  activation,
  dropout,
  residual: z.boolean().default(false).meta({ description: 'A hidden layer as wide as the one before adds what it was given' }),
  bias,
  init,
});

/** Small convolutional network: ((conv → norm → activation)… → halving)… → hidden… → classes. Needs image data. */
export const cnnSchema = z
  .strictObject({
    kind: z.literal('cnn'),
    channels: z.array(positiveInt.max(1024)).min(1).max(4).default([8, 16]).meta({ description: 'Output channels of each convolution block', unit: 'channels' }),
    kernel: z.int().min(1).max(11).refine((side) => side % 2 === 1, { error: 'must be odd' }).default(3).meta({ description: 'Side of the square kernel, odd', unit: 'pixels' }),
    blockDepth: positiveInt.max(8).default(1).meta({ description: 'Convolutions of each block, before its pooling', unit: 'layers' }),
    norm: z.enum(['none', 'batch', 'group', 'layer']).default('none').meta({ description: 'Norm of each convolution: over the batch, of groups of channels, or of a whole image' }),
    groups: positiveInt.max(1024).default(4).meta({ description: 'Groups into which a group norm parts the channels of each block', unit: 'groups' }),
    pooling: z.enum(['max', 'average', 'stride', 'none']).default('max').meta({ description: 'How a block halves images: by 2×2 maxima or means, by convolving in steps of 2, or not' }),
    readout: z.enum(['all', 'mean', 'max']).default('all').meta({ description: 'What is read of the last block: all of it, or the mean or largest of each channel' }),
    hidden: z.array(hiddenUnits).max(8).default([]).meta(hiddenMeta),
    activation,
    dropout,
    residual: z.boolean().default(false).meta({ description: 'Each block adds what it was given, through a 1×1 convolution; hidden layers as in an MLP' }),
    bias,
    init,
  })
  .refine(({ norm, groups, channels }) => norm !== 'group' || channels.every((count) => count % groups === 0), { path: ['groups'], error: 'must divide each number of model.channels' });

/** Transformer over tokens: a causal decoder where the next token is to be told, an encoder where a class is. */
export const transformerSchema = z
  .strictObject({
    kind: z.literal('transformer'),
    width: positiveInt.max(8192).default(128).meta({ description: 'Numbers that stand for a token between the blocks', unit: 'units' }),
    layers: positiveInt.max(64).default(4).meta({ description: 'Blocks of attention and MLP', unit: 'blocks' }),
    heads: positiveInt.max(128).default(4).meta({ description: 'Attention heads of each block; they share the width evenly', unit: 'heads' }),
    mlpRatio: z.number().gt(0).max(16).default(4).meta({ description: 'Hidden units of the MLP of a block for each unit of the width' }),
    activation: activations.default('gelu').meta({ description: 'Function between the two layers of an MLP' }),
    gated: z.boolean().default(false).meta({ description: 'MLPs with gates, as in SwiGLU: a second linear layer multiplies the activations' }),
    positions: z.enum(['learned', 'sinusoidal', 'rotary', 'none']).default('learned').meta({ description: 'How a token tells where it stands' }),
    norm: z.enum(['layer', 'rms', 'none']).default('layer').meta({ description: 'Norm of each sublayer' }),
    normPosition: z.enum(['pre', 'post']).default('pre').meta({ description: 'Norm before each sublayer and once before the head, or after each residual connection' }),
    residual: z.boolean().default(true).meta({ description: 'Residual connections around attention and MLP' }),
    readout: z.enum(['mean', 'max', 'first', 'last']).default('mean').meta({ description: 'What the head reads of a text with a class: its mean, largest, first or last token' }),
    bias: z.boolean().default(true).meta({ description: 'Biases of linear layers and layer norms; a tied head has none' }),
    tiedHead: z.boolean().default(false).meta({ description: 'The head shares the weights of the token embedding; for next tokens only' }),
    dropout: fraction.default(0).meta({ description: 'Probability with which a value of the embedding or of a sublayer’s result is dropped in training' }),
    attentionDropout: fraction.default(0).meta({ description: 'Probability with which an attention weight is dropped in training' }),
    init: z.enum(['gpt2', 'pytorch', 'kaiming', 'xavier']).default('gpt2').meta({ description: 'Initial weights: normal with SD 0.02, less before residual connections, as in GPT-2; the defaults of PyTorch’s modules; normal after He et al. (2015); or uniform after Glorot & Bengio (2010)' }),
  })
  .refine(({ width, heads }) => width % heads === 0, { path: ['heads'], error: 'must divide model.width' })
  .refine(({ width, heads, positions }) => positions !== 'rotary' || (width / heads) % 2 === 0, { path: ['heads'], error: 'must leave each head an even share of model.width, since rotary positions turn pairs' })
  .refine(({ width, positions }) => positions !== 'sinusoidal' || width % 2 === 0, { path: ['width'], error: 'must be even for sinusoidal positions' })
  .refine(({ width, mlpRatio }) => Number.isInteger(width * mlpRatio), { path: ['mlpRatio'], error: 'must give a whole number of units when multiplied by model.width' });

/** LSTM over the tokens of a text or the rows of an image: next tokens, or what the whole sequence is. */
export const lstmSchema = z
  .strictObject({
    kind: z.literal('lstm'),
    embedding: positiveInt.max(8192).default(256).meta({ description: 'Numbers that stand for a token; images have no embedding', unit: 'units' }),
    hidden: positiveInt.max(8192).default(256).meta({ description: 'Hidden units of each layer', unit: 'units' }),
    layers: positiveInt.max(16).default(1).meta({ description: 'LSTM layers, one over the other', unit: 'layers' }),
    bidirectional: z.boolean().default(false).meta({ description: 'Layers read in both directions, with all hidden units in each; not for next tokens' }),
    norm: z.enum(['none', 'layer', 'rms']).default('none').meta({ description: 'Norm of what comes out of each layer' }),
    residual: z.boolean().default(false).meta({ description: 'Each layer after the first adds what it was given' }),
    readout: z.enum(['last', 'mean', 'max']).default('last').meta({ description: 'What the head reads of a whole sequence: its last step, or the mean or largest of all' }),
    dropout: fraction.default(0).meta({ description: 'Probability with which a value that goes into or comes out of a layer is dropped in training, never from step to step' }),
    tiedHead: z.boolean().default(false).meta({ description: 'The head shares the weights of the token embedding; for next tokens only' }),
    bias: z.boolean().default(true).meta({ description: 'Biases of the layers and the head; a tied head has none' }),
    forgetBias: z.number().min(-100).max(100).default(0).meta({ description: 'Added to the bias of the forget gates; 1 lets a cell remember from the start' }),
    init,
  })
  .refine(({ embedding, hidden, tiedHead }) => !tiedHead || embedding === hidden, { path: ['tiedHead'], error: 'needs model.embedding to equal model.hidden' });

/** Convolutions along a text: causal where the next token is to be told. */
export const textCnnSchema = z.strictObject({
  kind: z.literal('text-cnn'),
  width: positiveInt.max(8192).default(128).meta({ description: 'Numbers that stand for a token, and channels of each convolution', unit: 'units' }),
  layers: positiveInt.max(32).default(5).meta({ description: 'Convolutions one after another', unit: 'layers' }),
  kernel: z.int().min(1).max(64).default(3).meta({ description: 'Tokens that a convolution reads', unit: 'tokens' }),
  dilation: z.enum(['none', 'doubling']).default('doubling').meta({ description: 'Distance between the tokens that a convolution reads: 1 in each layer, or twice that of the layer before' }),
  activation,
  norm: z.enum(['none', 'layer', 'rms']).default('layer').meta({ description: 'Norm before each convolution' }),
  residual: z.boolean().default(true).meta({ description: 'Residual connections around the convolutions' }),
  readout: z.enum(['mean', 'max']).default('mean').meta({ description: 'What the head reads of a text with a class: the mean or the largest of its tokens' }),
  dropout,
  bias,
  tiedHead: z.boolean().default(false).meta({ description: 'The head shares the weights of the token embedding; for next tokens only' }),
  init,
});

const patterns = z.array(z.string().min(1).max(1000)).max(1000);

/** A user's own ONNX file, of operator set 13 to 21. */
export const onnxSchema = z.strictObject({
  kind: z.literal('onnx'),
  path: filePath.meta({ description: 'ONNX file, relative to the folder of the config' }),
  train: patterns.min(1).default(['*']).meta({ description: 'Names of the initializers that are trained, all others stay as they are; * stands for any characters' }),
  freeze: patterns.default([]).meta({ description: 'Names of initializers among them that stay as they are all the same, for fine-tuning; * stands for any characters' }),
});

export const modelSchema = z.discriminatedUnion('kind', [linearSchema, mlpSchema, cnnSchema, textCnnSchema, transformerSchema, lstmSchema, onnxSchema]);

/** The file of the user that a model is read from, as the config names it; null where it is none. */
export function modelPath(model: z.infer<typeof modelSchema>): string | null {
  return model.kind === 'onnx' ? model.path : null;
}

/** The same model at another path. */
export function withModelPath<M extends z.infer<typeof modelSchema>>(model: M, change: (path: string) => string): M {
  return model.kind === 'onnx' ? { ...model, path: change(model.path) } : model;
}
