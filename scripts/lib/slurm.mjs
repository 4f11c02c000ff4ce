// A real Slurm for the tests of its executor. Tests that need it are skipped, and say so, where it cannot be had.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { say, SetupError, which } from './common.mjs';
import { install } from './system.mjs';

/** A program of each Debian package. */
const packages = { munge: 'munged', 'slurm-client': 'sbatch', slurmctld: 'slurmctld', slurmd: 'slurmd' };

const isThere = (program) => which(program) || ['/usr/sbin', '/sbin'].some((folder) => existsSync(join(folder, program)));

/** Installs munge and Slurm's client and daemons. Not having them fails nothing. */
export async function ensureSlurm() {
  if (process.platform !== 'linux') return;
  const missing = Object.keys(packages).filter((name) => !isThere(packages[name]));
  if (missing.length === 0) return;
  try {
    await install(missing, `The tests of the Slurm executor need ${missing.join(', ')}, which this machine lacks`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`[set-up]   ${error.message}`);
  }
}
