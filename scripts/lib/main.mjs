// How every script begins and ends.
import { say, SetupError } from './common.mjs';

/** Runs a script's body, which returns its exit code; a set-up step that failed ends with its one sentence and code 1. */
export async function main(body) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    say(`Reprise needs Node 20.19 or newer and this is Node ${process.versions.node}: install a newer Node and try again.`);
    process.exit(1);
  }
  try {
    process.exitCode = await body();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`\n${error.message}`);
    process.exitCode = 1;
  }
}
