/** W&B's values: JSON under paths of keys, in which Python's NaN and Infinity may stand. */
import { parsePythonJson } from '../python-json';
import type { Buckets } from '../tail/histogram';
import type { Item } from './proto/record_pb';

/** @returns undefined where the text is no JSON */
export function parseValue(text: string): unknown {
  // Python's integers have no bounds; what a double cannot hold stays exact.
  if (/^-?\d{16,}$/u.test(text)) return BigInt(text);
  try {
    return parsePythonJson(text);
  } catch {
    return undefined;
  }
}

export type Tree = Map<string, unknown>;

export const pathOf = ({ key, nestedKey }: Item): readonly string[] => (nestedKey.length > 0 ? nestedKey : [key]);

/** Objects as trees, so that their parts can be set one by one. */
function asTree(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return new Map(Object.entries(value).map(([key, part]) => [key, asTree(part)]));
}

/** Sets what an item says at its path. */
export function setItem(tree: Tree, item: Item): void {
  const value = parseValue(item.valueJson);
  const path = pathOf(item);
  const last = path.at(-1);
  if (value === undefined || last === undefined) return;
  let at = tree;
  for (const part of path.slice(0, -1)) {
    const next = at.get(part);
    if (next instanceof Map) at = next as Tree;
    else {
      const made: Tree = new Map();
      at.set(part, made);
      at = made;
    }
  }
  at.set(last, asTree(value));
}

export function removeItem(tree: Tree, item: Item): void {
  let at: unknown = tree;
  const path = pathOf(item);
  for (const part of path.slice(0, -1)) at = at instanceof Map ? at.get(part) : undefined;
  if (at instanceof Map) at.delete(path.at(-1));
}

export interface Leaf {
  /** Keys joined by `.`. */
  readonly name: string;
  readonly value: unknown;
}

/** W&B's own entries, which tell of the step. */
const OWN: ReadonlySet<string> = new Set(['_step', '_runtime', '_timestamp', '_wandb']);

/** All that is no plain object, by name; pictures, tables and the like (objects with `_type`) are one leaf each. */
export function* leavesOf(tree: Tree, above = ''): Generator<Leaf> {
  for (const [key, value] of tree) {
    if (above === '' && OWN.has(key)) continue;
    const name = above === '' ? key : `${above}.${key}`;
    if (value instanceof Map && !value.has('_type') && value.size > 0) yield* leavesOf(value as Tree, name);
    else yield { name, value };
  }
}

/** The number that a chart shows for a value; truth counts as 1. Null for what is no number. */
export function numberOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  return typeof value === 'boolean' || typeof value === 'bigint' ? Number(value) : null;
}

function asPlain(value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries([...value].map(([key, part]) => [key, asPlain(part)])) : value;
}

/** A parameter's or a tag's text: texts as they are, numbers as Python writes what is not finite, all else as JSON. */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  return JSON.stringify(asPlain(value));
}

const numbersIn = (value: unknown): number[] | null => (Array.isArray(value) && value.every((one) => typeof one === 'number') ? value : null);

/** The buckets of a `wandb.Histogram`; null for any other value. */
export function bucketsOf(value: unknown): Buckets | null {
  if (!(value instanceof Map) || value.get('_type') !== 'histogram') return null;
  const counts = numbersIn(value.get('values'));
  const packed: unknown = value.get('packedBins');
  let edges = numbersIn(value.get('bins'));
  if (edges === null && packed instanceof Map) {
    const [min, size, count] = ['min', 'size', 'count'].map((name) => Number(packed.get(name))) as [number, number, number];
    edges = Array.from({ length: Math.min(count, 100_000) + 1 }, (_, index) => min + index * size);
  }
  if (counts === null || edges === null || edges.length !== counts.length + 1) return null;
  return { left: edges.slice(0, -1), right: edges.slice(1), counts };
}
