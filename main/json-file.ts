/** A small file of the app's own: read with care, since a person or a crash may have changed it, and written whole. */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { z } from 'zod';
import { atomicWrite, temporaryName } from '../src/files/atomic-write';

/** What the file holds; `fallback` where there is none, or none of that shape. Small and needed before the window is made, so read in one go. */
export function readJsonFile<S extends z.ZodType>(file: string, schema: S, fallback: z.output<S>): z.output<S> {
  try {
    return schema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return fallback;
  }
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
