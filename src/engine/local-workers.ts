import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { localSpawn } from '../execution/local/local-spawn';
import type { Spawn } from '../execution/local/spawn';
import { packageRoot } from './package-info';

/** The built worker: beside the running program, unpacked from the archive in a packaged application. */
export function workerEntry(): string {
  const beside = join(dirname(fileURLToPath(import.meta.url)), 'worker.js');
  const entry = existsSync(beside) ? beside : join(packageRoot, 'out', 'worker.js');
  return entry.replace(/app\.asar([\\/])/u, 'app.asar.unpacked$1');
}

/** Workers as child processes of this one: how the command line trains. */
export function localWorkers(): Spawn {
  return localSpawn(workerEntry());
}
