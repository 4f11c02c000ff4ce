/** Whether an execution provider works on this machine, and how quick it is: it is asked to multiply two matrices. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { Tensor } from 'onnxruntime-node';
import { PROVIDERS, type Provider } from '../config/executor';
import { RepriseError } from '../errors/errors';
import { GraphBuilder } from '../onnx/graph';
import { matmul } from '../onnx/primitives/products';
import { builtInProviders, checkBuiltIn, createSession, outputOf, release, run, type Executor } from './runtime';

/** Rows and columns of the matrices: enough work that handing it to a GPU does not count. */
const SIDE = 1024;
const ROUNDS = 3;
/** Milliseconds after which a first round, in which a provider also makes itself ready, is told as it is: more would take too long. */
const SLOW = 1000;

function productGraph(side: number): Uint8Array {
  const graph = new GraphBuilder('product');
  // Both are inputs: a product of constants would be computed on the processor when the graph is loaded.
  graph.output(matmul(graph, graph.input('a', 'float32', [side, side]), graph.input('b', 'float32', [side, side])), 'product');
  return graph.encode({ description: 'A product of two matrices.' });
}

/** Milliseconds of the quickest of so many products. Throws where the provider cannot multiply, or leaves it to the processor. */
async function multiply(executor: Executor, side: number, rounds: number): Promise<number> {
  const profiles = await mkdtemp(path.join(tmpdir(), 'reprise-provider-'));
  try {
    const best = await quickestOf(executor, side, rounds, profiles);
    const [profile = ''] = await readdir(profiles);
    if (executor.provider !== 'cpu' && isLeftToProcessor(await readFile(path.join(profiles, profile), 'utf8'))) throw new Error('it leaves the product of two matrices to the processor');
    return best;
  } finally {
    await rm(profiles, { recursive: true, force: true });
  }
}

/** Whether all nodes of a profile ran on the processor: ONNX Runtime hands it what a provider does not take, and tells of it nowhere else. */
export function isLeftToProcessor(profile: string): boolean {
  const events = JSON.parse(profile) as readonly { readonly args?: { readonly provider?: string } }[];
  return events.flatMap(({ args }) => args?.provider ?? []).every((provider) => provider === 'CPUExecutionProvider');
}

async function quickestOf(executor: Executor, side: number, rounds: number, profiles: string): Promise<number> {
  const session = await createSession(productGraph(side), executor, 'product', { profiles });
  const ones = new Tensor('float32', new Float32Array(side * side).fill(1), [side, side]);
  let best = Infinity;
  try {
    for (let round = 0; round <= rounds; round += 1) {
      const begin = performance.now();
      const product = outputOf(await run(session, { a: ones, b: ones }, 'product'), 'product').data as Float32Array;
      const taken = performance.now() - begin;
      if (product.some((value) => value !== side)) throw new Error('its product of two matrices is wrong');
      if (round > 0 || taken > SLOW) best = Math.min(best, taken);
      if (taken > SLOW) break;
    }
  } finally {
    await release(session);
  }
  return best;
}

/** What ONNX Runtime says, without where in its sources it was; a sentence. */
function reasonOf(error: unknown): string {
  const cause = error instanceof RepriseError && error.cause !== undefined ? error.cause : error;
  const text = (cause instanceof Error ? cause.message : String(cause)).replace(/^.* was false\. /su, '').trim();
  return /[.!?]$/u.test(text) ? text : `${text}.`;
}

function failed(provider: Provider, error: unknown): RepriseError {
  return new RepriseError('PROVIDER_FAILED', `executor.provider is ${provider}, but ${provider} does not work here: ${reasonOf(error)}`, {
    kind: 'system',
    hint: 'Install or repair its driver and libraries, or set executor.provider to one that `reprise doctor` shows as working.',
    cause: error,
  });
}

/**
 * Starts a provider, so that one that cannot work says so before anything is computed with it.
 * @throws RepriseError PROVIDER_MISSING, PROVIDER_FAILED
 */
export async function startProvider(executor: Executor): Promise<void> {
  if (executor.provider === 'cpu') return;
  checkBuiltIn(executor.provider);
  try {
    await multiply(executor, 16, 0);
  } catch (error) {
    throw failed(executor.provider, error);
  }
}

/** JSON: whether a provider works, with all cores, how quick it is, and if not why. */
export async function tellOfProvider(name: string): Promise<string> {
  const provider = PROVIDERS.find((known) => known === name);
  if (provider === undefined) return JSON.stringify({ milliseconds: null, problem: `There is no provider ${name}.`, builtIn: false });
  const builtIn = builtInProviders().includes(provider);
  try {
    if (!builtIn) return JSON.stringify({ milliseconds: null, problem: 'The installed ONNX Runtime was built without it.', builtIn });
    return JSON.stringify({ milliseconds: await multiply({ provider, threads: availableParallelism() }, SIDE, ROUNDS), problem: null, builtIn });
  } catch (error) {
    return JSON.stringify({ milliseconds: null, problem: reasonOf(error), builtIn });
  }
}
