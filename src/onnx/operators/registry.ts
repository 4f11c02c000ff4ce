/** Every differentiable operator. The gradient tests walk this list and want a reference for each. */
import { activationOperators } from './activations';
import { arithmeticOperators } from './arithmetic';
import { layerOperators } from './layers';
import { jointLstm, lstm } from './lstm';
import type { AnyOperator } from './operator';
import { reductionOperators } from './reductions';
import { shapingOperators } from './shaping';

export const operators: readonly AnyOperator[] = [...layerOperators, ...arithmeticOperators, ...activationOperators, ...reductionOperators, ...shapingOperators, lstm, jointLstm];
