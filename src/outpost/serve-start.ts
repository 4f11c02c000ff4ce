/** Starts and ends what carries out a run. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { RepriseError } from '../errors/errors';
import { RUN_VARIABLE } from '../events/command-files';
import { RUN_FILES } from '../events/manifest';
import { identityOf, lifeOf } from '../files/process-identity';
import { endProcesses } from '../files/process-tree';
import { OUTPOST_FILES, outpostOrderSchema, runFolderThere } from './layout';
import { programs } from './programs';
import type { Input, Output } from './protocol';
import { readWords } from './run-words';
import { carrierOf, type StartNote } from './serve-life';
import { afterPrologue } from './serve-shell';

/** The process that carries out the attempt already, or did; null where none was started, or it was gone before its first word. */
function startedFor(runFolder: string, attempt: number): number | null {
  const carrier = carrierOf(runFolder);
  if (carrier !== null && carrier.attempt >= attempt && lifeOf(carrier.process) !== 'dead') return carrier.process.pid;
  const word = readWords(runFolder).find((said) => said.event === 'started' && said.attempt >= attempt);
  return word?.event === 'started' ? word.pid : null;
}

/** @throws RepriseError ORDER_MISSING, OUTPOST_NOT_STARTED */
export async function start(base: string, { runId, prologue }: Input<'start'>): Promise<Output<'start'>> {
  const runFolder = runFolderThere(base, runId);
  const attempt = attemptIn(runFolder);
  const known = attempt === null ? (carrierOf(runFolder)?.process.pid ?? null) : startedFor(runFolder, attempt);
  if (known !== null) return { pid: known };
  if (attempt === null) throw new RepriseError('ORDER_MISSING', `Run ${runId} has no order there that this version of Reprise understands.`, { kind: 'system', hint: 'Start the run again.' });
  const log = openSync(path.join(runFolder, OUTPOST_FILES.log), 'a');
  const [shell = '', ...args] = afterPrologue(prologue, [process.execPath, programs.outpost, 'run', runFolder]);
  try {
    const { [RUN_VARIABLE]: _, ...env } = process.env;
    // The leader of a session of its own: it outlives this process and its connection.
    const child = spawn(shell, args, { cwd: runFolder, env, stdio: ['ignore', log, log], detached: true });
    if (child.pid === undefined) await once(child, 'spawn');
    const { pid = 0 } = child;
    const note: StartNote = { attempt, ...(identityOf(pid) ?? { pid, startTime: 'gone' }) };
    // At once: nothing may come between that would let it be started again.
    writeFileSync(path.join(runFolder, OUTPOST_FILES.started), JSON.stringify(note));
    child.unref();
    return { pid };
  } catch (cause) {
    throw new RepriseError('OUTPOST_NOT_STARTED', `Run ${runId} could not be started there: ${cause instanceof Error ? cause.message : String(cause)}`, { kind: 'system', cause });
  } finally {
    closeSync(log);
  }
}

function attemptIn(runFolder: string): number | null {
  try {
    return outpostOrderSchema.parse(JSON.parse(readFileSync(path.join(runFolder, OUTPOST_FILES.order), 'utf8'))).attempt;
  } catch {
    return null;
  }
}

/** What is over already needs no end. @throws RepriseError OUTPOST_ELSEWHERE */
export async function end(base: string, { runId, how }: Input<'end'>): Promise<void> {
  const runFolder = runFolderThere(base, runId);
  if (how === 'cancel') {
    await writeFile(path.join(runFolder, RUN_FILES.cancel), '').catch((error: NodeJS.ErrnoException) => {
      // Nothing is carried out where there is no folder.
      if (error.code !== 'ENOENT') throw error;
    });
    return;
  }
  const process = carrierOf(runFolder)?.process ?? null;
  const life = process === null ? 'dead' : lifeOf(process);
  if (life === 'unknown') throw new RepriseError('OUTPOST_ELSEWHERE', `What carries out run ${runId} is on ${process?.host ?? 'another machine'}, and cannot be ended from here.`, { kind: 'system', hint: 'Cancel its job.' });
  const leader = life === 'alive' && process !== null ? process.pid : null;
  if (how === 'kill') await endProcesses(leader, { name: RUN_VARIABLE, value: runId }, 0);
  else if (leader !== null) askToEnd(leader);
}

function askToEnd(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
