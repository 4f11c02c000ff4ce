/** The programs that this one came with: all of them lie in its folder. */
import { utimes } from 'node:fs';
import path from 'node:path';

// Of the program that was started: the bundler divides it into files in other folders.
const folder = path.dirname(path.resolve(process.argv[1] ?? ''));

export const programs = {
  outpost: path.join(folder, 'outpost.js'),
  worker: path.join(folder, 'worker.js'),
} as const;

/** By what is in them, as the folder they were sent to is called. */
export const kitName = path.basename(folder);

const AGAIN_MS = 6 * 3_600_000;

/** Notes on their folder that these programs are in use, as long as this process lives: nobody on another host sees it otherwise, and takes them for left over. */
export function keepInUse(): void {
  const note = (): void => {
    const now = new Date();
    // Of another user, or on a disk that cannot be written: they are not removed by this one either.
    utimes(folder, now, now, () => undefined);
  };
  note();
  setInterval(note, AGAIN_MS).unref();
}
