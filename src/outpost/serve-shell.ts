/** Programs that are run on this machine for a host. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { RepriseError } from '../errors/errors';
import { MOST_BODY, type Input, type Output } from './protocol';

/** Of what a program prints, this much is answered of each stream. */
const MOST_PRINTED = MOST_BODY / 2;

/**
 * Program and arguments that come after the lines of a prologue in a login shell, which knows what a person's own does
 * (`module`, conda). A line that fails ends it. Without lines the program alone.
 */
export function afterPrologue(prologue: readonly string[], argv: readonly string[]): readonly string[] {
  if (prologue.length === 0) return argv;
  const shell = ['/bin/bash', '/usr/bin/bash', '/usr/local/bin/bash'].find((file) => existsSync(file)) ?? '/bin/sh';
  return [shell, '-l', '-c', ['set -e', ...prologue, 'exec "$@"'].join('\n'), shell, ...argv];
}

/** What a program printed, up to a limit; the rest is read and dropped. */
class Printed {
  readonly #pieces: Buffer[] = [];
  #bytes = 0;

  push(piece: Buffer): void {
    const kept = piece.subarray(0, MOST_PRINTED - this.#bytes);
    this.#pieces.push(kept);
    this.#bytes += kept.length;
  }

  whole(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

export interface Executed {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/**
 * Runs a program to its end, or to the end of its time: then it is killed with all that it started.
 * @throws RepriseError PROGRAM_NOT_STARTED
 */
export function execute({ argv, env, cwd, timeoutMs }: Input<'exec'>, stdin: Uint8Array): Promise<Executed> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, ...(cwd === undefined ? {} : { cwd }), stdio: 'pipe', detached: true });
    const [stdout, stderr] = [new Printed(), new Printed()];
    child.stdout.on('data', (piece: Buffer) => stdout.push(piece));
    child.stderr.on('data', (piece: Buffer) => stderr.push(piece));
    // One that does not read its input is no error.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
    const timer = setTimeout(() => endGroup(child), timeoutMs);
    child.once('error', (cause) => {
      clearTimeout(timer);
      reject(new RepriseError('PROGRAM_NOT_STARTED', `${program} could not be started: ${cause.message}.`, { kind: 'input', cause }));
    });
    child.once('close', (exitCode, signal) => {
      clearTimeout(timer);
      resolve({ exitCode, signal, stdout: stdout.whole(), stderr: stderr.whole() });
    });
  });
}

function endGroup({ pid, stdout, stderr }: ChildProcessWithoutNullStreams): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone meanwhile.
  }
  // What left the group may hold them open.
  stdout.destroy();
  stderr.destroy();
}

export async function exec(input: Input<'exec'>, stdin: Uint8Array): Promise<{ readonly value: Output<'exec'>; readonly body: Buffer }> {
  const { exitCode, signal, stdout, stderr } = await execute(input, stdin);
  return { value: { exitCode, signal, stdoutBytes: stdout.length }, body: Buffer.concat([stdout, stderr]) };
}
