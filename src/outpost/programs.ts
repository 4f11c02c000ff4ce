/** The programs that this one came with: all of them lie in its folder. */
import path from 'node:path';

// Of the program that was started: the bundler divides it into files in other folders.
const folder = path.dirname(path.resolve(process.argv[1] ?? ''));

export const programs = {
  outpost: path.join(folder, 'outpost.js'),
  worker: path.join(folder, 'worker.js'),
} as const;

/** By what is in them, as the folder they were sent to is called. */
export const kitName = path.basename(folder);
