/**
 * The framing of TensorBoard's event files: `length uint64 | masked CRC-32C of it | data | masked CRC-32C of the data`,
 * little-endian (TensorFlow's lib/io/record_writer.h).
 */
import { maskedCrc32c } from './crc32c';

const HEADER = 12;
const FOOTER = 4;
/** No program writes a longer record; one that says so would be waited for without an end. */
const LONGEST = 1 << 30;

export interface Frames {
  readonly records: readonly Uint8Array[];
  /** Bytes of whole frames from the start, damaged ones among them. */
  readonly used: number;
  /** Where each damaged frame begins, in bytes from the start. */
  readonly damaged: readonly number[];
  /** The length of the frame behind `used` is damaged: nothing more can be found in the file. */
  readonly lost: boolean;
}

/**
 * The whole frames at the start of `bytes`; a torn one at the end waits for its rest. As in TensorBoard a frame whose
 * data are damaged is passed over, and after one whose length is damaged nothing more is read.
 */
export function readFrames(bytes: Uint8Array): Frames {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: Uint8Array[] = [];
  const damaged: number[] = [];
  let used = 0;
  while (used + HEADER <= bytes.length) {
    const length = Number(view.getBigUint64(used, true));
    if (length > LONGEST || view.getUint32(used + 8, true) !== maskedCrc32c(bytes.subarray(used, used + 8))) return { records, used, damaged, lost: true };
    const end = used + HEADER + length + FOOTER;
    if (end > bytes.length) break;
    const data = bytes.subarray(used + HEADER, used + HEADER + length);
    if (view.getUint32(end - FOOTER, true) === maskedCrc32c(data)) records.push(data);
    else damaged.push(used);
    used = end;
  }
  return { records, used, damaged, lost: false };
}
