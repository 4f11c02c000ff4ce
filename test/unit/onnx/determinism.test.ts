/** Layers run twice give equal bits, forward and backward, on one thread and on two. */
import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { Tape } from '../../../src/onnx/autodiff';
import { GraphBuilder } from '../../../src/onnx/graph';
import { gather } from '../../../src/onnx/operators/gather';
import { layerOperators } from '../../../src/onnx/operators/layers';
import type { AnyOperator } from '../../../src/onnx/operators/operator';
import { SAMPLES, differentiable, referenceOf, seedsOf, toOrt } from './operator-runs';
import type { FloatTensor } from '../../../src/onnx/types';
import { floatValue, integerValue, type Sample } from './references/sample';
import { normals, uniforms } from '../../../src/random/streams';

const RUNS = 3;

interface Case {
  readonly name: string;
  readonly sample: Sample;
  /** The gradient of the loss in each result. */
  readonly seeds: readonly Float64Array[];
}

/** The bytes of all results and gradients of all cases, once for each run of one session. */
async function bytesOfRuns(operator: AnyOperator, cases: readonly Case[], threads: number, runs: number): Promise<readonly Buffer[]> {
  const graph = new GraphBuilder('determinism');
  const feeds: Record<string, ort.Tensor> = {};
  for (const { name, sample, seeds } of cases) {
    const inputs = sample.inputs.map((value, position) => {
      feeds[`${name}/${position}`] = toOrt(value);
      return graph.input(`${name}/${position}`, value.type, value.shape);
    });
    const tape = new Tape(graph, [operator]);
    const outputs = tape.applyAll(operator, inputs, sample.attributes);
    const given = outputs.map((output, result) => ({ output, gradient: graph.constant('float32', output.shape as number[], Float32Array.from(seeds[result]!)) }));
    const gradients = tape.gradientsFrom(given, differentiable(sample).map((position) => inputs[position] as FloatTensor));
    [...outputs, ...gradients].forEach((tensor, index) => graph.output(tensor, `${name}/result${index}`));
  }
  const session = await ort.InferenceSession.create(graph.encode({ description: 'determinism' }), { intraOpNumThreads: threads, interOpNumThreads: 1 });
  const found: Buffer[] = [];
  for (let run = 0; run < runs; run += 1) {
    const results = await session.run(feeds);
    found.push(Buffer.concat(Object.keys(results).sort().map((name) => Buffer.from(new Uint8Array(Float32Array.from(results[name]!.data as Float32Array).buffer)))));
  }
  await session.release();
  return found;
}

describe.each([1, 2])('%i threads', (threads) => {
  test.each(layerOperators.map((operator) => [operator.name, operator] as const))('%s', async (_, operator) => {
    const reference = referenceOf(operator);
    const cases = Array.from({ length: SAMPLES }, (__, number): Case => {
      const sample = reference.sample(number);
      return { name: `${number}`, sample, seeds: seedsOf(operator.name, number, reference, sample) };
    });
    const [first, ...others] = await bytesOfRuns(operator, cases, threads, RUNS);
    expect(first!.length).toBeGreaterThan(0);
    expect(others.every((bytes) => bytes.equals(first!))).toBe(true);
  });

  test('an embedding of many tokens, often the same, from a large vocabulary', async () => {
    const [vocabulary, width, tokens] = [20_000, 32, 2048];
    const ids = uniforms(0, 'data', 'determinism/ids', tokens).map((value) => Math.floor(value ** 4 * vocabulary));
    const sample: Sample = { inputs: [floatValue([vocabulary, width], new Float64Array(vocabulary * width)), integerValue('int32', [tokens], ids)], attributes: { axis: 0 } };
    const rows = normals(0, 'data', 'determinism/rows', tokens * width);
    const [first, ...others] = await bytesOfRuns(gather as AnyOperator, [{ name: 'embedding', sample, seeds: [rows] }], threads, 20);
    expect(others.every((bytes) => bytes.equals(first!))).toBe(true);
  });
});
