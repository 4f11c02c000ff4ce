/**
 * Pictures as bytes. Both decoders are programs without native code, so that every machine gets the same bytes: MozJPEG
 * as WebAssembly, and fast-png. (sharp's libvips cannot be loaded beside the GLib of Electron on Linux.)
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { convertIndexedToRgb, decode as decodePng, hasPngSignature } from 'fast-png';

/** A picture in red, green and blue, each [rows, columns]. */
export interface Picture {
  readonly rows: number;
  readonly columns: number;
  readonly channels: readonly [Uint8Array, Uint8Array, Uint8Array];
}

/** Largest picture that is decoded, pixels. */
const MAX_PIXELS = 100_000_000;

/** What keeps a picture from being read, as the rest of a sentence that its file begins. */
export class PictureProblem extends Error {}

function checkSize(rows: number, columns: number): void {
  if (rows < 1 || columns < 1) throw new PictureProblem('has no pixels');
  if (rows * columns > MAX_PIXELS) throw new PictureProblem(`has ${columns}×${rows} pixels; at most ${MAX_PIXELS} are read`);
}

/** Channels apart, from `step` values a pixel of which the first three (or the one) are colours. */
function apart(pixels: ArrayLike<number>, rows: number, columns: number, step: number): Picture {
  const size = rows * columns;
  if (pixels.length < size * step) throw new PictureProblem('is cut off');
  const channel = (offset: number): Uint8Array => Uint8Array.from({ length: size }, (_, pixel) => pixels[pixel * step + offset]!);
  const first = channel(0);
  return { rows, columns, channels: step < 3 ? [first, first, first] : [first, channel(1), channel(2)] };
}

/** Grey values of fewer than 8 bits, each row in whole bytes, brought to 0 … 255. */
function unpackGrey(packed: ArrayLike<number>, rows: number, columns: number, depth: number): Uint8Array {
  const rowBytes = Math.ceil((columns * depth) / 8);
  const most = 2 ** depth - 1;
  return Uint8Array.from({ length: rows * columns }, (_, pixel) => {
    const bit = (pixel % columns) * depth;
    const byte = packed[Math.floor(pixel / columns) * rowBytes + Math.floor(bit / 8)]!;
    return (((byte >>> (8 - depth - (bit % 8))) & most) * 255) / most;
  });
}

function readPng(bytes: Uint8Array): Picture {
  if (bytes.length < 24) throw new PictureProblem('is cut off');
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkSize(header.getUint32(20), header.getUint32(16));
  const png = decodePng(bytes, { checkCrc: true });
  const { height: rows, width: columns, depth, channels } = png;
  if (depth === 16) throw new PictureProblem('has 16 bits a channel; only 8 are read');
  if (png.palette !== undefined) return apart(convertIndexedToRgb(png), rows, columns, png.palette[0]?.length ?? 3);
  return apart(depth < 8 ? unpackGrey(png.data, rows, columns, depth) : png.data, rows, columns, channels);
}

type JpegDecoder = (bytes: Uint8Array) => Promise<{ readonly picture: { readonly width: number; readonly height: number; readonly data: Uint8ClampedArray }; readonly complaints: readonly string[] }>;

let jpegDecoder: Promise<JpegDecoder> | null = null;

async function loadJpegDecoder(): Promise<JpegDecoder> {
  const { default: decode, init } = await import('@jsquash/jpeg/decode.js');
  const program = await readFile(createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm'));
  const complaints: string[] = [];
  const module = await WebAssembly.compile(program);
  const instantiateWasm = (imports: WebAssembly.Imports, use: (instance: WebAssembly.Instance) => void): WebAssembly.Exports => {
    const instance = new WebAssembly.Instance(module, imports);
    use(instance);
    return instance.exports;
  };
  await init({ instantiateWasm, print: () => undefined, printErr: (text: string) => complaints.push(text) });
  return async (bytes) => {
    complaints.length = 0;
    try {
      return { picture: await decode(Uint8Array.from(bytes).buffer), complaints };
    } catch {
      // What the program throws is no error but an address in its memory; its state is not to be trusted any more.
      jpegDecoder = null;
      throw new PictureProblem(`is damaged or cut off${complaints[0] === undefined ? '' : ` (${complaints[0]})`}`);
    }
  };
}

/** Size and number of components, from the frame header (ITU-T T.81, B.2.2). */
function jpegFrame(bytes: Uint8Array): { readonly rows: number; readonly columns: number; readonly components: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 10 <= bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1]!;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { rows: view.getUint16(at + 5), columns: view.getUint16(at + 7), components: bytes[at + 9]! };
    // A marker may have any number of fill bytes before it.
    at += marker === 0xff ? 1 : 2 + view.getUint16(at + 2);
  }
  throw new PictureProblem('is cut off, or no JPEG file');
}

async function readJpeg(bytes: Uint8Array): Promise<Picture> {
  const { rows, columns, components } = jpegFrame(bytes);
  checkSize(rows, columns);
  if (components !== 1 && components !== 3) throw new PictureProblem(`has ${components} colour components; grey (1) and colour (3) are read`);
  jpegDecoder ??= loadJpegDecoder();
  const { picture, complaints } = await (await jpegDecoder)(bytes);
  if (complaints.length > 0) throw new PictureProblem(`is damaged or cut off (${complaints[0]})`);
  return apart(picture.data, picture.height, picture.width, 4);
}

/**
 * Decodes a PNG or JPEG file. Colour profiles, transparency and the orientation that a camera noted are not looked at.
 * @throws PictureProblem
 */
export async function decodeImage(bytes: Uint8Array): Promise<Picture> {
  try {
    if (hasPngSignature(bytes)) return readPng(bytes);
    if (bytes[0] === 0xff && bytes[1] === 0xd8) return await readJpeg(bytes);
  } catch (error) {
    throw error instanceof PictureProblem ? error : new PictureProblem(`cannot be decoded: ${(error instanceof Error ? error.message : String(error)).replace(/[.:]+$/u, '')}`, { cause: error });
  }
  throw new PictureProblem('is neither PNG nor JPEG');
}
