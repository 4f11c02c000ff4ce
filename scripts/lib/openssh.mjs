// A real OpenSSH server for the tests of executors elsewhere, and a clock that goes wrong. Tests that need them are
// skipped, and say so, where they cannot be had.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { say, SetupError, which } from './common.mjs';
import { install } from './system.mjs';

const isThere = (program) => which(program) || ['/usr/sbin', '/sbin'].some((folder) => existsSync(join(folder, program)));
const hasFaketime = () => ['x86_64', 'aarch64'].some((machine) => existsSync(`/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`));

/** Installs OpenSSH's server and client, and libfaketime. Not having them fails nothing. */
export async function ensureOpenssh() {
  if (process.platform !== 'linux') return;
  const missing = [...(isThere('sshd') ? [] : ['openssh-server']), ...(isThere('ssh-agent') ? [] : ['openssh-client']), ...(hasFaketime() ? [] : ['libfaketime'])];
  if (missing.length === 0) return;
  try {
    await install(missing, `The tests of the SSH executor need ${missing.join(', ')}, which this machine lacks`);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`[set-up]   ${error.message}`);
  }
}
