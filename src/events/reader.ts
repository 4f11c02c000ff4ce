import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { RepriseError } from '../errors/errors';
import { decodeLines } from './codec';
import type { EventRecord } from './records';

export interface EventBatch {
  readonly records: EventRecord[];
  /** Where to read on: bytes of valid records from the start of the file. */
  readonly offset: number;
}

const NEWLINE = 0x0a;

/** The error for a log that is damaged where repair would lose acknowledged records. */
export function logCorrupt(file: string, line: number, reason: string): RepriseError {
  return new RepriseError('EVENT_LOG_CORRUPT', `The event log ${file} is damaged in line ${line}: ${reason}.`, {
    kind: 'system',
    hint: 'Restore the file from a backup, or train this run again.',
  });
}

/** Bytes of a file from `from` on, at most so many, or null where it does not exist. */
function readFrom(file: string, from: number, most: number): { bytes: Uint8Array; size: number } | null {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { size } = fstatSync(descriptor);
    const bytes = new Uint8Array(Math.min(most, Math.max(0, size - from)));
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(descriptor, bytes, done, bytes.length - done, from + done);
      if (count === 0) break;
      done += count;
    }
    return { bytes: bytes.subarray(0, done), size };
  } finally {
    closeSync(descriptor);
  }
}

function linesBefore(file: string, offset: number): number {
  const before = readFrom(file, 0, offset);
  let lines = 0;
  for (const byte of before?.bytes ?? []) if (byte === NEWLINE) lines++;
  return lines;
}

/**
 * Reads the records that came after `fromOffset` (0, or the `offset` of an earlier call): call it again
 * and again to tail a log that is being written. A torn or damaged tail is not given out: it is either
 * still being written or will be repaired. A log that does not exist yet has no records.
 * @param firstSeq the number that the first record must have, where it is known
 * @param mostBytes about so much is read; where the offset has moved there may be more
 * @throws RepriseError EVENT_LOG_CORRUPT naming file and line, where valid records follow a damaged
 * one, a number is missing, or the file is shorter than what was read before
 */
export function readEvents(file: string, fromOffset: number, firstSeq: number | null = fromOffset === 0 ? 0 : null, mostBytes = Number.POSITIVE_INFINITY): EventBatch {
  // The byte before the offset must end a line: else the file is not the one that was read before.
  const start = Math.max(0, fromOffset - 1);
  const content = readFrom(file, start, mostBytes);
  if (content === null) {
    if (fromOffset > 0) throw logCorrupt(file, 1, 'the file is gone');
    return { records: [], offset: 0 };
  }
  if (fromOffset > 0 && content.bytes[0] !== NEWLINE) {
    throw logCorrupt(file, linesBefore(file, fromOffset) + 1, `no record ends at byte ${fromOffset}, where an earlier reading stopped`);
  }
  const bytes = content.bytes.subarray(fromOffset - start);
  const { records, validBytes, corruption } = decodeLines(bytes, firstSeq);
  const isCut = start + content.bytes.length < content.size;
  // A line that is longer than what was read, or a damaged one of which only the whole tells whether records follow.
  if (isCut && (records.length === 0 || bytes.indexOf(NEWLINE, validBytes) >= 0)) return readEvents(file, fromOffset, firstSeq);
  if (corruption !== null) throw logCorrupt(file, linesBefore(file, fromOffset) + corruption.line + 1, corruption.reason);
  return { records, offset: fromOffset + validBytes };
}

/** Bytes of a log that are read at once. */
const PIECE = 8 << 20;

/** All records of a log, a piece of it in memory at a time. @throws RepriseError EVENT_LOG_CORRUPT */
export function* eachRecord(file: string): Generator<EventRecord> {
  for (let from = 0; ; ) {
    const { records, offset } = readEvents(file, from, null, PIECE);
    if (offset === from) return;
    yield* records;
    from = offset;
  }
}
