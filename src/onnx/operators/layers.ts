/** The operators of layers, losses among them. */
import { channelNormOperators } from './channel-norms';
import { convolution, transposedConvolution } from './convolution';
import { crossEntropy } from './cross-entropy';
import { dropout } from './dropout';
import { gemm, linear } from './linear';
import { lossOperators } from './losses';
import { matmul } from './matmul';
import { normOperators } from './normalization';
import type { AnyOperator } from './operator';
import { averagePool, globalAveragePool, maxPool } from './pooling';

export const layerOperators: readonly AnyOperator[] = [
  linear,
  gemm,
  matmul,
  convolution,
  transposedConvolution,
  maxPool,
  averagePool,
  globalAveragePool,
  ...normOperators,
  ...channelNormOperators,
  dropout,
  crossEntropy,
  ...lossOperators,
];
