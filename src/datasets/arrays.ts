/** Arrays of numbers in files: NumPy's .npy and .npz, and IDX, the format of MNIST. */
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { crc32, createGunzip } from 'node:zlib';
import { openPromise, type Entry, type ZipFile } from 'yauzl';
import { RepriseError } from '../errors/errors';

/** How one number lies in the file. */
export interface NumberType {
  /** As NumPy calls it. */
  readonly name: string;
  readonly bytes: number;
  readonly isInteger: boolean;
  /** The number at a place of a view. */
  readonly read: (view: DataView, at: number) => number;
}

/** An array whose rows come one after the other. */
export interface NumberArray {
  /** The file (and array in it), as messages name it. */
  readonly name: string;
  readonly type: NumberType;
  /** At least one axis; the first counts the rows. */
  readonly shape: readonly number[];
  /** Values of all rows from the start, some whole rows at once. @throws RepriseError ARRAY_TRUNCATED */
  rows(): AsyncGenerator<Float64Array>;
}

/** What error codes begin with. */
export type ArrayFormat = 'NPY' | 'IDX';

export function arrayError(format: ArrayFormat, code: string, name: string, what: string, hint: string, cause?: unknown): RepriseError {
  return new RepriseError(`${format}_${code}`, `The ${format === 'NPY' ? 'NumPy' : 'IDX'} file ${name} ${what}.`, { hint, cause });
}

const CUT_OFF = 'The file is damaged or incomplete: write or fetch it again.';

/** Bytes of rows that are read at once. */
const BLOCK_BYTES = 1 << 20;
const MAX_HEADER = 1 << 16;
const MAX_ELEMENTS = Number.MAX_SAFE_INTEGER;

/** Takes a stream of bytes in the portions that are asked for. */
class ByteReader {
  private rest: Uint8Array = new Uint8Array(0);
  private readonly iterator: AsyncIterator<Uint8Array>;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.iterator = stream[Symbol.asyncIterator]();
  }

  /** `count` bytes, or those that are left. */
  async take(count: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let missing = count;
    while (missing > 0) {
      if (this.rest.length === 0) {
        const next = await this.iterator.next();
        if (next.done === true) break;
        this.rest = next.value;
      }
      const piece = this.rest.subarray(0, missing);
      pieces.push(piece);
      missing -= piece.length;
      this.rest = this.rest.subarray(piece.length);
    }
    const bytes = new Uint8Array(count - missing);
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.iterator.return?.();
  }
}

interface Opened {
  readonly type: NumberType;
  readonly shape: readonly number[];
}

/** An array of a stream that can be opened again and again. */
async function streamedArray(format: ArrayFormat, name: string, open: () => Promise<AsyncIterable<Uint8Array>>, header: (reader: ByteReader) => Promise<Opened>): Promise<NumberArray> {
  const unreadable = (error: unknown): unknown =>
    error instanceof RepriseError ? error : arrayError(format, 'CORRUPT', name, `cannot be read: ${(error instanceof Error ? error.message : String(error)).replace(/\.+$/u, '')}`, CUT_OFF, error);
  const begin = async (): Promise<{ reader: ByteReader; opened: Opened }> => {
    try {
      const reader = new ByteReader(await open());
      return { reader, opened: await header(reader) };
    } catch (error) {
      throw unreadable(error);
    }
  };
  const first = await begin();
  await first.reader.close();
  const { type, shape } = first.opened;
  if (shape.length === 0) throw arrayError(format, 'SHAPE', name, 'holds a single number, not an array of rows', 'The first axis must count the examples.');
  const values = shape.slice(1).reduce((count, size) => count * size, 1);
  if (shape[0] === 0 || values === 0) throw arrayError(format, 'EMPTY', name, `has the shape (${shape.join(', ')}) and so holds nothing`, 'Every example needs a value.');
  if (shape[0]! * values * type.bytes > MAX_ELEMENTS) throw arrayError(format, 'TOO_LARGE', name, `has the shape (${shape.join(', ')})`, CUT_OFF);
  return {
    name,
    type,
    shape,
    async *rows() {
      const { reader } = await begin();
      const rowBytes = values * type.bytes;
      const atOnce = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes));
      try {
        for (let row = 0; row < shape[0]!; row += atOnce) {
          const count = Math.min(atOnce, shape[0]! - row);
          const bytes = await reader.take(count * rowBytes);
          if (bytes.length < count * rowBytes) throw arrayError(format, 'TRUNCATED', name, `ends in row ${row + Math.floor(bytes.length / rowBytes)} of ${shape[0]}`, CUT_OFF);
          const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
          const block = new Float64Array(count * values);
          for (let index = 0; index < block.length; index++) block[index] = type.read(view, index * type.bytes);
          yield block;
        }
        if ((await reader.take(1)).length > 0) throw arrayError(format, 'TRAILING', name, `has more bytes than its shape (${shape.join(', ')}) takes`, CUT_OFF);
      } catch (error) {
        throw unreadable(error);
      } finally {
        await reader.close();
      }
    },
  };
}

/** Integers beyond 2^53 lose digits; as features and values they become float32 anyway, and no class number is so large. */
const big = (read: (view: DataView, at: number) => bigint) => (view: DataView, at: number): number => Number(read(view, at));

/** Numbers by the letters and sizes of NumPy. */
function numberTypes(little: boolean): Readonly<Record<string, NumberType>> {
  const make = (name: string, bytes: number, isInteger: boolean, read: NumberType['read']): NumberType => ({ name, bytes, isInteger, read });
  return {
    b1: make('bool', 1, true, (view, at) => view.getUint8(at)),
    u1: make('uint8', 1, true, (view, at) => view.getUint8(at)),
    i1: make('int8', 1, true, (view, at) => view.getInt8(at)),
    u2: make('uint16', 2, true, (view, at) => view.getUint16(at, little)),
    i2: make('int16', 2, true, (view, at) => view.getInt16(at, little)),
    u4: make('uint32', 4, true, (view, at) => view.getUint32(at, little)),
    i4: make('int32', 4, true, (view, at) => view.getInt32(at, little)),
    u8: make('uint64', 8, true, big((view, at) => view.getBigUint64(at, little))),
    i8: make('int64', 8, true, big((view, at) => view.getBigInt64(at, little))),
    f4: make('float32', 4, false, (view, at) => view.getFloat32(at, little)),
    f8: make('float64', 8, false, (view, at) => view.getFloat64(at, little)),
  };
}

const LITTLE = numberTypes(true);
const BIG = numberTypes(false);

/** The header of numpy.lib.format, versions 1 to 3. */
async function npyHeader(reader: ByteReader, name: string): Promise<Opened> {
  const corrupt = (what: string): RepriseError => arrayError('NPY', 'CORRUPT', name, what, CUT_OFF);
  const start = await reader.take(8);
  if (start.length < 8 || String.fromCharCode(...start.subarray(0, 6)) !== '\u0093NUMPY') throw corrupt('does not begin as a .npy file does');
  const version = start[6]!;
  if (version < 1 || version > 3) throw corrupt(`has the format version ${version}; known are 1 to 3`);
  const sizeBytes = await reader.take(version === 1 ? 2 : 4);
  if (sizeBytes.length < (version === 1 ? 2 : 4)) throw corrupt('ends inside its header');
  const sizeView = new DataView(sizeBytes.buffer, sizeBytes.byteOffset, sizeBytes.byteLength);
  const size = version === 1 ? sizeView.getUint16(0, true) : sizeView.getUint32(0, true);
  if (size > MAX_HEADER) throw corrupt(`would have a header of ${size} bytes`);
  const bytes = await reader.take(size);
  if (bytes.length < size) throw corrupt('ends inside its header');
  const header = new TextDecoder('latin1').decode(bytes);
  const descr = /'descr'\s*:\s*'([^']*)'/u.exec(header)?.[1];
  const fortran = /'fortran_order'\s*:\s*(True|False)/u.exec(header)?.[1];
  const shapeText = /'shape'\s*:\s*\(([\d\s,L]*)\)/u.exec(header)?.[1];
  if (fortran === undefined || shapeText === undefined) throw corrupt('has a header that cannot be read');
  const type = descr === undefined ? undefined : (descr.startsWith('>') ? BIG : LITTLE)[descr.slice(1)];
  if (type === undefined || !/^[<>|=]/u.test(descr ?? '')) {
    throw arrayError('NPY', 'TYPE', name, `holds ${descr === undefined ? 'records of several fields' : `values of the type "${descr}"`}`, `Save it as one of ${Object.values(LITTLE).map((known) => known.name).join(', ')}.`);
  }
  const shape = shapeText.split(',').map((part) => part.trim()).filter((part) => part !== '').map((part) => Number.parseInt(part, 10));
  if (shape.some((length) => !Number.isSafeInteger(length))) throw corrupt(`has the shape (${shapeText})`);
  if (fortran === 'True' && shape.length > 1) throw arrayError('NPY', 'FORTRAN_ORDER', name, 'is stored column after column', 'Save numpy.ascontiguousarray(array).');
  return { type, shape };
}

/** @param name of the file, as messages name it. @throws RepriseError NPY_… */
export function npyArray(file: string, name: string): Promise<NumberArray> {
  return streamedArray('NPY', name, async () => createReadStream(file, { highWaterMark: BLOCK_BYTES }), (reader) => npyHeader(reader, name));
}

async function entriesOf(zip: ZipFile): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  for await (const entry of zip.eachEntry()) entries.set(entry.fileName, entry);
  return entries;
}

/** One array of a .npz file. @throws RepriseError NPY_… */
export function npzArray(file: string, name: string, array: string): Promise<NumberArray> {
  const open = async (): Promise<AsyncIterable<Uint8Array>> => {
    const zip = await openPromise(file, { autoClose: false });
    try {
      const entries = await entriesOf(zip);
      const entry = entries.get(`${array}.npy`);
      if (entry === undefined) {
        const known = [...entries.keys()].map((key) => `"${key.replace(/\.npy$/u, '')}"`).join(', ');
        throw arrayError('NPY', 'NO_ARRAY', name, `has no array "${array}"; it has ${known === '' ? 'none' : known}`, 'Name the arrays in data.featuresArray and data.labelsArray.');
      }
      return checked(await zip.openReadStreamPromise(entry), entry, zip);
    } catch (error) {
      zip.close();
      throw error;
    }
  };
  return streamedArray('NPY', `${name} (${array})`, open, (reader) => npyHeader(reader, `${name} (${array})`));
}

/** The bytes of an entry; closes the zip when they are read. @throws Error where they are not those that were zipped, which yauzl does not look at */
async function* checked(stream: Readable, entry: Entry, zip: ZipFile): AsyncGenerator<Uint8Array> {
  try {
    let checksum = 0;
    for await (const bytes of stream as AsyncIterable<Uint8Array>) {
      checksum = crc32(bytes, checksum);
      yield bytes;
    }
    if (checksum !== entry.crc32) throw new Error(`the CRC-32 of ${entry.fileName} is not the one that the file states`);
  } finally {
    stream.destroy();
    zip.close();
  }
}

/** Types of IDX by their code. */
const IDX_TYPES: Readonly<Record<number, NumberType | undefined>> = { 0x08: BIG['u1'], 0x09: BIG['i1'], 0x0b: BIG['i2'], 0x0c: BIG['i4'], 0x0d: BIG['f4'], 0x0e: BIG['f8'] };

/** Two zeros, type, number of axes, then the axes as big-endian 32-bit numbers (LeCun, Cortes & Burges, THE MNIST DATABASE). */
async function idxHeader(reader: ByteReader, name: string): Promise<Opened> {
  const corrupt = (what: string): RepriseError => arrayError('IDX', 'CORRUPT', name, what, CUT_OFF);
  const magic = await reader.take(4);
  const type = magic.length === 4 && magic[0] === 0 && magic[1] === 0 ? IDX_TYPES[magic[2]!] : undefined;
  if (type === undefined) throw corrupt('does not begin as an IDX file does');
  const axes = magic[3]!;
  const bytes = await reader.take(4 * axes);
  if (bytes.length < 4 * axes) throw corrupt('ends inside its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { type, shape: Array.from({ length: axes }, (_, axis) => view.getUint32(4 * axis)) };
}

async function* unzipped(file: string): AsyncGenerator<Uint8Array> {
  const source = createReadStream(file);
  const gunzip = createGunzip();
  source.on('error', (error) => gunzip.destroy(error));
  try {
    for await (const bytes of source.pipe(gunzip)) yield bytes as Uint8Array;
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

/** An IDX file, gzipped or not. @throws RepriseError IDX_… */
export async function idxArray(file: string, name: string): Promise<NumberArray> {
  const start = new ByteReader(createReadStream(file, { end: 1 }));
  const [first, second] = await start.take(2);
  await start.close();
  const isZipped = first === 0x1f && second === 0x8b;
  return streamedArray('IDX', name, async () => (isZipped ? unzipped(file) : createReadStream(file, { highWaterMark: BLOCK_BYTES })), (reader) => idxHeader(reader, name));
}
