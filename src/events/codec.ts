/** One record of the event log as a line: `CRC32(hex8) SPACE JSON NEWLINE`. */
import { crc32 } from 'node:zlib';
import type { EventRecord } from './records';

const NEWLINE = 0x0a;
const SPACE = 0x20;
/** Hex digits of the checksum and the space behind them. */
const PREFIX = 9;

const HEX_DIGITS = Buffer.from('0123456789abcdef');

/** The bytes of a record's line, newline included. */
export function encodeRecord(record: EventRecord): Uint8Array {
  return encodeRecords([record]).bytes;
}

/** The lines of records in one piece, and where in it each ends. */
export function encodeRecords(records: readonly EventRecord[]): { readonly bytes: Uint8Array; readonly ends: readonly number[] } {
  const texts = records.map((record) => JSON.stringify(record));
  const bytes = Buffer.allocUnsafe(texts.reduce((sum, text) => sum + PREFIX + Buffer.byteLength(text) + 1, 0));
  let at = 0;
  const ends = texts.map((text) => {
    const start = at + PREFIX;
    const end = start + bytes.write(text, start);
    const checksum = crc32(bytes.subarray(start, end));
    for (let digit = 0; digit < 8; digit += 1) bytes[at + digit] = HEX_DIGITS[(checksum >>> (28 - 4 * digit)) & 0xf]!;
    bytes[start - 1] = SPACE;
    bytes[end] = NEWLINE;
    at = end + 1;
    return at;
  });
  return { bytes, ends };
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
