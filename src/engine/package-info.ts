import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

declare const __REPRISE_VERSION__: string | undefined;

/** The folder that holds Reprise's package.json; found from this file upwards, so that source, build and package agree. */
function findPackageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const file = join(folder, 'package.json');
    if (existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { name?: string }).name === 'reprise') return folder;
    const parent = dirname(folder);
    if (parent === folder) throw new Error('Reprise cannot find its own package.json');
    folder = parent;
  }
}

export const packageRoot = findPackageRoot();

export const repriseVersion =
  typeof __REPRISE_VERSION__ === 'string'
    ? __REPRISE_VERSION__
    : (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version;
