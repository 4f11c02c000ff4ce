/** What the records of a log must look like that somebody else wrote. */
import { z } from 'zod';
import { metricsSchema } from '../config/metric-schema';
import { formatPath } from '../config/problems';
import { isTime } from './record-problem';
import { ARTIFACT_NAMES, type EventRecord } from './records';

const logged = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity', '-0'])]);
const count = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);
const fileName = z.string().max(300);
const split = z.enum(['train', 'validation', 'test']);
/** Of one record. */
const MOST_POINTS = 1_000_000;

/** One schema a type of record; fields of later versions pass unseen. */
const recordSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('attempt'), attempt: z.int().min(1), fromStep: count, totalSteps: count, stepsPerEpoch: count, parameters: count.optional(), flopsPerStep: z.number().optional(), pid: z.int() }),
  z.object({ type: z.literal('steps'), firstStep: count, losses: z.array(logged).max(1_000_000), learningRates: z.array(logged).max(1_000_000), gradientNorms: z.array(logged).max(1_000_000).optional(), examples: count.optional(), tokens: count.optional(), memory: count.optional(), seconds: z.number() }),
  z.object({ type: z.literal('metrics'), split, step: count, epoch: z.number(), values: metricsSchema(logged) }),
  z.object({ type: z.literal('weights-hash'), step: count, hash: sha256, norm: logged.optional(), chain: sha256 }),
  z.object({ type: z.literal('checkpoint'), step: count, file: fileName, sha256 }),
  z.object({ type: z.literal('artifact'), name: z.enum(ARTIFACT_NAMES), file: fileName, sha256, bytes: count }),
  z.object({ type: z.literal('finished'), weightsHash: sha256, selectedStep: count, finalLoss: logged, bestLoss: logged, stoppedAfter: count.optional() }),
  z.object({ type: z.literal('failed'), code: z.string(), message: z.string() }),
  z.object({ type: z.literal('cancelled'), step: count }),
  z.object({ type: z.literal('orphaned'), step: count }),
  z.object({ type: z.literal('exit'), attempt: count, exitCode: z.int().nullable(), signal: z.string().nullable() }),
  z.object({ type: z.literal('requeued') }),
  z.object({ type: z.literal('points'), key: z.string().max(250), steps: z.array(z.number()).max(MOST_POINTS), times: z.array(z.number()).max(MOST_POINTS), values: z.array(logged).max(MOST_POINTS) }).refine(({ steps, times, values }) => steps.length === times.length && steps.length === values.length, { error: 'has columns of unequal length' }),
  z.object({ type: z.literal('params'), params: z.record(z.string(), z.string()) }),
  z.object({ type: z.literal('tags'), tags: z.record(z.string(), z.string().nullable()) }),
  z.object({ type: z.literal('file'), path: z.string().max(4096), sha256: sha256.nullable(), bytes: count }),
  z.object({ type: z.literal('dataset'), name: z.string(), digest: z.string(), sourceType: z.string(), source: z.string(), schema: z.string().nullable(), profile: z.string().nullable(), tags: z.record(z.string(), z.string()) }),
  z.object({ type: z.literal('state'), status: z.enum(['scheduled', 'running', 'finished', 'failed', 'killed']).optional(), endedAt: z.number().nullable().optional(), startedAt: z.number().optional(), name: z.string().optional() }),
  z.object({ type: z.literal('source'), source: z.string(), position: z.string() }),
  z.object({
    type: z.literal('place'),
    event: z.enum(['submitted', 'started', 'requeued', 'lost', 'found', 'ended', 'collected']),
    attempt: count,
    executor: z.enum(['local', 'docker', 'ssh', 'slurm']),
    machine: z.string().nullable(),
    job: z.string().optional(),
    node: z.string().optional(),
    exitCode: z.int().nullable().optional(),
    signal: z.string().nullable().optional(),
    outOfMemory: z.boolean().optional(),
    reason: z.string().optional(),
    facts: z.record(z.string(), z.string()).optional(),
  }),
  z.object({ type: z.literal('message'), level: z.enum(['info', 'warning', 'error']), text: z.string() }),
]);

/** Why a record is none, or null: what is wrong first. */
export function shapeProblem(record: EventRecord): string | null {
  if (!isTime(record.time)) return `has the time ${record.time}, which no date has`;
  const { success, error } = recordSchema.safeParse(record);
  if (success) return null;
  const [issue] = error.issues;
  return issue === undefined ? 'not a record' : `${formatPath(issue.path)} ${issue.message}`;
}
