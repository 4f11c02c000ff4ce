// A real Docker Engine for the tests of its executor, a registry, and a program of one file that images are made of.
// Tests that need them are skipped, and say so, where they cannot be had.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { say, SetupError, which } from './common.mjs';
import { install } from './system.mjs';

/** A program of each Debian package. */
const packages = { 'docker.io': 'dockerd', 'docker-registry': 'docker-registry', 'busybox-static': 'busybox', openssl: 'openssl' };

const isThere = (program) => which(program) || ['/usr/sbin', '/sbin'].some((folder) => existsSync(join(folder, program)));

/** Installs the engine, a registry and busybox. Only root can start an engine of its own; not having it fails nothing. */
export async function ensureDocker() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return;
  const missing = Object.keys(packages).filter((name) => !isThere(packages[name]));
  if (missing.length === 0) return;
  try {
    await install(missing, `The tests of the Docker executor need ${missing.join(', ')}, which this machine lacks`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`[set-up]   ${error.message}`);
  }
}
