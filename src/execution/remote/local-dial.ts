/** Starts an outpost on this machine: for a cluster whose login host it is. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { RepriseError } from '../../errors/errors';
import { placeFile, placeFolder } from './kit';
import type { Dial, Line } from './link';

/** What an outpost has of this process's variables, as if its user had logged in; Slurm's commands find their cluster by theirs. */
const PASSED_ON = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'SHELL', 'TMPDIR', 'SLURM_CONF'];
const LAST_WORDS = 2000;

/** The base folder as a path of this machine; `~` is the user's home. */
export function localFolder(folder: string): string {
  return path.resolve(homedir(), folder.replace(/^~(?=\/|$)/u, '.'));
}

/** @param folder the base folder, `~/` for the user's home */
export function localDial(kit: () => Promise<{ readonly folder: string; readonly hash: string }>, folder: string): Dial {
  return async (signal) => {
    const base = localFolder(folder);
    const { folder: source, hash } = await kit();
    const place = path.join(base, 'kit', hash);
    try {
      await mkdir(path.dirname(place), { recursive: true });
      await placeFolder(place, (aside) => copyFolder(source, aside));
    } catch (cause) {
      throw new RepriseError('MACHINE_SETUP_FAILED', `The programs of Reprise could not be set up in ${base}: ${cause instanceof Error ? cause.message : String(cause)}.`, { kind: 'system', hint: 'Make room there, or name another `folder` of the machine.', cause });
    }
    signal.throwIfAborted();
    return startIn(place, base);
  };
}

async function copyFolder(source: string, target: string): Promise<void> {
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    await placeFile(file, path.join(target, path.relative(source, file)), ((await stat(file)).mode & 0o111) !== 0);
  }
}

async function startIn(kit: string, base: string): Promise<Line> {
  const env = Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
  // A group of its own: a Ctrl-C is meant for this process.
  const child = spawn(path.join(kit, 'bin/node'), [path.join(kit, 'outpost.js'), 'serve', base], { cwd: base, env, stdio: 'pipe', detached: true });
  await once(child, 'spawn').catch((cause: Error) => {
    throw new RepriseError('MACHINE_SETUP_FAILED', `The programs of Reprise in ${kit} cannot be started: ${cause.message}.`, { kind: 'input', hint: 'They are for Linux on x86_64, and their folder must allow programs.', cause });
  });
  let words = '';
  child.stderr.on('data', (bytes: Buffer) => (words = `${words}${bytes.toString('utf8')}`.slice(-LAST_WORDS)));
  const closed = once(child, 'close').then(() => {
    const last = words.trim().split('\n').at(-1) ?? '';
    return last === '' ? 'the outpost there ended' : `the outpost there ended: ${last}`;
  });
  return { input: child.stdin, output: child.stdout, closed, close: () => void child.stdin.end() };
}
