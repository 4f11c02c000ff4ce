/** Reading what was appended to a file. */
import { open } from 'node:fs/promises';

/** Bytes that are read at once, unless one record is longer: to make records of more would hold up everything else for too long. */
const PIECE = 256 << 10;

export interface Appended<T> {
  readonly value: T | null;
  /** Where to read on. */
  readonly offset: number;
  /** Whether the file is longer than what was read of it. */
  readonly more: boolean;
  /** The file is shorter than it was: another one took its place. */
  readonly shrunk: boolean;
}

/**
 * Reads a piece of a file from `offset` on and has it parsed. A piece that is too short for one record is read again,
 * longer, so parsing must have no effect but its answer. A file that is gone has nothing to read.
 */
export async function readAppended<T extends { readonly used: number }>(file: string, offset: number, parse: (bytes: Uint8Array) => T): Promise<Appended<T>> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { value: null, offset, more: false, shrunk: false };
    throw error;
  }
  try {
    const { size } = await handle.stat();
    if (size <= offset) return { value: null, offset, more: false, shrunk: size < offset };
    for (let length = Math.min(PIECE, size - offset); ; length = Math.min(length * 4, size - offset)) {
      const bytes = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        const { bytesRead } = await handle.read(bytes, filled, length - filled, offset + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
      const value = parse(bytes.subarray(0, filled));
      const atEnd = filled < length || offset + length >= size;
      if (value.used > 0 || atEnd) return { value, offset: offset + value.used, more: !atEnd, shrunk: false };
    }
  } finally {
    await handle.close();
  }
}
