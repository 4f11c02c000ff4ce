/** One record of the event log as a line: `CRC32(hex8) SPACE JSON NEWLINE`. */
import { crc32 } from 'node:zlib';
import type { EventRecord } from './records';

const NEWLINE = 0x0a;
const SPACE = 0x20;
/** Hex digits of the checksum and the space behind them. */
const PREFIX = 9;

/** The bytes of a record's line, newline included. */
export function encodeRecord(record: EventRecord): Uint8Array {
  const json = JSON.stringify(record);
  const line = Buffer.allocUnsafe(PREFIX + Buffer.byteLength(json) + 1);
  line.write(json, PREFIX);
  line[line.length - 1] = NEWLINE;
  line.write(`${crc32(line.subarray(PREFIX, -1)).toString(16).padStart(8, '0')} `, 0, 'latin1');
  return line;
}

/** The record of a line (without its newline), or null where the line is not what was written. */
function decodeLine(line: Uint8Array): EventRecord | null {
  if (line.length <= PREFIX || line[PREFIX - 1] !== SPACE) return null;
  const json = line.subarray(PREFIX);
  const checksum = new TextDecoder().decode(line.subarray(0, PREFIX - 1));
  if (crc32(json).toString(16).padStart(8, '0') !== checksum) return null;
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
    if (typeof value !== 'object' || value === null) return null;
    const { type, seq, time } = value as Partial<EventRecord>;
    return typeof type === 'string' && Number.isSafeInteger(seq) && typeof time === 'number' ? (value as EventRecord) : null;
  } catch {
    return null;
  }
}

export interface DecodedLines {
  readonly records: EventRecord[];
  /** Bytes of the valid records, from the start of `bytes`. */
  readonly validBytes: number;
  /**
   * 0-based number of the first bad line and why, where valid records follow it or a record has the
   * wrong number; null where only the tail is torn, or nothing is wrong.
   */
  readonly corruption: { readonly line: number; readonly reason: string } | null;
}

/**
 * Decodes lines up to the first that is torn or damaged. `firstSeq` is the number the first record
 * must have, or null where it is not known.
 */
export function decodeLines(bytes: Uint8Array, firstSeq: number | null): DecodedLines {
  const records: EventRecord[] = [];
  let nextSeq = firstSeq;
  let position = 0;
  while (position < bytes.length) {
    const end = bytes.indexOf(NEWLINE, position);
    if (end < 0) break;
    const record = decodeLine(bytes.subarray(position, end));
    if (record === null) {
      const follows = validRecordFollows(bytes, end + 1);
      return {
        records,
        validBytes: position,
        corruption: follows ? { line: records.length, reason: 'its checksum does not match, and valid records follow' } : null,
      };
    }
    if (nextSeq !== null && record.seq !== nextSeq) {
      return {
        records,
        validBytes: position,
        corruption: { line: records.length, reason: `it has the number ${record.seq}, expected ${nextSeq}` },
      };
    }
    records.push(record);
    nextSeq = record.seq + 1;
    position = end + 1;
  }
  return { records, validBytes: position, corruption: null };
}

function validRecordFollows(bytes: Uint8Array, from: number): boolean {
  let position = from;
  while (position < bytes.length) {
    const end = bytes.indexOf(NEWLINE, position);
    if (end < 0) return false;
    if (decodeLine(bytes.subarray(position, end)) !== null) return true;
    position = end + 1;
  }
  return false;
}
