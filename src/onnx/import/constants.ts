/** Operators that make values out of nothing but numbers. */
import { elementCount } from '../shapes';
import type { Call, Converter, Value } from './call';
import { elementsOf, known, knownOf, rounded, writable } from './known';

/** Of one number, or of several. */
function constant(call: Call): Value {
  const value = call.attribute('value');
  if (typeof value === 'object' && 'data' in value) return knownOf(value);
  for (const [name, type] of [['value_float', 'float32'], ['value_floats', 'float32'], ['value_int', 'int64'], ['value_ints', 'int64']] as const) {
    const given = call.attribute(name);
    if (typeof given === 'number') return known(type, [], [given]);
    if (Array.isArray(given)) return known(type, [given.length], given as readonly number[]);
  }
  return call.refuse('has a value that is neither numbers nor a tensor of them');
}

function constantOfShape(call: Call): Value {
  const value = call.attribute('value');
  const shape = call.dims(0);
  if (typeof value !== 'object' || !('data' in value)) return known('float32', shape, [0]);
  return known(value.type, shape, knownOf(value).values.slice(0, 1));
}

function range(call: Call): Value {
  const [start = 0, end = 0, step = 1] = [call.number(0), call.number(1), call.number(2)].map((bound) => bound ?? 0);
  const type = call.known(0)?.type ?? 'int64';
  const length = writable(Math.max(0, Math.ceil((end - start) / step)));
  return known(type, [length], Array.from({ length }, (_, index) => rounded(type, start + index * step)));
}

/** The product of a vector of sizes. */
function reduceProduct(call: Call): Value {
  const value = call.known(0);
  const numbers = value === null ? [] : elementsOf(value);
  if (value === null || value.shape.length > 1 || numbers.some((number) => typeof number !== 'number')) return call.refuse('multiplies what is computed from the data');
  const keeps = call.factor('keepdims', 1) !== 0 && elementCount(value.shape) !== null && value.shape.length === 1;
  return known(value.type, keeps ? [1] : [], [rounded(value.type, numbers.reduce<number>((product, number) => product * Number(number), 1))]);
}

export const CONSTANTS: Readonly<Record<string, Converter>> = {
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  ReduceProd: reduceProduct,
};
