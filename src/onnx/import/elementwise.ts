/** Operators of one element of the result from one element of each input. */
import { elu, gelu, geluTanh, hardSigmoid, hardSwish, leakyRelu, relu, sigmoid, softplus, tanh } from '../operators/activations';
import { absolute, add, clip, constantPower, cos, divide, erf, exp, log, maximum, minimum, multiply, negate, power, reciprocal, sin, sqrt, subtract, where, type Binary } from '../operators/arithmetic';
import type { Operator } from '../operators/operator';
import { cast } from '../primitives';
import { broadcastShapes, elementCount } from '../shapes';
import type { ElementType, FloatTensor, Tensor } from '../types';
import { computed, type Call, type Computed, type Converter, type Value } from './call';
import { ARITHMETIC, combined, COMPARISONS, elementReader, FUNCTIONS, known, rounded, writable, type ElementReader, type Known } from './known';
import { storedTypeOf, typeInWords, type StoredType } from './tensor-data';

type One = Operator<readonly [FloatTensor], undefined, readonly Tensor[]>;

function unary(operator: One): Converter {
  return (call) => ofNumbers(call) ?? call.apply(operator, [call.float(0)], undefined);
}

/** A function of known numbers; null where the input is computed, or every machine computes the function in its own way. */
function ofNumbers(call: Call): Known | null {
  const value = call.known(0);
  const formula = FUNCTIONS[call.node.opType];
  if (value === null || formula === undefined || value.values.some((element) => typeof element !== 'number')) return null;
  return known(value.type, value.shape, value.values.map((element) => rounded(value.type, formula(element as number))));
}

/** The derivative of a step is 0 wherever there is one. */
function stepwise(call: Call): Value {
  const value = ofNumbers(call);
  if (value !== null) return value;
  const tensor = call.tensor(0);
  return call.raw([tensor], tensor.type, tensor.shape);
}

function isWhole(type: string): boolean {
  return type !== 'float32' && type !== 'float64';
}

function binary(operator: Binary | null): Converter {
  return (call) => {
    const [left, right] = [call.known(0), call.known(1)];
    const divides = call.node.opType === 'Div' || call.node.opType === 'Mod';
    // The end of the process where ONNX Runtime does it.
    if (divides && right !== null && isWhole(right.type) && right.values.includes(0)) call.refuse('divides whole numbers by 0');
    const combine = ARITHMETIC[call.node.opType];
    const value = left === null || right === null || combine === undefined ? null : combined(left, right, left.type, combine);
    if (value !== null) return value;
    if (operator !== null && call.typeOf(0) === 'float32') return call.apply(operator, [call.float(0), call.float(1)], undefined);
    return between(call, call.tensor(0).type);
  };
}

/** A node of whole numbers, or of yes and no. */
function between(call: Call, type: ElementType): Computed {
  const [left, right] = [call.tensor(0), call.tensor(1)];
  return call.raw([left, right], type, broadcastShapes(left.shape, right.shape));
}

function remainder(call: Call): Value | readonly (Value | null)[] {
  return call.factor('fmod', 0) === 0 ? binary(null)(call) : call.refuse('takes the remainder with the sign of its first input (fmod)');
}

function comparison(call: Call): Value {
  const [left, right] = [call.known(0), call.known(1)];
  const combine = COMPARISONS[call.node.opType];
  return (left === null || right === null || combine === undefined ? null : combined(left, right, 'bool', combine)) ?? between(call, 'bool');
}

/** Two at a time, from the first on. */
function chained(operator: Binary): Converter {
  const pair = binary(operator);
  return (call) => {
    if (call.node.inputs.length === 1) return call.value(0);
    if (call.node.inputs.length === 2 && call.node.opType !== 'Sum') return pair(call);
    const terms = call.node.inputs.map((_, position) => call.float(position));
    return computed(terms.slice(1).reduce((left, right) => call.tape.apply(operator, [left, right], undefined), terms[0]!));
  };
}

function pow(call: Call): Value {
  const exponent = call.known(1);
  const number = exponent?.values.length === 1 && exponent.shape.every((dim) => dim === 1) ? Number(exponent.values[0]) : null;
  if (number === null) return call.apply(power, [call.float(0), call.float(1)], undefined);
  if (number === 1) return call.value(0);
  if (number === 0) return known('float32', call.shapeOf(0), [1]);
  return call.apply(constantPower, [call.float(0)], { exponent: number });
}

function clamp(call: Call): Value {
  const [low, high] = [call.number(1), call.number(2)];
  return low === null && high === null ? call.value(0) : call.apply(clip, [call.float(0)], { low, high });
}

function choose(call: Call): Value {
  const [condition, yes, no] = [call.known(0), call.known(1), call.known(2)];
  if (condition !== null && yes !== null && no !== null) {
    const shape = broadcastShapes(condition.shape, broadcastShapes(yes.shape, no.shape));
    const [first] = condition.values;
    const chosen = first === 1 ? yes : no;
    if (condition.values.length === 1 && chosen.values.length === 1) return known(yes.type, shape, chosen.values);
    const [test, left, right] = [condition, yes, no].map((part) => elementReader(part, shape)) as [ElementReader, ElementReader, ElementReader];
    return known(yes.type, shape, Array.from({ length: writable(elementCount(shape) ?? 0) }, (_, index) => (test(index) === 1 ? left(index) : right(index))));
  }
  const test = call.tensor(0);
  if (test.type !== 'bool') call.refuse(`is given ${test.type} as its condition`);
  if (call.typeOf(1) === 'float32') return call.apply(where, [{ ...test, type: 'bool' }, call.float(1), call.float(2)], undefined);
  const [left, right] = [call.tensor(1), call.tensor(2)];
  return call.raw([test, left, right], left.type, broadcastShapes(test.shape, broadcastShapes(left.shape, right.shape)));
}

function converted(call: Call, to: StoredType): Value {
  const value = call.value(0);
  if (value.kind === 'known') {
    const element = (from: number): number => {
      if (to === 'bool') return Number(from !== 0);
      return isWhole(to) && !Number.isFinite(from) ? call.refuse(`turns ${from} into a whole number`) : rounded(to, from);
    };
    return known(to, value.shape, value.values.map((from) => (typeof from === 'number' ? element(from) : from)));
  }
  if (value.tensor.type === to) return value;
  if (to === 'float64') return call.refuse('computes in float64', 'Export the model in float32, e.g. after model.float().');
  return computed(cast(call.graph, value.tensor, to));
}

function castTo(call: Call): Value {
  const to = call.factor('to', 0);
  const type = storedTypeOf(to);
  return type === null ? call.refuse(`turns its input into ${typeInWords(to)}`, 'Export the model in float32, e.g. after model.float().') : converted(call, type);
}

/** x/(1 + |x|). */
function softsign(call: Call): Computed {
  const x = call.float(0);
  const size = call.tape.apply(add, [call.tape.apply(absolute, [x], undefined), call.graph.scalar(1)], undefined);
  return call.apply(divide, [x, size], undefined);
}

/** x·tanh(ln(1 + e^x)). */
function mish(call: Call): Computed {
  const x = call.float(0);
  const gate = call.tape.apply(tanh, [call.tape.apply(softplus, [x], undefined)], undefined);
  return call.apply(multiply, [x, gate], undefined);
}

/** max(0, x) − slope·max(0, −x). */
function prelu(call: Call): Computed {
  const [x, slope] = [call.float(0), call.float(1)];
  const below = call.tape.apply(relu, [call.tape.apply(negate, [x], undefined)], undefined);
  return call.apply(subtract, [call.tape.apply(relu, [x], undefined), call.tape.apply(multiply, [below, slope], undefined)], undefined);
}

/** gamma·elu(x) with the alpha and gamma of Klambauer et al. (2017). */
function selu(call: Call): Computed {
  const inner = call.tape.apply(elu, [call.float(0)], { alpha: call.factor('alpha', 1.6732632423543772) });
  return call.apply(multiply, [inner, call.graph.scalar(call.factor('gamma', 1.0507009873554805))], undefined);
}

/** alpha·elu(x/alpha) (Barron, 2017). */
function celu(call: Call): Computed {
  const alpha = call.factor('alpha', 1);
  const inner = call.tape.apply(elu, [call.tape.apply(divide, [call.float(0), call.graph.scalar(alpha)], undefined)], { alpha: 1 });
  return call.apply(multiply, [inner, call.graph.scalar(alpha)], undefined);
}

export const ELEMENTWISE: Readonly<Record<string, Converter>> = {
  Add: binary(add),
  Sub: binary(subtract),
  Mul: binary(multiply),
  Div: binary(divide),
  Mod: remainder,
  Max: chained(maximum),
  Min: chained(minimum),
  Sum: chained(add),
  Pow: pow,
  Clip: clamp,
  Where: choose,
  Cast: castTo,
  CastLike: (call) => converted(call, call.typeOf(1) as StoredType),
  Identity: (call) => call.value(0),
  Equal: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  Less: comparison,
  LessOrEqual: comparison,
  And: comparison,
  Or: comparison,
  Xor: comparison,
  Not: stepwise,
  Floor: stepwise,
  Ceil: stepwise,
  Sign: stepwise,
  Neg: unary(negate),
  Abs: unary(absolute),
  Reciprocal: unary(reciprocal),
  Sqrt: unary(sqrt),
  Exp: unary(exp),
  Log: unary(log),
  Sin: unary(sin),
  Cos: unary(cos),
  Erf: unary(erf),
  Relu: unary(relu),
  Tanh: unary(tanh),
  Sigmoid: unary(sigmoid),
  Softplus: unary(softplus),
  HardSwish: unary(hardSwish),
  Gelu: (call) => call.apply(call.text('approximate', 'none') === 'tanh' ? geluTanh : (gelu as One), [call.float(0)], undefined),
  LeakyRelu: (call) => call.apply(leakyRelu, [call.float(0)], { alpha: call.factor('alpha', 0.01) }),
  Elu: (call) => call.apply(elu, [call.float(0)], { alpha: call.factor('alpha', 1) }),
  HardSigmoid: (call) => call.apply(hardSigmoid, [call.float(0)], { alpha: call.factor('alpha', 0.2), beta: call.factor('beta', 0.5) }),
  Selu: selu,
  Celu: celu,
  PRelu: prelu,
  Softsign: softsign,
  Mish: mish,
};
