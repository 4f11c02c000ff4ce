/**
 * Safetensors: named tensors in one file (https://github.com/huggingface/safetensors, format section
 * of its README). Little-endian length of the header (u64), header as JSON padded with spaces to
 * 8 bytes, then the tensors without gaps. Same tensors and metadata give the same bytes.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { RepriseError } from '../errors/errors';

export type NamedTensorType = 'float32' | 'uint8' | 'int32' | 'int64';
export type NamedTensorData = Float32Array | Uint8Array | Int32Array | BigInt64Array;

export interface NamedTensor {
  readonly name: string;
  readonly type: NamedTensorType;
  readonly shape: readonly number[];
  readonly data: NamedTensorData;
}

/** What a streaming SHA-256 must offer; Node's `createHash('sha256')` fits, and is faster on megabytes. */
export interface Sha256Stream {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

const TYPES = {
  int64: { code: 'I64', bytes: 8 },
  float32: { code: 'F32', bytes: 4 },
  int32: { code: 'I32', bytes: 4 },
  uint8: { code: 'U8', bytes: 1 },
} as const;

const TYPE_OF_CODE: ReadonlyMap<string, NamedTensorType> = new Map(
  (Object.keys(TYPES) as NamedTensorType[]).map((type) => [TYPES[type].code, type]),
);

/** The reference reader refuses larger headers. */
const MAX_HEADER_BYTES = 100_000_000;
const METADATA_KEY = '__metadata__';

function invalid(what: string): RepriseError {
  return new RepriseError('SAFETENSORS_INVALID', `Not a valid safetensors file: ${what}.`, {
    hint: 'The file is damaged or was made by something else: make it again from its source.',
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function elementCount(shape: readonly number[], where: string): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) throw invalid(`${where} has the shape [${shape.join(', ')}]`);
    count *= size;
  }
  if (!Number.isSafeInteger(count)) throw invalid(`${where} is too large`);
  return count;
}

function matchesType(type: NamedTensorType, data: NamedTensorData): boolean {
  switch (type) {
    case 'float32':
      return data instanceof Float32Array;
    case 'uint8':
      return data instanceof Uint8Array;
    case 'int32':
      return data instanceof Int32Array;
    case 'int64':
      return data instanceof BigInt64Array;
  }
}

function checkTensors(tensors: readonly NamedTensor[]): void {
  const names = new Set<string>();
  for (const tensor of tensors) {
    const where = `tensor "${tensor.name}"`;
    if (tensor.name === METADATA_KEY) throw invalid(`a tensor may not be called ${METADATA_KEY}`);
    if (names.has(tensor.name)) throw invalid(`${where} is there twice`);
    names.add(tensor.name);
    if (!matchesType(tensor.type, tensor.data)) throw invalid(`${where} says ${tensor.type} and holds something else`);
    if (elementCount(tensor.shape, where) !== tensor.data.length) {
      throw invalid(`${where} has the shape [${tensor.shape.join(', ')}] and ${tensor.data.length} values`);
    }
  }
}

function bytesOf(data: NamedTensorData): Uint8Array {
  // Every platform Reprise runs on is little-endian, as the format is.
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/** A tensor without its values. */
export type TensorHeader = Pick<NamedTensor, 'name' | 'type' | 'shape'>;

/** The order in which tensors are laid out: falling element size, then name, as the reference writer has it, so that each starts aligned. */
function inFileOrder<T extends TensorHeader>(tensors: readonly T[]): T[] {
  return [...tensors].sort((a, b) => TYPES[b.type].bytes - TYPES[a.type].bytes || compare(a.name, b.name));
}

/**
 * What a safetensors file begins with: the values of the tensors follow it without gaps, in the order that is returned.
 * Metadata keys are sorted.
 */
export function encodeSafetensorsHeader<T extends TensorHeader>(tensors: readonly T[], metadata: Readonly<Record<string, string>>): { readonly bytes: Uint8Array; readonly order: readonly T[] } {
  const order = inFileOrder(tensors);
  const entries: string[] = [];
  const keys = Object.keys(metadata).sort(compare);
  if (keys.length > 0) {
    const pairs = keys.map((key) => `${JSON.stringify(key)}:${JSON.stringify(metadata[key])}`);
    entries.push(`"${METADATA_KEY}":{${pairs.join(',')}}`);
  }
  let offset = 0;
  for (const { name, type, shape } of order) {
    const end = offset + elementCount(shape, `tensor "${name}"`) * TYPES[type].bytes;
    entries.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype: TYPES[type].code, shape, data_offsets: [offset, end] })}`);
    offset = end;
  }
  const header = new TextEncoder().encode(`{${entries.join(',')}}`);
  const bytes = new Uint8Array(8 + Math.ceil(header.length / 8) * 8).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(header, 8);
  return { bytes, order };
}

/**
 * Encodes tensors as a safetensors file.
 * @throws RepriseError SAFETENSORS_INVALID for a repeated name, or data that does not fit shape or type
 */
export function encodeSafetensors(tensors: readonly NamedTensor[], metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  checkTensors(tensors);
  const { bytes: header, order } = encodeSafetensorsHeader(tensors, metadata);
  const file = new Uint8Array(order.reduce((size, { data }) => size + data.byteLength, header.length));
  file.set(header);
  let position = header.length;
  for (const { data } of order) {
    file.set(bytesOf(data), position);
    position += data.byteLength;
  }
  return file;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Where the values begin in a file whose first 8 bytes these are. @throws RepriseError SAFETENSORS_INVALID */
export function safetensorsDataStart(bytes: Uint8Array): number {
  if (bytes.byteLength < 8) throw invalid('it is shorter than 8 bytes');
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER_BYTES)) throw invalid(`its header would have ${length} bytes`);
  return 8 + Number(length);
}

function parseHeader(bytes: Uint8Array): { header: Record<string, unknown>; dataStart: number } {
  const dataStart = safetensorsDataStart(bytes);
  if (dataStart > bytes.byteLength) throw invalid('it ends inside its header');
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, dataStart)));
  } catch {
    throw invalid('its header is not JSON');
  }
  if (!isObject(header)) throw invalid('its header is not a JSON object');
  return { header, dataStart };
}

function parseMetadata(value: unknown): Record<string, string> {
  if (!isObject(value)) throw invalid('its metadata is not an object');
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw invalid(`its metadata "${key}" is not a string`);
  }
  return value as Record<string, string>;
}

/** A tensor of a file: its bytes are begin … end − 1 of the values. */
export interface TensorEntry {
  readonly name: string;
  readonly type: NamedTensorType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function parseEntry(name: string, value: unknown): TensorEntry {
  const where = `tensor "${name}"`;
  if (!isObject(value)) throw invalid(`${where} is not described by an object`);
  const { dtype, shape, data_offsets: offsets } = value;
  const type = typeof dtype === 'string' ? TYPE_OF_CODE.get(dtype) : undefined;
  if (type === undefined) throw invalid(`${where} has the type ${JSON.stringify(dtype)}; known are F32, U8, I32, I64`);
  if (!Array.isArray(shape) || !shape.every((size) => typeof size === 'number')) throw invalid(`${where} has no shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2) throw invalid(`${where} has no data_offsets`);
  const [begin, end] = offsets as [unknown, unknown];
  if (typeof begin !== 'number' || typeof end !== 'number' || !Number.isSafeInteger(begin) || !Number.isSafeInteger(end) || begin < 0 || end < begin) {
    throw invalid(`${where} has the data_offsets ${JSON.stringify(offsets)}`);
  }
  const sizes = shape as number[];
  if (elementCount(sizes, where) * TYPES[type].bytes !== end - begin) {
    throw invalid(`${where} has the shape [${sizes.join(', ')}] and ${end - begin} bytes`);
  }
  return { name, type, shape: sizes, begin, end };
}

function viewOf(type: NamedTensorType, bytes: Uint8Array, begin: number, end: number): NamedTensorData {
  const size = TYPES[type].bytes;
  const aligned = (bytes.byteOffset + begin) % size === 0;
  const source = aligned ? bytes : bytes.slice(begin, end);
  const offset = aligned ? bytes.byteOffset + begin : 0;
  const count = (end - begin) / size;
  switch (type) {
    case 'float32':
      return new Float32Array(source.buffer, offset, count);
    case 'uint8':
      return new Uint8Array(source.buffer, offset, count);
    case 'int32':
      return new Int32Array(source.buffer, offset, count);
    case 'int64':
      return new BigInt64Array(source.buffer, offset, count);
  }
}

/**
 * Decodes and fully validates the header of a safetensors file.
 * @param bytes the beginning of the file, to `safetensorsDataStart` at least
 * @param fileBytes size of the whole file
 * @returns the tensors in the order of their values, and where these begin
 * @throws RepriseError SAFETENSORS_INVALID
 */
export function decodeSafetensorsHeader(bytes: Uint8Array, fileBytes: number): { entries: TensorEntry[]; metadata: Record<string, string>; dataStart: number } {
  const { header, dataStart } = parseHeader(bytes);
  const entries: TensorEntry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === METADATA_KEY) metadata = parseMetadata(value);
    else entries.push(parseEntry(name, value));
  }
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const entry of entries) {
    if (entry.begin !== position) throw invalid(`tensor "${entry.name}" starts at byte ${entry.begin} of the data, expected ${position}`);
    position = entry.end;
  }
  if (dataStart + position !== fileBytes) throw invalid(`it has ${fileBytes - dataStart} bytes of data, its header describes ${position}`);
  return { entries, metadata, dataStart };
}

/**
 * Decodes and fully validates a safetensors file. Tensors come in the order of their data; where it
 * is aligned, their data are views of `bytes`, not copies.
 * @throws RepriseError SAFETENSORS_INVALID
 */
export function decodeSafetensors(bytes: Uint8Array): { tensors: NamedTensor[]; metadata: Record<string, string> } {
  const { entries, metadata, dataStart } = decodeSafetensorsHeader(bytes, bytes.byteLength);
  const tensors = entries.map(({ name, type, shape, begin, end }) => ({ name, type, shape, data: viewOf(type, bytes, dataStart + begin, dataStart + end) }));
  return { tensors, metadata };
}

/**
 * SHA-256 (hex) of tensors whatever their order: for each, by name in code-unit order, the line
 * `JSON([name, type, shape])\n` and then its little-endian bytes.
 * @throws RepriseError SAFETENSORS_INVALID for a repeated name, or data that does not fit shape or type
 */
export function tensorsHash(tensors: readonly NamedTensor[], createSha256: () => Sha256Stream = () => sha256.create()): string {
  checkTensors(tensors);
  const hash = createSha256();
  const encoder = new TextEncoder();
  for (const tensor of [...tensors].sort((a, b) => compare(a.name, b.name))) {
    hash.update(encoder.encode(`${JSON.stringify([tensor.name, tensor.type, tensor.shape])}\n`));
    hash.update(bytesOf(tensor.data));
  }
  return [...hash.digest()].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
