/** Who carries out the newest attempt of a run on this machine. */
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { programSchema } from '../events/command-run';
import { identityFrom, lifeOf, type ProcessIdentity } from '../files/process-identity';
import { OUTPOST_FILES } from './layout';
import { newestStart, readWords, wordsFile } from './run-words';

/** Written by whoever starts an outpost, so that it is known before its first word. */
export const startNoteSchema = z.object({ attempt: z.int().min(1), ...programSchema.shape });
export type StartNote = z.infer<typeof startNoteSchema>;

interface Carrier {
  readonly attempt: number;
  readonly process: ProcessIdentity;
}

function noteIn(runFolder: string): Carrier | null {
  try {
    const note = startNoteSchema.parse(JSON.parse(readFileSync(path.join(runFolder, OUTPOST_FILES.started), 'utf8')));
    const process = identityFrom(note);
    return process === null ? null : { attempt: note.attempt, process };
  } catch {
    return null;
  }
}

function read(runFolder: string): Carrier | null {
  const word = newestStart(readWords(runFolder));
  const said = word === null ? null : identityFrom(word);
  const note = noteIn(runFolder);
  return word !== null && said !== null && word.attempt >= (note?.attempt ?? 0) ? { attempt: word.attempt, process: said } : note;
}

const known = new Map<string, { readonly stamp: string; readonly carrier: Carrier | null }>();

function stampOf(file: string): string {
  const info = statSync(file, { throwIfNoEntry: false });
  return info === undefined ? '' : `${info.size} ${info.mtimeMs} ${info.ino}`;
}

/** Null where none was started, or nothing is known of it. What is unchanged is not read again. */
export function carrierOf(runFolder: string): Carrier | null {
  const stamp = `${stampOf(wordsFile(runFolder))} ${stampOf(path.join(runFolder, OUTPOST_FILES.started))}`;
  const found = known.get(runFolder);
  if (found?.stamp === stamp) return found.carrier;
  const carrier = read(runFolder);
  known.set(runFolder, { stamp, carrier });
  return carrier;
}

export function isCarried(runFolder: string): boolean | null {
  const carrier = carrierOf(runFolder);
  if (carrier === null) return null;
  const life = lifeOf(carrier.process);
  return life === 'unknown' ? null : life === 'alive';
}

export function forget(runFolder: string): void {
  known.delete(runFolder);
}
