/** The event log in a bundle: personal text taken out on the way in, everything checked on the way out. */
import { mapMetrics } from '../config/metrics';
import { RepriseError } from '../errors/errors';
import { decodeLines, encodeRecord } from '../events/codec';
import { foldEvents, type RunState } from '../events/fold';
import { shapeProblem } from '../events/record-schema';
import type { EventRecord } from '../events/records';
import type { Redact } from './redact';
import type { Trace } from './trace';

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
    const problem = shapeProblem(record);
    if (problem !== null) throw invalidLog(source, `line ${index + 1}: ${problem}`);
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
