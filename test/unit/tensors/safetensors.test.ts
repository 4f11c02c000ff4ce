import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { RepriseError } from '../../../src/errors/errors';
import { decodeSafetensors, encodeSafetensors, tensorsHash, type NamedTensor } from '../../../src/tensors/safetensors';

const tensors: readonly NamedTensor[] = [
  { name: 'mask', type: 'uint8', shape: [3], data: Uint8Array.of(1, 0, 255) },
  { name: 'weight', type: 'float32', shape: [2, 2], data: Float32Array.of(1.5, -0, NaN, Infinity) },
  { name: 'bias', type: 'float32', shape: [], data: Float32Array.of(2) },
  { name: 'rows', type: 'int32', shape: [2], data: Int32Array.of(-1, 2_147_483_647) },
  { name: 'labels', type: 'int64', shape: [2], data: BigInt64Array.of(-5n, 9_007_199_254_740_993n) },
  { name: 'none', type: 'float32', shape: [0, 4], data: new Float32Array(0) },
];

function file(header: string, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof RepriseError) return error.code;
    throw error;
  }
  return 'no error';
}

describe('safetensors', () => {
  it('gives back what it was given, bit for bit', () => {
    const bytes = encodeSafetensors(tensors, { b: 'zwei', a: 'ä"\n' });
    const decoded = decodeSafetensors(bytes);
    expect(decoded.metadata).toEqual({ a: 'ä"\n', b: 'zwei' });
    expect(new Map(decoded.tensors.map((tensor) => [tensor.name, tensor]))).toEqual(new Map(tensors.map((tensor) => [tensor.name, tensor])));
    expect(tensorsHash(decoded.tensors)).toBe(tensorsHash(tensors));
  });

  it('is byte-deterministic whatever the order of tensors and keys, with data aligned', () => {
    const bytes = encodeSafetensors(tensors, { a: '1', b: '2' });
    expect(encodeSafetensors([...tensors].reverse(), { b: '2', a: '1' })).toEqual(bytes);
    expect(Number(new DataView(bytes.buffer).getBigUint64(0, true)) % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true)))));
    expect(header.labels.data_offsets).toEqual([0, 16]);
    expect(header.mask.dtype).toBe('U8');
  });

  it('decodes bytes that start at an odd address', () => {
    const bytes = encodeSafetensors(tensors);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(tensorsHash(decodeSafetensors(shifted.subarray(1)).tensors)).toBe(tensorsHash(tensors));
  });

  it('refuses every truncation and a byte too many', () => {
    const bytes = encodeSafetensors(tensors, { a: '1' });
    for (let length = 0; length < bytes.length; length++) {
      expect(codeOf(() => decodeSafetensors(bytes.slice(0, length)))).toBe('SAFETENSORS_INVALID');
    }
    const longer = new Uint8Array(bytes.length + 1);
    longer.set(bytes);
    expect(codeOf(() => decodeSafetensors(longer))).toBe('SAFETENSORS_INVALID');
  });

  it.each([
    ['no JSON', file('{"a":')],
    ['an array', file('[]')],
    ['bad UTF-8', file('{}').map((byte, index) => (index === 8 ? 0xff : byte))],
    ['a huge header', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 127)],
    ['unknown type', file('{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}', new Uint8Array(2))],
    ['negative size', file('{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}')],
    ['shape against bytes', file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', new Uint8Array(4))],
    ['fractional shape', file('{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,1]}}', new Uint8Array(1))],
    ['a shape that overflows', file('{"a":{"dtype":"U8","shape":[9007199254740991,9007199254740991],"data_offsets":[0,1]}}', new Uint8Array(1))],
    ['offsets backwards', file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[1,0]}}', new Uint8Array(1))],
    ['a hole', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', new Uint8Array(2))],
    ['an overlap', file('{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}', new Uint8Array(3))],
    ['metadata that is no text', file('{"__metadata__":{"a":1}}')],
    ['no offsets', file('{"a":{"dtype":"U8","shape":[1]}}', new Uint8Array(1))],
  ])('refuses %s', (_, bytes) => {
    expect(codeOf(() => decodeSafetensors(bytes))).toBe('SAFETENSORS_INVALID');
  });

  it.each<[string, readonly NamedTensor[]]>([
    ['a repeated name', [tensors[0]!, tensors[0]!]],
    ['a reserved name', [{ ...tensors[0]!, name: '__metadata__' }]],
    ['a shape that does not fit', [{ ...tensors[0]!, shape: [4] }]],
    ['a type that does not fit', [{ ...tensors[0]!, type: 'float32' }]],
  ])('refuses to encode %s', (_, wrong) => {
    expect(codeOf(() => encodeSafetensors(wrong))).toBe('SAFETENSORS_INVALID');
  });

  it('hashes name, type, shape and data, by any SHA-256', () => {
    const base = tensorsHash(tensors);
    expect(base).toMatch(/^[0-9a-f]{64}$/);
    expect(tensorsHash([...tensors].reverse(), () => createHash('sha256'))).toBe(base);
    const [first, ...rest] = tensors;
    for (const change of [{ name: 'other' }, { shape: [3, 1] }, { data: Uint8Array.of(1, 0, 254) }]) {
      expect(tensorsHash([{ ...first!, ...change } as NamedTensor, ...rest])).not.toBe(base);
    }
  });

  it("is read by the format's rules written out in Python", () => {
    const script = [
      'import sys, json, struct',
      'b = sys.stdin.buffer.read()',
      'n, = struct.unpack("<Q", b[:8])',
      'h = json.loads(b[8:8+n])',
      'assert (8 + n) % 8 == 0 and b[8:9] == b"{"',
      's, e = h["weight"]["data_offsets"]',
      'print(json.dumps([struct.unpack("<4f", b[8+n+s:8+n+e])[0], h["__metadata__"]["k"]]))',
    ].join('\n');
    const output = execFileSync('python3', ['-c', script], { input: encodeSafetensors(tensors, { k: 'v' }), encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual([1.5, 'v']);
  });
});
