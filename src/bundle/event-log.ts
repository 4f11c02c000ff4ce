/** The event log in a bundle: personal text taken out on the way in, everything checked on the way out. */
import { z } from 'zod';
import { metricsSchema } from '../config/metric-schema';
import { mapMetrics } from '../config/metrics';
import { formatPath } from '../config/problems';
import { RepriseError } from '../errors/errors';
import { decodeLines, encodeRecord } from '../events/codec';
import { foldEvents, type RunState } from '../events/fold';
import { ARTIFACT_NAMES, type EventRecord } from '../events/records';
import type { Redact } from './redact';
import type { Trace } from './trace';

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

function mapValues<A, B>(values: Readonly<Record<string, A>>, change: (value: A, name: string) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value, name)]));
}

function redactRecord(record: EventRecord, redact: Redact): EventRecord {
  switch (record.type) {
    case 'message':
      return { ...record, text: redact(record.text) };
    case 'failed':
      return { ...record, message: redact(record.message) };
    case 'params':
      return { ...record, params: mapValues(record.params, redact) };
    case 'tags':
      return { ...record, tags: mapValues(record.tags, (value, name) => (value === null ? null : redact(value, name))) };
    case 'dataset':
      return {
        ...record,
        source: redact(record.source),
        schema: record.schema === null ? null : redact(record.schema),
        profile: record.profile === null ? null : redact(record.profile),
        tags: mapValues(record.tags, redact),
      };
    case 'state':
      return record.name === undefined ? record : { ...record, name: redact(record.name) };
    case 'place':
      return {
        ...record,
        ...(record.node === undefined ? {} : { node: redact(record.node) }),
        ...(record.reason === undefined ? {} : { reason: redact(record.reason) }),
        ...(record.facts === undefined ? {} : { facts: mapValues(record.facts, redact) }),
      };
    case 'source':
      return { ...record, source: redact(record.source), position: redact(record.position) };
    default:
      return record;
  }
}

/**
 * The log with personal text redacted and its checksums made again, or null when nothing had to change.
 * A torn tail is left out.
 */
export function redactLog(bytes: Uint8Array, redact: Redact): Uint8Array | null {
  const { records, validBytes } = decodeLines(bytes, 0);
  let changed = validBytes !== bytes.length;
  const lines = records.map((record) => {
    const clean = redactRecord(record, redact);
    if (JSON.stringify(clean) !== JSON.stringify(record)) changed = true;
    return clean;
  });
  return changed ? Buffer.concat(lines.map((record) => encodeRecord(record))) : null;
}

function invalidLog(source: string, why: string, cause?: unknown): RepriseError {
  return new RepriseError('BUNDLE_INVALID', `${source}: ${why}.`, { kind: 'input', problems: [{ path: source, message: `${why}.` }], cause });
}

/**
 * Reads a whole event log of a bundle: checksums, numbering, shape of every record.
 * @param source the log's path in the bundle, for messages
 * @throws RepriseError BUNDLE_INVALID
 */
export function readBundleRecords(bytes: Uint8Array, source: string): readonly EventRecord[] {
  const { records, validBytes, corruption } = decodeLines(bytes, 0);
  if (corruption !== null) throw invalidLog(source, `line ${corruption.line + 1} is damaged: ${corruption.reason}`);
  if (validBytes !== bytes.length) throw invalidLog(source, `line ${records.length + 1} is damaged: its checksum does not match`);
  records.forEach((record, index) => {
    const parsed = recordSchema.safeParse(record);
    if (parsed.success) return;
    const issue = parsed.error.issues[0];
    throw invalidLog(source, `line ${index + 1}: ${issue === undefined ? 'not a record' : `${formatPath(issue.path)} ${issue.message}`}`);
  });
  return records;
}

/** The same, folded: steps without gaps. @throws RepriseError BUNDLE_INVALID */
export function readBundleLog(bytes: Uint8Array, source: string): RunState {
  const records = readBundleRecords(bytes, source);
  try {
    return foldEvents(records);
  } catch (error) {
    throw invalidLog(source, error instanceof Error ? error.message.replace(/\.$/u, '') : 'its records do not fit together', error);
  }
}

/** The trace of a run from its folded log. */
export function traceOfLog(state: RunState): Trace {
  const test = state.metrics.findLast((record) => record.split === 'test');
  return {
    status: state.status,
    losses: state.losses,
    weightsHashes: state.weightsHashes.map(({ step, hash }) => ({ step, hash })),
    weightsHash: state.finished?.weightsHash ?? null,
    metrics: test === undefined || state.finished === null ? null : mapMetrics(test.values, Number),
    learningRates: state.learningRates.map(Number),
    validation: state.metrics.flatMap(({ split, step, values }) => (split === 'validation' ? [{ step, ...mapMetrics(values, Number) }] : [])),
    selectedStep: state.finished?.selectedStep ?? null,
    artifacts: Object.fromEntries([...state.artifacts].map(([name, record]) => [name, record.sha256])),
  };
}
