/** Every differentiable operator. The gradient tests walk this list and want a reference for each. */
import { gelu, relu, sigmoid, tanh } from './activations';
import { arithmeticOperators } from './arithmetic';
import { convolution } from './convolution';
import { crossEntropy } from './cross-entropy';
import { dropout } from './dropout';
import { linear } from './linear';
import type { AnyOperator } from './operator';
import { maxPool } from './pooling';
import { reshape } from './reshape';

export const operators: readonly AnyOperator[] = [...arithmeticOperators, linear, convolution, maxPool, relu, tanh, sigmoid, gelu, reshape, dropout, crossEntropy];
