/** A small file of the app's own: read with care, since a person or a crash may have changed it, and written whole. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { atomicWrite, temporaryName } from '../src/files/atomic-write';

/** What the file holds; `fallback` where there is none, or none of that shape. Small and needed before the window is made, so read in one go. */
export function readJsonFile<T>(file: string, isOne: (value: unknown) => value is T, fallback: T): T {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return isOne(value) ? value : fallback;
  } catch {
    return fallback;
  }
}

/** Whether a value is an object of exactly these fields, each as its check wants it. By hand: a schema library would be loaded before the window. */
export function hasShape<T extends object>(value: unknown, checks: { readonly [K in keyof T]-?: (field: unknown) => boolean }): value is T {
  if (typeof value !== 'object' || value === null) return false;
  const fields = value as Readonly<Record<string, unknown>>;
  const wanted = Object.entries<(field: unknown) => boolean>(checks);
  return Object.keys(fields).length === wanted.length && wanted.every(([name, isRight]) => isRight(fields[name]));
}

/** Writes atomically; makes the folder. */
export async function writeJsonFile(file: string, value: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await atomicWrite(file, textOf(value));
}

/** The same in one go, for what is kept while the app ends. */
export function writeJsonFileNow(file: string, value: unknown): void {
  const temporary = temporaryName(file);
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(temporary, textOf(value), { flag: 'wx' });
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

const textOf = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
