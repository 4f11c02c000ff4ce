/** Every differentiable operator. The gradient tests walk this list and want a reference for each. */
import { gelu, relu, sigmoid, tanh } from './activations';
import { arithmeticOperators } from './arithmetic';
import { layerOperators } from './layers';
import type { AnyOperator } from './operator';
import { reshape } from './reshape';

export const operators: readonly AnyOperator[] = [...layerOperators, ...arithmeticOperators, relu, tanh, sigmoid, gelu, reshape];
