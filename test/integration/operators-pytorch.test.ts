/**
 * Every operator of the registry against PyTorch: results and gradients in ONNX Runtime's float32 beside
 * torch's float64, on the samples of the float64 references and on the kinks where a derivative is a convention.
 * REPRISE_PYTHON names a Python, REPRISE_JUDGES the judges it has (`torch`).
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import type { AnyOperator } from '../../src/onnx/operators/operator';
import { operators } from '../../src/onnx/operators/registry';
import { sameShape } from '../../src/onnx/shapes';
import { answer, deviation, differentiable, plantError, referenceOf, SAMPLES, seedsOf, TOLERANCE, type Question } from '../unit/onnx/operator-runs';
import { product } from '../unit/onnx/references/sample';

const python = process.env['REPRISE_PYTHON'] ?? '';
const hasTorch = python !== '' && (process.env['REPRISE_JUDGES'] ?? '').split(',').includes('torch');
if (!hasTorch) console.warn('SKIPPED: no torch (REPRISE_PYTHON, REPRISE_JUDGES): operators are not compared with PyTorch.');

/** PyTorch's results and, of each differentiable input, the gradient; or why there are none. */
type Judgement = { readonly outputs: readonly Result[]; readonly gradients: readonly Result[] } | { readonly error: string };

interface Result {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

interface Case {
  readonly operator: string;
  readonly question: Question;
}

/** The random samples of an operator, then its kinks. All gradients are asked for from all results. */
function questionsOf(operator: AnyOperator): readonly Question[] {
  const reference = referenceOf(operator);
  const samples = [...Array.from({ length: SAMPLES }, (_, number) => reference.sample(number)), ...(reference.kinks?.() ?? [])];
  return samples.map((sample, number) => ({ sample, seeds: seedsOf(operator.name, number, reference, sample), wanted: differentiable(sample) }));
}

/** Has one Python process judge all cases. */
async function judge(cases: readonly Case[]): Promise<readonly Judgement[]> {
  const values: Float64Array[] = [];
  let offset = 0;
  const store = (data: Float64Array): number => {
    values.push(data);
    offset += data.length;
    return offset - data.length;
  };
  const job = cases.map(({ operator, question: { sample, seeds } }) => ({
    operator,
    attributes: sample.attributes ?? null,
    inputs: sample.inputs.map(({ type, shape, data, differentiable: wanted }) => ({ type, shape, offset: store(data), differentiable: wanted })),
    seeds: seeds.map((seed) => ({ length: seed!.length, offset: store(seed!) })),
  }));
  const folder = await mkdtemp(join(tmpdir(), 'reprise-operators-'));
  try {
    const [jobFile, valuesFile, resultsFile] = ['job.json', 'values.bin', 'results.bin'].map((name) => join(folder, name)) as [string, string, string];
    await writeFile(jobFile, JSON.stringify({ cases: job }));
    const all = new Float64Array(offset);
    let next = 0;
    for (const data of values) {
      all.set(data, next);
      next += data.length;
    }
    await writeFile(valuesFile, new Uint8Array(all.buffer));
    const script = fileURLToPath(new URL('../fixtures/python/torch_operators.py', import.meta.url));
    const { stdout } = await promisify(execFile)(python, [script, jobFile, valuesFile, resultsFile], { timeout: 120_000, maxBuffer: 2 ** 26 });
    const { answers } = JSON.parse(stdout) as { answers: readonly (Record<'outputs' | 'gradients', readonly (readonly number[])[]> | { error: string })[] };
    const bytes = await readFile(resultsFile);
    const found = new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    next = 0;
    const take = (shape: readonly number[]): Result => ({ shape, data: found.subarray(next, (next += product(shape))) });
    return answers.map((one) => ('error' in one ? one : { outputs: one.outputs.map(take), gradients: one.gradients.map(take) }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is wrong with the operator beside PyTorch, a sentence for each sample. */
async function complaints(operator: AnyOperator, questions: readonly Question[], judgements: readonly Judgement[]): Promise<readonly string[]> {
  const answers = await answer(operator, questions);
  return questions.flatMap((question, number) => {
    const torch = judgements[number]!;
    const ours = answers[number]!;
    if ('error' in torch) return [`sample ${number}: ${torch.error}`];
    const pairs = [
      ...ours.outputs.map((tensor, result) => [`result ${result}`, tensor, torch.outputs[result]] as const),
      ...ours.gradients.map((tensor, index) => [`gradient in input ${question.wanted[index]}`, tensor, torch.gradients[index]] as const),
    ];
    return pairs.flatMap(([what, tensor, expected]) => {
      if (expected === undefined || !sameShape(tensor.dims, expected.shape)) return [`sample ${number}: ${what} has another shape`];
      const off = deviation(tensor.data as Float32Array, expected.data);
      return off <= TOLERANCE ? [] : [`sample ${number}: ${what} is off by ${off.toExponential(1)}`];
    });
  });
}

describe.skipIf(!hasTorch)('operators beside PyTorch', () => {
  const questions = new Map(operators.map((operator) => [operator.name, questionsOf(operator)]));
  const judgements = new Map<string, readonly Judgement[]>();

  beforeAll(async () => {
    const cases = operators.flatMap(({ name }) => questions.get(name)!.map((question) => ({ operator: name, question })));
    const all = await judge([...cases, { operator: 'newcomer', question: cases[0]!.question }]);
    for (const { name } of operators) judgements.set(name, all.filter((_, index) => cases[index]?.operator === name));
    judgements.set('newcomer', all.slice(-1));
  }, 120_000);

  test('an operator that PyTorch is not asked about fails', async () => {
    const [operator] = operators;
    expect(await complaints(operator!, questions.get(operator!.name)!.slice(0, 1), judgements.get('newcomer')!)).toEqual(['sample 0: operator newcomer has no entry in torch_operators.py']);
  });

  test.each(operators.map((operator) => [operator.name, operator] as const))('%s', async (name, operator) => {
    const asked = questions.get(name)!;
    const judged = judgements.get(name)!;
    expect(await complaints(operator, asked, judged)).toEqual([]);
    // The check is not blind: an error of a tenth of a percent in any one gradient is seen.
    for (const position of asked[0]!.wanted) {
      expect((await complaints(plantError(operator, position), asked.slice(0, 4), judged)).length, `error in the gradient of input ${position}`).toBeGreaterThan(0);
    }
  });
});
