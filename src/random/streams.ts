/**
 * Random streams keyed by (seed, purpose, name, step). The generator's key is taken from
 * SHA-256(seed, purpose, name), its counter is (position / 2, step): streams do not overlap, and a
 * value depends on nothing but its key and its position.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { portableCos, portableLog, portableSin } from './portable';
import { threefry2x32 } from './threefry';

export type Purpose = 'split' | 'init' | 'order' | 'noise' | 'augment' | 'data';

const TWO_POW_32 = 4_294_967_296;
const TWO_POW_24 = 16_777_216;
const TWO_PI = 6.283185307179586;

interface Key {
  readonly k0: number;
  readonly k1: number;
}

function requireWord(value: number, what: string): void {
  if (!Number.isInteger(value) || value < 0 || value >= TWO_POW_32) {
    throw new RangeError(`${what} must be an integer from 0 to 2^32 − 1, got ${value}`);
  }
}

function streamKey(seed: number, purpose: Purpose, name: string): Key {
  requireWord(seed, 'seed');
  const digest = sha256(new TextEncoder().encode(`reprise-random-1\n${seed}\n${purpose}\n${name}`));
  const view = new DataView(digest.buffer, digest.byteOffset, 8);
  return { k0: view.getUint32(0, true), k1: view.getUint32(4, true) };
}

/** Calls `use(word, position)` for positions 0 … count − 1 of a stream; words are unsigned 32-bit. */
function eachWord(key: Key, step: number, count: number, use: (word: number, position: number) => void): void {
  requireWord(step, 'step');
  const block = new Uint32Array(2);
  for (let position = 0; position < count; position += 2) {
    threefry2x32(key.k0, key.k1, position / 2, step, block);
    use(block[0]!, position);
    if (position + 1 < count) use(block[1]!, position + 1);
  }
}

/**
 * `count` values uniform in [−bound, bound) (bound rounded to float32), from a grid of 2^24 points.
 */
export function uniformFloat32(seed: number, purpose: Purpose, name: string, count: number, bound: number): Float32Array {
  const values = new Float32Array(count);
  const limit = Math.fround(bound);
  // 2u − 1 is exact in float64, so there is one rounding, to float32, and it never reaches the bound.
  eachWord(streamKey(seed, purpose, name), 0, count, (word, position) => {
    values[position] = limit * ((word >>> 8) * (2 / TWO_POW_24) - 1);
  });
  return values;
}

/**
 * A random order of 0 … n − 1, each equally likely (Fisher–Yates; rejection, so no modulo bias).
 */
export function permutation(seed: number, purpose: Purpose, name: string, step: number, n: number): Int32Array {
  requireWord(step, 'step');
  const { k0, k1 } = streamKey(seed, purpose, name);
  const order = Int32Array.from({ length: n }, (_, index) => index);
  const block = new Uint32Array(2);
  let position = 0;
  const nextWord = (): number => {
    if (position % 2 === 0) threefry2x32(k0, k1, position / 2, step, block);
    return block[position++ % 2]!;
  };
  for (let last = n - 1; last > 0; last--) {
    const range = last + 1;
    const limit = TWO_POW_32 - (TWO_POW_32 % range);
    let word = nextWord();
    while (word >= limit) word = nextWord();
    const other = word % range;
    const held = order[last]!;
    order[last] = order[other]!;
    order[other] = held;
  }
  return order;
}

/**
 * Fills a dropout mask: 1 keep, 0 drop with `dropProbability` (rounded to a multiple of 2^−16: masks cost
 * a good part of a small model's step, and 16 bits a value halve that). The value at a position of `out`
 * depends only on (seed, name, step) and that position.
 */
export function fillMask(out: Uint8Array, seed: number, name: string, step: number, dropProbability: number): void {
  requireWord(step, 'step');
  const { k0, k1 } = streamKey(seed, 'noise', name);
  const threshold = Math.round(dropProbability * 65_536);
  const block = new Uint32Array(2);
  const whole = out.length - (out.length % 4);
  for (let position = 0; position < whole; position += 4) {
    threefry2x32(k0, k1, position / 4, step, block);
    const first = block[0]!;
    const second = block[1]!;
    out[position] = first >>> 16 >= threshold ? 1 : 0;
    out[position + 1] = (first & 0xffff) >= threshold ? 1 : 0;
    out[position + 2] = second >>> 16 >= threshold ? 1 : 0;
    out[position + 3] = (second & 0xffff) >= threshold ? 1 : 0;
  }
  if (whole === out.length) return;
  threefry2x32(k0, k1, whole / 4, step, block);
  for (let position = whole; position < out.length; position++) {
    const word = block[(position - whole) >>> 1]!;
    out[position] = ((position & 1) === 0 ? word >>> 16 : word & 0xffff) >= threshold ? 1 : 0;
  }
}

/** The two 32-bit words of a stream at any (counter, step), each less than 2^32. */
export function keyedWords(seed: number, purpose: Purpose, name: string): (counter: number, step: number) => readonly [number, number] {
  const { k0, k1 } = streamKey(seed, purpose, name);
  const block = new Uint32Array(2);
  return (counter, step) => {
    threefry2x32(k0, k1, counter, step, block);
    return [block[0]!, block[1]!];
  };
}

/** `count` values uniform in [0, 1), from a grid of 2^32 points. */
export function uniforms(seed: number, purpose: Purpose, name: string, count: number): Float64Array {
  const values = new Float64Array(count);
  eachWord(streamKey(seed, purpose, name), 0, count, (word, position) => {
    values[position] = word / TWO_POW_32;
  });
  return values;
}

/** `count` independent standard normal values (Box & Muller, 1958), by portable functions only. */
export function normals(seed: number, purpose: Purpose, name: string, count: number): Float64Array {
  const pairs = Math.ceil(count / 2);
  const words = uniforms(seed, purpose, name, 2 * pairs);
  const values = new Float64Array(2 * pairs);
  for (let pair = 0; pair < pairs; pair++) {
    // Half a grid step up keeps the logarithm finite.
    const radius = Math.sqrt(-2 * portableLog(words[2 * pair]! + 0.5 / TWO_POW_32));
    const angle = TWO_PI * words[2 * pair + 1]!;
    values[2 * pair] = radius * portableCos(angle);
    values[2 * pair + 1] = radius * portableSin(angle);
  }
  return values.subarray(0, count);
}
