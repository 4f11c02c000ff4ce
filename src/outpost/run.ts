/** `outpost.js run RUN_FOLDER`: carries out one attempt of a run, and writes down how it began and ended. */
import { readFileSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { RepriseError, toErrorReport } from '../errors/errors';
import { ATTEMPT_FILES, attemptFolder, COMMAND_FILES, RUN_VARIABLE } from '../events/command-files';
import { commandExitSchema } from '../events/command-run';
import { forgetWorker, noteWorker } from '../execution/host-log';
import type { WorkerExit } from '../execution/local/spawn';
import { ownIdentity } from '../files/process-identity';
import { whenThereIsRoom } from '../files/when-there-is-room';
import { cpuFlags } from '../provenance/cpu';
import { processorRuntime } from '../provenance/runtime';
import { OUTPOST_FILES, outpostOrderSchema, type OutpostOrder } from './layout';
import { kitName } from './programs';
import { begin, makeWay } from './run-begin';
import { memoryKills } from './run-memory';
import { readWords, say } from './run-words';
import type { EndedWord, OutpostWord, StartedWord } from './words';

/** A signal for all processes of a job may end the worker before it is heard of here. */
const SIGNAL_MS = 300;
/** How long the disk may be full before the end of the attempt remains unsaid. */
const ROOM_MS = 600_000;
/** The same after it was told to end: a cluster kills what has not ended after 30 s. */
const ROOM_WHEN_STOPPED_MS = 10_000;
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
/** Of a shell: 128 and the number of SIGTERM. */
const STOPPED = 143;

/**
 * Never rejects for what is wrong with the run: that is written down as its end.
 * @returns exit code, for whoever waits for a job to have done well: that of the training or of the program, 1 where it
 * could not begin, 143 where it was told to end
 */
export async function carryOut(folder: string): Promise<number> {
  const runFolder = path.resolve(folder);
  const stop = new AbortController();
  for (const signal of STOP_SIGNALS) process.on(signal, () => stop.abort());
  // What carries it is ended with the program of the run, and this process is to outlive it.
  delete process.env[RUN_VARIABLE];

  const words = readWords(runFolder);
  const order = orderIn(runFolder);
  const attempt = attemptAfter(words, order);
  const before = memoryKills();
  const write = (word: OutpostWord): Promise<void> => {
    const since = performance.now();
    return whenThereIsRoom(() => say(runFolder, word), () => performance.now() - since < (stop.signal.aborted ? ROOM_WHEN_STOPPED_MS : ROOM_MS));
  };
  await write({ event: 'started', attempt, time: Date.now(), ...self() });

  let exit: WorkerExit = { exitCode: null, signal: null };
  let problem: EndedWord['problem'] = null;
  try {
    if (order instanceof RepriseError) throw order;
    exit = await attend({ runFolder, attempt, order }, stop.signal);
  } catch (error) {
    const { code, message, hint } = toErrorReport(error);
    problem = { code, message: hint === undefined ? message : `${message} ${hint}` };
  }
  const didWell = problem === null && exit.exitCode === 0;
  if (!didWell && !stop.signal.aborted) await sleep(SIGNAL_MS);
  const code = problem === null ? exitCodeOf(runFolder, attempt, order, exit) : 1;
  const wasStopped = stop.signal.aborted && !(didWell && code === 0);
  const outOfMemory = code !== 0 && before !== null && (memoryKills() ?? before) > before;
  await write({ event: 'ended', attempt, time: Date.now(), ...exit, outOfMemory, wasStopped, problem });
  if (wasStopped) return STOPPED;
  rmSync(path.join(runFolder, OUTPOST_FILES.order), { force: true });
  return code;
}

/** Starts the worker and waits for its end, or ends it when it is to. */
async function attend({ runFolder, attempt, order }: { readonly runFolder: string; readonly attempt: number; readonly order: OutpostOrder }, stop: AbortSignal): Promise<WorkerExit> {
  const nobody: WorkerExit = { exitCode: null, signal: null };
  await makeWay(runFolder);
  if (stop.aborted) return nobody;
  const worker = await begin({ base: path.resolve(runFolder, '../..'), runFolder, attempt, order });
  noteWorker(runFolder, worker.pid);
  const kill = (): void => worker.kill();
  if (stop.aborted) kill();
  else stop.addEventListener('abort', kill, { once: true });
  const exit = await worker.exit;
  forgetWorker(runFolder);
  rmSync(path.join(runFolder, COMMAND_FILES.launch), { force: true });
  return exit;
}

/** The order, or why there is none. */
function orderIn(runFolder: string): OutpostOrder | RepriseError {
  const file = path.join(runFolder, OUTPOST_FILES.order);
  try {
    return outpostOrderSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    return new RepriseError(isMissing ? 'ORDER_MISSING' : 'ORDER_INVALID', `${file} ${isMissing ? 'is not there, so nobody says what to do' : 'is not an order that this version of Reprise understands'}.`, { kind: 'system', hint: 'Start the run again.', cause });
  }
}

/** The attempt of the order; the next one where that was carried out before. */
function attemptAfter(words: readonly OutpostWord[], order: OutpostOrder | RepriseError): number {
  const last = words.reduce((most, { attempt }) => Math.max(most, attempt), 0);
  return order instanceof RepriseError || order.attempt <= last ? last + 1 : order.attempt;
}

function self(): Omit<StartedWord, 'event' | 'attempt' | 'time'> {
  const { host = 'unknown', ...identity } = ownIdentity();
  const { platform, arch, cpuFlags: flags } = processorRuntime({ onnxruntime: '', platform: process.platform, arch: process.arch, cpu: { model: cpus()[0]?.model ?? 'unknown', flags: cpuFlags() } }, 1);
  return { host, ...identity, programs: kitName, runtime: { platform, arch, cpuFlags: [...flags] } };
}

/** Of a command's program rather than of its supervisor, which does well when it could write down how that ended. */
function exitCodeOf(runFolder: string, attempt: number, order: OutpostOrder | RepriseError, exit: WorkerExit): number {
  if (exit.exitCode !== 0) return exit.exitCode ?? 1;
  if (order instanceof RepriseError || order.work.kind === 'training') return 0;
  try {
    const written = commandExitSchema.parse(JSON.parse(readFileSync(path.join(attemptFolder(runFolder, attempt), ATTEMPT_FILES.exit), 'utf8')));
    return written.reason === 'ended' ? (written.exitCode ?? 1) : 1;
  } catch {
    return 1;
  }
}
