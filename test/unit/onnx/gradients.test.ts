/**
 * Every operator of the registry: its result and its gradients in ONNX Runtime against a float64
 * reference and that reference's central differences.
 */
import { describe, expect, test } from 'vitest';
import { Tape } from '../../../src/onnx/autodiff';
import { GraphBuilder } from '../../../src/onnx/graph';
import { relu, tanh } from '../../../src/onnx/operators/activations';
import { multiply } from '../../../src/onnx/operators/arithmetic';
import { linear } from '../../../src/onnx/operators/linear';
import type { AnyOperator } from '../../../src/onnx/operators/operator';
import { operators } from '../../../src/onnx/operators/registry';
import { reshape } from '../../../src/onnx/operators/reshape';
import { normals } from '../../../src/random/streams';
import { answer, deviation, differentiable, plantError, referenceOf, runGraph, SAMPLES, seedsOf, TOLERANCE, toOrt, type Answer, type Question } from './operator-runs';
import { references, results, type Reference, type Sample, type Value } from './references/index';

/** Of the central differences. */
const STEP = 1e-5;

/** ∂/∂input of Σ seed · result over all results, by central differences. */
function numericGradient(reference: Reference, { inputs, attributes }: Sample, position: number, seeds: readonly (Float64Array | null)[]): Float64Array {
  const target = inputs[position]!;
  const moved = inputs.map((value) => ({ ...value, data: value.data.slice() }));
  const data = moved[position]!.data;
  const weighed = (): number => {
    let sum = 0;
    results(reference, moved, attributes).forEach((values, result) => {
      const seed = seeds[result];
      if (seed !== null && seed !== undefined) for (let index = 0; index < values.length; index += 1) sum += values[index]! * seed[index]!;
    });
    return sum;
  };
  return target.data.map((value, index) => {
    data[index] = value + STEP;
    const above = weighed();
    data[index] = value - STEP;
    const below = weighed();
    data[index] = value;
    return (above - below) / (2 * STEP);
  });
}

/**
 * What is asked of one sample: all gradients from all results; one gradient alone, because an operator may
 * leave out what is not wanted; and, of an operator with several results, the gradients from one result alone.
 */
function questionsOf(operator: AnyOperator, reference: Reference, number: number): readonly Question[] {
  const sample = reference.sample(number);
  const seeds = seedsOf(operator.name, number, reference, sample);
  const wanted = differentiable(sample);
  const questions: Question[] = [{ sample, seeds, wanted }];
  if (wanted.length > 1) questions.push({ sample, seeds, wanted: [wanted[number % wanted.length]!] });
  if (seeds.length > 1) questions.push({ sample, seeds: seeds.map((seed, result) => (result === number % seeds.length ? seed : null)), wanted });
  return questions;
}

/** The worst deviation of what was found for one question, forward and over the gradients. */
function worstDeviation(reference: Reference, { sample, seeds, wanted }: Question, { outputs, gradients }: Answer): number {
  const expected = results(reference, sample.inputs, sample.attributes);
  expect(outputs.length).toBe(expected.length);
  let worst = Math.max(...outputs.map((output, result) => deviation(output.data as Float32Array, expected[result]!)));
  wanted.forEach((position, index) => {
    const found = gradients[index]!;
    expect(found.dims).toEqual(sample.inputs[position]!.shape);
    worst = Math.max(worst, deviation(found.data as Float32Array, numericGradient(reference, sample, position, seeds)));
  });
  return worst;
}

/** The check itself: the samples on which the operator is wrong. */
async function wrongSamples(operator: AnyOperator, samples: number): Promise<readonly number[]> {
  const reference = referenceOf(operator);
  const questions = Array.from({ length: samples }, (_, number) => questionsOf(operator, reference, number).map((question) => ({ number, question }))).flat();
  const answers = await answer(operator, questions.map(({ question }) => question));
  const wrong = questions.filter(({ question }, index) => !(worstDeviation(reference, question, answers[index]!) <= TOLERANCE));
  return [...new Set(wrong.map(({ number }) => number))];
}

describe('the registry', () => {
  test('names each operator once', () => {
    const names = operators.map((operator) => operator.name);
    expect(names.length).toBeGreaterThan(0);
    expect(new Set(names).size).toBe(names.length);
  });

  test('an operator without a reference fails the check', async () => {
    await expect(wrongSamples({ ...(relu as AnyOperator), name: 'newcomer' }, 1)).rejects.toThrow('operator newcomer has no reference');
  });
});

describe.each(operators.map((operator) => [operator.name, operator] as const))('%s', (_, operator) => {
  test(`agrees with its float64 reference on ${SAMPLES} random shapes, forward and backward`, async () => {
    expect(await wrongSamples(operator, SAMPLES)).toEqual([]);
  });

  test('at least 20 of them differ in shape or attributes', () => {
    const signatures = Array.from({ length: SAMPLES }, (_, number) => {
      const { inputs, attributes } = referenceOf(operator).sample(number);
      return JSON.stringify([inputs.map(({ shape }) => shape), attributes]);
    });
    expect(new Set(signatures).size).toBeGreaterThanOrEqual(20);
  });

  test('a planted error in any one gradient is found', async () => {
    const inputs = referenceOf(operator).sample(0).inputs;
    for (let position = 0; position < inputs.length; position += 1) {
      if (!inputs[position]!.differentiable) continue;
      expect((await wrongSamples(plantError(operator, position), 4)).length, `error in the gradient of input ${position}`).toBeGreaterThan(0);
    }
  });
});

describe('the tape', () => {
  test('sums the gradients of a value that is used several times', async () => {
    // y = linear(tanh x, tanh x, b): the hidden value is input and weight at once.
    const side = 3;
    const x: Value = { type: 'float32', shape: [side, side], data: normals(0, 'data', 'tape', side * side).map(Math.fround), differentiable: true };
    const bias: Value = { type: 'float32', shape: [side], data: new Float64Array(side), differentiable: false };
    const composed: Reference = {
      sample: () => ({ inputs: [x, bias], attributes: undefined }),
      evaluate: ([input, offset]) => {
        const hidden = { ...input!, data: input!.data.map(Math.tanh) };
        return references['linear']!.evaluate([hidden, hidden, offset!], undefined);
      },
    };
    const graph = new GraphBuilder('shared');
    const input = graph.input('x', 'float32', x.shape);
    const offset = graph.input('bias', 'float32', bias.shape);
    const tape = new Tape(graph);
    const hidden = tape.apply(tanh, [input], undefined);
    const output = tape.apply(linear, [hidden, hidden, offset], undefined);
    const seed = graph.constant('float32', [side, side], Float32Array.from({ length: side * side }, (_, index) => index - 3));
    const [gradient] = tape.gradients(output, [input], seed);
    graph.output(gradient!, 'gradient');
    const results = await runGraph(graph, { x: toOrt(x), bias: toOrt(bias) });
    const expected = numericGradient(composed, composed.sample(0), 0, [Float64Array.from({ length: side * side }, (_, index) => index - 3)]);
    expect(deviation(results['gradient']!.data as Float32Array, expected)).toBeLessThan(TOLERANCE);
  });

  test('passes a gradient by an operator that had nothing to do', async () => {
    const graph = new GraphBuilder('nothing to do');
    const x = graph.input('x', 'float32', [2]);
    const tape = new Tape(graph);
    const same = tape.apply(reshape, [x], { shape: [2] });
    const [gradient] = tape.gradients(tape.apply(multiply, [same, same], undefined), [x], graph.constant('float32', [2], Float32Array.of(1, 10)));
    graph.output(gradient!, 'gradient');
    const { gradient: found } = await runGraph(graph, { x: toOrt({ type: 'float32', shape: [2], data: Float64Array.of(3, 4), differentiable: true }) });
    expect([...(found!.data as Float32Array)]).toEqual([6, 80]);
  });

  test('refuses an operator outside the registry, a tensor without part in the result, and a seedless matrix', () => {
    const graph = new GraphBuilder('refusals');
    const x = graph.input('x', 'float32', [2, 2]);
    const stranger = graph.input('stranger', 'float32', [2, 2]);
    const tape = new Tape(graph);
    expect(() => new Tape(graph, []).apply(relu, [x], undefined)).toThrow('operator relu is not in the registry');
    const y = tape.apply(relu, [x], undefined);
    expect(() => tape.gradients(y, [stranger], x)).toThrow('stranger has no part in');
    expect(() => tape.gradients(y, [x])).toThrow('needs a seed');
  });
});
