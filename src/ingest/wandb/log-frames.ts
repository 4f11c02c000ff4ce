/**
 * The framing of W&B's transaction log: LevelDB's log format (doc/log_format.md there) behind a header of 7 bytes, with
 * plain CRC-32 in place of LevelDB's masked CRC-32C. A file is blocks of 32 KiB; a record lies in one fragment or in
 * several, none across the border of a block: `CRC-32 of type and data uint32 | length uint16 | type uint8 | data`.
 */
import { crc32 } from 'node:zlib';

const BLOCK = 32 * 1024;
const FILE_HEADER = [0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0x00] as const;
const HEADER = 7;
/** Kinds of fragment. */
const FULL = 1;
const FIRST = 2;
const LAST = 4;

export interface LogFrames {
  readonly records: readonly Uint8Array[];
  /** Bytes of whole records from the start, and of damaged blocks. */
  readonly used: number;
  /** Where in the file each damaged fragment begins; the rest of its block is passed over. */
  readonly damaged: readonly number[];
  /** It is no such log. */
  readonly foreign: boolean;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * The whole records in the bytes of a log from `from` on, where a record or the file begins. What is torn at the end
 * waits for its rest, and so does damage in a block that is not complete, unless the log is `ended`.
 */
export function readLog(bytes: Uint8Array, from: number, ended: boolean): LogFrames {
  const foreign = from === 0 && FILE_HEADER.some((byte, index) => index < bytes.length && bytes[index] !== byte);
  if (foreign || (from === 0 && bytes.length < FILE_HEADER.length)) return { records: [], used: 0, damaged: [], foreign };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: Uint8Array[] = [];
  const damaged: number[] = [];
  let at = from === 0 ? FILE_HEADER.length : 0;
  let used = at;
  let parts: Uint8Array[] = [];
  while (at < bytes.length) {
    const blockEnd = at + BLOCK - ((from + at) % BLOCK);
    // Too little for a fragment is padding.
    if (blockEnd - at < HEADER) {
      at = blockEnd;
      continue;
    }
    if (at + HEADER > bytes.length) break;
    const length = view.getUint16(at + 4, true);
    const type = bytes[at + 6] as number;
    const end = at + HEADER + length;
    const fits = end <= blockEnd;
    if (fits && end > bytes.length) break;
    if (!fits || crc32(bytes.subarray(at + HEADER - 1, end)) !== view.getUint32(at, true)) {
      if (blockEnd > bytes.length && !ended) break;
      // A block may end in zeros that were never written to.
      if (bytes.subarray(at, blockEnd).some((byte) => byte !== 0)) damaged.push(from + at);
      at = Math.min(blockEnd, bytes.length);
      used = at;
      parts = [];
      continue;
    }
    const data = bytes.subarray(at + HEADER, end);
    at = end;
    if (type === FULL || type === FIRST) parts = [];
    // The rest of a record whose beginning was damaged.
    else if (parts.length === 0) {
      used = at;
      continue;
    }
    parts.push(data);
    if (type === FULL || type === LAST) {
      records.push(joined(parts));
      parts = [];
      used = at;
    }
  }
  return { records, used, damaged, foreign };
}
