/**
 * The output of a container as the engine gives it again: frames of 8 bytes (stream, three zeros, length as a
 * big-endian number) and a payload, which begins with the time in RFC 3339 (Docker Engine API, `containers/{id}/logs`).
 */
import type { OutputStream } from '../../provenance/command-output';

export interface LogPiece {
  readonly stream: OutputStream;
  /** Milliseconds since 1970, UTC, of the engine's clock. */
  readonly time: number;
  /** A line with its end, or a part of a long one. */
  readonly bytes: Buffer;
}

const HEADER = 8;
const SPACE = 0x20;

function pieceOf(kind: number, payload: Buffer): LogPiece {
  const space = payload.indexOf(SPACE);
  const stamp = payload.subarray(0, space).toString('latin1');
  // Of nine digits of a second three are kept.
  const time = Date.parse(stamp.replace(/(\.\d{3})\d+/u, '$1'));
  return { stream: kind === 2 ? 'stderr' : 'stdout', time, bytes: payload.subarray(space + 1) };
}

/** @param stream an answer with `timestamps`, of a container without a terminal */
export async function* logPieces(stream: AsyncIterable<Uint8Array>): AsyncGenerator<LogPiece> {
  let waiting: Buffer[] = [];
  let length = 0;
  let wanted = HEADER;
  for await (const chunk of stream) {
    waiting.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    length += chunk.byteLength;
    if (length < wanted) continue;
    let bytes = waiting.length === 1 ? (waiting[0] ?? Buffer.alloc(0)) : Buffer.concat(waiting);
    while (bytes.length >= (wanted = bytes.length < HEADER ? HEADER : HEADER + bytes.readUInt32BE(4))) {
      yield pieceOf(bytes[0] ?? 1, bytes.subarray(HEADER, wanted));
      bytes = bytes.subarray(wanted);
    }
    waiting = [bytes];
    length = bytes.length;
  }
}
