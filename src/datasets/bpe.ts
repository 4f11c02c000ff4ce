/**
 * Byte-pair encoding (Sennrich, Haddow & Birch, 2016) over bytes: the pair of neighbours that is most frequent becomes a
 * token, again and again. Of pairs that are equally frequent the one with the smaller numbers is first.
 */

/** Two tokens that become one; merge m makes the token 256 + m. */
export type Merge = readonly [number, number];

/**
 * Where text is cut before pairs are counted: no token crosses. A word, a number or other signs, each with the space
 * before it, or white space. Only ASCII is told apart, because engines know different versions of Unicode.
 */
const PIECE = / ?[A-Za-z\u{80}-\u{10ffff}]+| ?[0-9]+| ?[^\t-\r 0-9A-Za-z\u{80}-\u{10ffff}]+|[\t-\r ]+(?![^\t-\r ])|[\t-\r ]+/gu;

/** The pieces of a text; together they are the text. */
export function piecesOf(text: string): string[] {
  return text.match(PIECE) ?? [];
}

/** Larger than any number of a token. */
const BASE = 65_536;
const keyOf = (left: number, right: number): number => left * BASE + right;

/** Replaces the pair wherever it stands, from the left. */
function merge(tokens: readonly number[], left: number, right: number, into: number): number[] {
  const merged: number[] = [];
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (token === left && tokens[index + 1] === right) {
      merged.push(into);
      index++;
    } else merged.push(token);
  }
  return merged;
}

interface Candidate {
  readonly count: number;
  readonly key: number;
}

const isBefore = (a: Candidate, b: Candidate): boolean => a.count > b.count || (a.count === b.count && a.key < b.key);

/** A binary heap of candidates, the best on top. Counts change: outdated ones are passed over when they come up. */
class Candidates {
  private readonly heap: Candidate[] = [];

  push(candidate: Candidate): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(candidate);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!isBefore(candidate, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = candidate;
  }

  pop(): Candidate | undefined {
    const { heap } = this;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

/**
 * Learns merges from pieces and how often each comes, until there are `tokens` tokens or no pair comes twice.
 * The order of the pieces does not matter.
 */
export function trainBpe(pieces: ReadonlyMap<string, number>, tokens: number): Merge[] {
  const encoder = new TextEncoder();
  const words = [...pieces].map(([piece, count]) => ({ tokens: Array.from(encoder.encode(piece)), count }));
  const counts = new Map<number, number>();
  const places = new Map<number, Set<number>>();
  const touched = new Set<number>();
  const count = (word: number, sign: 1 | -1): void => {
    const { tokens: parts, count: times } = words[word]!;
    for (let index = 1; index < parts.length; index++) {
      const key = keyOf(parts[index - 1]!, parts[index]!);
      counts.set(key, (counts.get(key) ?? 0) + sign * times);
      touched.add(key);
      if (sign === 1) {
        const set = places.get(key);
        if (set === undefined) places.set(key, new Set([word]));
        else set.add(word);
      }
    }
  };
  const candidates = new Candidates();
  const offer = (): void => {
    for (const key of touched) candidates.push({ count: counts.get(key) ?? 0, key });
    touched.clear();
  };
  words.forEach((_, word) => count(word, 1));
  offer();
  const merges: Merge[] = [];
  while (256 + merges.length < tokens) {
    const best = candidates.pop();
    if (best === undefined || best.count < 2) break;
    if (counts.get(best.key) !== best.count) continue;
    const [left, right] = [Math.floor(best.key / BASE), best.key % BASE];
    for (const word of places.get(best.key) ?? []) {
      const entry = words[word]!;
      count(word, -1);
      entry.tokens = merge(entry.tokens, left, right, 256 + merges.length);
      count(word, 1);
    }
    places.delete(best.key);
    counts.delete(best.key);
    touched.delete(best.key);
    offer();
    merges.push([left, right]);
  }
  return merges;
}

/** Pieces whose tokens are remembered: text repeats its words. */
const REMEMBERED = 100_000;

/** What turns a text into tokens: within each piece the earliest merge that is possible comes first. */
export function bpeEncoder(merges: readonly Merge[]): (text: string) => number[] {
  const ranks = new Map(merges.map(([left, right], rank) => [keyOf(left, right), rank]));
  const encoder = new TextEncoder();
  const known = new Map<string, readonly number[]>();
  const encodePiece = (piece: string): number[] => {
    let tokens: number[] = Array.from(encoder.encode(piece));
    for (;;) {
      let best = Infinity;
      for (let index = 1; index < tokens.length; index++) best = Math.min(best, ranks.get(keyOf(tokens[index - 1]!, tokens[index]!)) ?? Infinity);
      const pair = merges[best];
      if (pair === undefined) return tokens;
      tokens = merge(tokens, pair[0], pair[1], 256 + best);
    }
  };
  return (text) => {
    const all: number[] = [];
    for (const piece of piecesOf(text)) {
      let tokens = known.get(piece);
      if (tokens === undefined) {
        tokens = encodePiece(piece);
        if (known.size >= REMEMBERED) known.clear();
        known.set(piece, tokens);
      }
      for (const token of tokens) all.push(token);
    }
    return all;
  };
}

/** The bytes of each token. */
export function bpeBytes(merges: readonly Merge[]): Uint8Array[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  for (const [left, right] of merges) {
    const first = bytes[left]!;
    const second = bytes[right]!;
    const joined = new Uint8Array(first.length + second.length);
    joined.set(first);
    joined.set(second, first.length);
    bytes.push(joined);
  }
  return bytes;
}
