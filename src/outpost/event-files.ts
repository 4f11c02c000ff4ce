/** TensorBoard's files in the working copy of a command: those that are part of its code tell of other runs. */
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { COMMAND_FILES } from '../events/command-files';
import { atomicWrite } from '../files/atomic-write';
import { isEventFile } from '../ingest/tensorboard/run-folders';
import { OUTPOST_FILES } from './layout';

const notedSchema = z.array(z.string());

/** Ordinary files below a folder, for each name that is wanted; links are not followed. */
export function* filesIn(folder: string, prefix: string, isWanted: (name: string) => boolean): Generator<string> {
  let entries;
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch {
    // Gone while it was looked at, or not to be read.
    return;
  }
  for (const entry of entries) {
    if (entry.isDirectory()) yield* filesIn(path.join(folder, entry.name), `${prefix}${entry.name}/`, isWanted);
    else if (entry.isFile() && isWanted(entry.name)) yield prefix + entry.name;
  }
}

/** Of all in the working copy, from the run's folder. */
function eventFiles(runFolder: string): string[] {
  return [...filesIn(path.join(runFolder, COMMAND_FILES.work), `${COMMAND_FILES.work}/`, isEventFile)];
}

/** Before the working copy is made anew. */
export async function forgetEventFiles(runFolder: string): Promise<void> {
  await rm(path.join(runFolder, OUTPOST_FILES.passedOver), { force: true });
}

/** Notes those that are there before the program starts. */
export async function passOverEventFiles(runFolder: string): Promise<void> {
  await atomicWrite(path.join(runFolder, OUTPOST_FILES.passedOver), JSON.stringify(eventFiles(runFolder)));
}

/** Those that the program made; none until it is known which ones were there before. */
export function newEventFiles(runFolder: string): string[] {
  try {
    const before = new Set(notedSchema.parse(JSON.parse(readFileSync(path.join(runFolder, OUTPOST_FILES.passedOver), 'utf8'))));
    return eventFiles(runFolder).filter((name) => !before.has(name));
  } catch {
    return [];
  }
}
