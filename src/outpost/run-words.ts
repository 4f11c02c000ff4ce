/** The file of an outpost's words: appended to by the outpost of the run alone, read by whoever asks. */
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import path from 'node:path';
import { OUTPOST_FILES } from './layout';
import { wordsOf, type OutpostWord, type StartedWord } from './words';

const NEWLINE = 10;

export function wordsFile(runFolder: string): string {
  return path.join(runFolder, OUTPOST_FILES.words);
}

export function readWords(runFolder: string): OutpostWord[] {
  try {
    return wordsOf(readFileSync(wordsFile(runFolder), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

export function newestStart(words: readonly OutpostWord[]): StartedWord | null {
  return words.findLast((word) => word.event === 'started') ?? null;
}

/** Appends durably. @throws the system's error, of a full disk for one; part of a line may be there then */
export function say(runFolder: string, word: OutpostWord): void {
  const file = openSync(wordsFile(runFolder), 'a+');
  try {
    const { size } = fstatSync(file);
    const last = Buffer.alloc(1);
    const isTorn = size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE;
    const line = Buffer.from(`${isTorn ? '\n' : ''}${JSON.stringify(word)}\n`);
    for (let written = 0; written < line.length; ) written += writeSync(file, line, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
