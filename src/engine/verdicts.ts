/** Verdicts of re-executions, kept in the workspace: `verdicts/ID.json`, and `ID.traces.json` with the thinned losses. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Input, Output } from '../api/contract';
import { reproduceResult } from '../api/rows';
import { bundlePage, type VerdictSummary, type VerdictView } from '../api/views';
import { thinnedIndices } from '../analysis/thin';
import { formatPath } from '../config/problems';
import { RepriseError } from '../errors/errors';
import { fromLogged, toLogged, type LoggedNumber } from '../events/records';
import { atomicWrite } from '../files/atomic-write';
import { isId } from '../store/layout';
import type { EngineContext } from './context';
import { newId } from './identity';
import type { TracePoints } from './reproduce-candidate';

const FOLDER = 'verdicts';
/** Points a trace is thinned to, besides those around the first divergent step. */
const POINTS = 1300;
/** Steps before and after the first divergent one that are all kept. */
const AROUND = 50;

/** A series of one run as it was recorded and as it came out here: of a training its losses, step 0 first. */
export interface RunTrace {
  readonly run: string;
  readonly key: string;
  readonly recorded: TracePoints;
  /** Empty for a run that was not executed. */
  readonly here: TracePoints;
  readonly firstDivergentStep: number | null;
}

const number = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity', '-0'])]).transform((value: LoggedNumber) => fromLogged(value));
const judged = reproduceResult.shape.runs.element;
const run = judged.extend({
  maxRelativeDifference: number.nullable(),
  series: z.array(judged.shape.series.unwrap().element.extend({ maxRelativeDifference: number.nullable() })).default([]),
});
const verdictFile = z.object({
  format: z.literal(1),
  createdAt: z.number(),
  seconds: z.number(),
  file: z.string(),
  name: z.string(),
  result: reproduceResult.extend({ runs: z.array(run) }),
  environment: bundlePage.shape.environment,
});

const series = z.object({ steps: z.array(z.number()), values: z.array(number) }).refine(({ steps, values }) => steps.length === values.length, { error: 'has another number of steps than of values' });
const tracesFile = z.object({ format: z.literal(1), runs: z.array(z.object({ run: z.string(), key: z.string().default('train.loss'), firstDivergentStep: z.number().nullable(), recorded: series, here: series })) });

/** NaN and infinities as JSON can hold them. */
function json(value: unknown): string {
  return `${JSON.stringify(value, (_key, entry: unknown) => (typeof entry === 'number' ? toLogged(entry) : entry))}\n`;
}

function thinned({ steps, values }: TracePoints, firstDivergentStep: number | null): TracePoints {
  const kept = new Set(thinnedIndices(values, POINTS));
  const divergent = firstDivergentStep === null ? -1 : steps.findIndex((step) => step >= firstDivergentStep);
  if (divergent >= 0) for (let index = Math.max(0, divergent - AROUND); index <= Math.min(values.length - 1, divergent + AROUND); index += 1) kept.add(index);
  const indices = [...kept].toSorted((left, right) => left - right);
  return { steps: indices.map((index) => steps[index] ?? 0), values: indices.map((index) => values[index] ?? Number.NaN) };
}

/** What is kept of a re-execution. */
export type NewVerdict = Pick<VerdictView, 'seconds' | 'file' | 'name' | 'result' | 'environment'> & { readonly traces: readonly RunTrace[] };

/** @returns the verdict's id */
export async function keepVerdict(workspace: string, { traces, ...verdict }: NewVerdict): Promise<string> {
  const verdictId = newId();
  const folder = join(workspace, FOLDER);
  await mkdir(folder, { recursive: true });
  const runs = traces.map((trace) => ({ run: trace.run, key: trace.key, firstDivergentStep: trace.firstDivergentStep, recorded: thinned(trace.recorded, trace.firstDivergentStep), here: thinned(trace.here, trace.firstDivergentStep) }));
  // The verdict last: without its traces it would be there and not whole.
  await atomicWrite(join(folder, `${verdictId}.traces.json`), json({ format: 1, runs }));
  await atomicWrite(join(folder, `${verdictId}.json`), json({ format: 1, createdAt: Date.now(), ...verdict }));
  return verdictId;
}

/** @throws RepriseError VERDICT_NOT_FOUND, VERDICT_DAMAGED */
async function readChecked<T>(workspace: string, verdictId: string, extension: '.json' | '.traces.json', schema: z.ZodType<T>): Promise<T> {
  const file = join(workspace, FOLDER, `${verdictId}${extension}`);
  const damaged = (why: string, cause?: unknown): RepriseError =>
    new RepriseError('VERDICT_DAMAGED', `${file} ${why}, so the verdict cannot be shown.`, { kind: 'system', hint: 'Restore the file from a backup, or reproduce the bundle again.', cause });
  let text: string;
  try {
    if (!isId(verdictId)) throw Object.assign(new Error('not an id'), { code: 'ENOENT' });
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw damaged('cannot be read', error);
    throw new RepriseError('VERDICT_NOT_FOUND', `There is no verdict ${JSON.stringify(verdictId)} in ${workspace}.`, { kind: 'input', hint: 'The list of verdicts has those that are kept.', cause: error });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged('is not JSON', error);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw damaged(issue === undefined ? 'is not a verdict' : `is not a verdict (${formatPath(issue.path)}: ${issue.message})`);
}

function summaryOf(verdictId: string, { createdAt, seconds, file, name, result }: z.infer<typeof verdictFile>): VerdictSummary {
  return { verdictId, createdAt, seconds, file, name, digest: result.digest, verdict: result.verdict, sentence: result.sentence, runs: result.runs.length };
}

/** Newest first. A damaged file is passed over: `verdicts.get` names it. */
export async function listVerdicts({ workspace }: EngineContext): Promise<Output<'verdicts.list'>> {
  const names = await readdir(join(workspace, FOLDER)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const ids = names.flatMap((name) => (name.endsWith('.json') && !name.endsWith('.traces.json') && !name.startsWith('.') ? [name.slice(0, -'.json'.length)] : []));
  const found = await Promise.all(
    ids.map(async (id) => {
      try {
        return [summaryOf(id, await readChecked(workspace, id, '.json', verdictFile))];
      } catch (error) {
        if (error instanceof RepriseError) return [];
        throw error;
      }
    }),
  );
  return found.flat().toSorted((left, right) => right.createdAt - left.createdAt || (left.verdictId < right.verdictId ? -1 : 1));
}

/** @throws RepriseError VERDICT_NOT_FOUND, VERDICT_DAMAGED */
export async function getVerdict({ workspace }: EngineContext, input: Input<'verdicts.get'>): Promise<Output<'verdicts.get'>> {
  const verdict = await readChecked(workspace, input.verdictId, '.json', verdictFile);
  return { ...summaryOf(input.verdictId, verdict), result: verdict.result, environment: verdict.environment };
}

/** @throws RepriseError VERDICT_NOT_FOUND, VERDICT_DAMAGED, RUN_NOT_FOUND */
export async function getVerdictTrace({ workspace }: EngineContext, input: Input<'verdicts.trace'>): Promise<Output<'verdicts.trace'>> {
  const { runs } = await readChecked(workspace, input.verdictId, '.traces.json', tracesFile);
  const trace = runs.find((one) => one.run === input.run);
  if (trace === undefined) throw new RepriseError('RUN_NOT_FOUND', `The verdict ${input.verdictId} has no run ${JSON.stringify(input.run)}.`, { kind: 'input', hint: `Its runs: ${runs.slice(0, 10).map((one) => one.run).join(', ')}.` });
  return {
    key: trace.key,
    steps: Float64Array.from(trace.recorded.steps),
    recorded: Float64Array.from(trace.recorded.values),
    here: Float64Array.from(trace.here.values),
    hereSteps: Float64Array.from(trace.here.steps),
    firstDivergentStep: trace.firstDivergentStep,
  };
}
