// The set-up as a library: what a script needs on this machine, done once and skipped quickly afterwards.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { ensureBuild } from './lib/bundle.mjs';
import { childEnvironment, nodeBinary, root, say, seconds } from './lib/common.mjs';
import { ensureElectron } from './lib/electron.mjs';
import { ensurePackages } from './lib/packages.mjs';
import { ensureSqlite } from './lib/sqlite.mjs';
import { ensureElectronLibraries } from './lib/system.mjs';

/** Does a whole set-up and says how long it took. */
export async function timed(action) {
  const start = performance.now();
  const result = await action();
  say(`Set-up took ${seconds(performance.now() - start)}`);
  return result;
}

/** Packages and build, and SQLite where this Node cannot load the prebuilt one. @returns the environment for children */
export async function ensureCommandLine() {
  await ensurePackages();
  await ensureBuild();
  return childEnvironment(await ensureSqlite());
}

/**
 * Electron with all it needs here, and SQLite for it. Packages and build are the caller's.
 * @param {{display: boolean}} options display: it will be shown on a real display
 */
export async function ensureWindow({ display }) {
  const electron = await ensureElectron();
  await ensureElectronLibraries(electron.executable, { display });
  const sqlite = await ensureSqlite({ electron: electron.napi9 });
  return { electron, env: { ...electron.env, ...sqlite } };
}

/** True where a window can be shown. */
export const hasDisplay = () => process.platform !== 'linux' || Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);

/** The folder the user was in: npm changes to the package's root before it runs a script. */
export const userFolder = () => {
  const folder = process.env.INIT_CWD;
  return folder && existsSync(folder) ? folder : process.cwd();
};

/**
 * Runs out/cli.js with the given arguments in the user's folder, standard streams shared.
 * @returns {Promise<number>} its exit code; 128 + the signal's number where a signal ended it
 */
export function runCommandLine(args, env) {
  const node = nodeBinary();
  const script = join(root, 'out', 'cli.js');
  const cwd = userFolder();
  if (typeof process.execve === 'function' && process.platform !== 'win32') {
    // This process becomes the command: signals and exit code are its own. Calling an experimental API would print a
    // warning into the command's stderr.
    process.emitWarning = () => {};
    process.chdir(cwd);
    process.execve(node, [node, script, ...args], env);
  }
  return runAttached(node, [script, ...args], { cwd, env });
}

/**
 * Runs a program with shared standard streams; signals are passed on. `quiet`: what it prints goes to stderr.
 * @returns its exit code, as `runCommandLine`
 */
export function runAttached(program, args, options, { quiet = false } = {}) {
  return new Promise((settle) => {
    const child = spawn(program, args, { ...options, stdio: ['inherit', quiet ? 2 : 'inherit', 'inherit'] });
    // A terminal sends ^C to the child as well; elsewhere it is passed on. Either way the child decides what it means.
    process.on('SIGINT', () => {
      if (!process.stdin.isTTY) child.kill('SIGINT');
    });
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
    child.on('error', (error) => {
      say(`${program} cannot be started: ${error.message}`);
      settle(127);
    });
    child.on('close', (code, signal) => settle(code ?? 128 + (constants.signals[signal] ?? 0)));
  });
}
