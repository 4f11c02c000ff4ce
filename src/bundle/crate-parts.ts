/** Small parts of a crate's metadata that trainings and commands share. */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { BundleIndexRun } from './schemas';

export type CrateEntity = { readonly '@id': string; readonly '@type': string | readonly string[] } & Readonly<Record<string, unknown>>;

export interface Reference {
  readonly '@id': string;
}

/** ISO 8601 with `+00:00`: the profile's validator does not take `Z`. */
export function crateTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '+00:00');
}

export function ref(id: string): Reference {
  return { '@id': id };
}

/** Path in the crate, whose root is the bag's `data/`. */
export function crateId(path: string): string {
  return path.slice('data/'.length);
}

export type Scalar = string | number | boolean;

/** Leaves of a config as dotted paths; a list of scalars is one leaf. */
export function leaves(value: unknown, path = ''): [string, Scalar][] {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [[path, value]];
  if (Array.isArray(value)) return [[path, JSON.stringify(value)]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, entry]) => leaves(entry, path === '' ? key : `${path}.${key}`));
}

export function propertyValue(name: string, value: Scalar): CrateEntity {
  const id = bytesToHex(sha256(utf8ToBytes(JSON.stringify([name, value])))).slice(0, 12);
  return { '@id': `#${name}-${id}`, '@type': 'PropertyValue', name, value };
}

/** In the 1.1 context `actionStatus` is a plain string, and `error` goes with a failure only. */
export function statusOf(entry: BundleIndexRun): Readonly<Record<string, string>> {
  return entry.status === 'finished'
    ? { actionStatus: 'http://schema.org/CompletedActionStatus' }
    : { actionStatus: 'http://schema.org/FailedActionStatus', error: `The run ended as "${entry.status}".` };
}
