/**
 * The supervisor of a command: `worker.js RUN_FOLDER`. Starts the program, keeps its output, ends it and all it started
 * when it has to, and writes down how it ended. It writes its run folder and nothing else; the log is the host's.
 * Exit codes: 0 how the command ended is written down, 1 it could not be.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ATTEMPT_FILES, attemptFolder, COMMAND_FILES, RUN_VARIABLE } from '../events/command-files';
import { argumentsOf, launchSchema, type CommandExit, type Launch } from '../events/command-run';
import { RUN_FILES } from '../events/manifest';
import { atomicWrite } from '../files/atomic-write';
import { identityOf } from '../files/process-identity';
import { endProcesses, processesOf } from '../files/process-tree';
import { whenThereIsRoom } from '../files/when-there-is-room';
import { OutputKeeper } from '../provenance/command-output';
import { placeWarden } from './command-warden';

const LOOK_MS = 100;
/** How long output may still come after the program has ended, while what it left behind holds the pipes. */
const DRAIN_MS = 1000;
/** What a program left behind may have something to finish: so long it is let be, then it is asked to end, then made to. */
const LEFT_BEHIND_MS = 2000;
const LEFT_BEHIND_GRACE_MS = 1000;

type Reason = CommandExit['reason'];

/** The person's own environment with what the host says; nothing of Electron's, whose programs would start as Node. */
function environmentOf(launch: Launch): NodeJS.ProcessEnv {
  const { ELECTRON_RUN_AS_NODE: _electron, ...own } = process.env;
  const all = Object.entries({ ...own, ...launch.env, [RUN_VARIABLE]: launch.runId });
  return Object.fromEntries(all.filter(([, value]) => value !== null)) as NodeJS.ProcessEnv;
}

interface Ended {
  readonly exitCode: number | null;
  readonly signal: string | null;
}

/** Waits for the program, and ends it where its time is over or nobody wants it any more. */
class Supervision {
  readonly #launch: Launch;
  readonly #runFolder: string;
  readonly #parentGone: () => boolean;
  readonly #startedAt = Date.now();
  /** Of a clock that nobody sets back. */
  readonly #since = performance.now();
  #stopRequested = false;

  constructor(launch: Launch, runFolder: string, parentGone: () => boolean) {
    this.#launch = launch;
    this.#runFolder = runFolder;
    this.#parentGone = parentGone;
    process.on('SIGTERM', () => {
      this.#stopRequested = true;
    });
  }

  get #mark() {
    return { name: RUN_VARIABLE, value: this.#launch.runId };
  }

  async run(): Promise<CommandExit> {
    const folder = attemptFolder(this.#runFolder, this.#launch.attempt);
    const [program = '', ...args] = argumentsOf(this.#launch.command);
    const { env, secrets = [], outputLimit } = this.#launch;
    const output = new OutputKeeper(path.join(folder, ATTEMPT_FILES.output), outputLimit, 0, secrets.map((name) => env[name] ?? ''));
    const child = spawn(program, args, {
      cwd: this.#launch.cwd,
      env: environmentOf(this.#launch),
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that all of it can be ended together.
      detached: process.platform !== 'win32',
      windowsHide: true,
      // cmd reads quotes in its own way.
      windowsVerbatimArguments: !Array.isArray(this.#launch.command) && this.#launch.command.shell === 'cmd',
    });
    child.stdout?.on('data', (bytes: Buffer) => output.push('stdout', bytes));
    child.stderr?.on('data', (bytes: Buffer) => output.push('stderr', bytes));
    let dismiss = (): void => undefined;
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    try {
      const failed = await startProblem(child);
      if (failed !== null) return this.#exit(failed.code === 'ENOENT' ? 'not-found' : 'not-started', { exitCode: null, signal: null }, { message: failed.message, leftBehind: 0, output });
      const { pid } = child;
      if (pid !== undefined) writeFileSync(path.join(folder, ATTEMPT_FILES.program), JSON.stringify(identityOf(pid) ?? { pid, startTime: 'unknown' }));
      dismiss = pid === undefined ? dismiss : placeWarden(pid, this.#mark, this.#launch.graceMs);
      const { reason, ended } = await this.#watch(child);
      const leftBehind = reason === 'ended' ? await this.#endLeftovers(pid ?? null) : 0;
      await Promise.race([closed, sleep(DRAIN_MS)]);
      output.end();
      return this.#exit(reason, ended, { message: await this.#outputProblem(output), leftBehind, output });
    } finally {
      dismiss();
      child.stdout?.destroy();
      child.stderr?.destroy();
      output.close();
    }
  }

  /** Whether anybody still waits for how the command ended. */
  isWanted(): boolean {
    const reason = this.#whyEnd();
    return reason === null || reason === 'time-limit';
  }

  /** Waits for room where the disk is full: what was printed may tell of metrics. */
  async #outputProblem(output: OutputKeeper): Promise<string | null> {
    try {
      await whenThereIsRoom(() => output.flush(), () => this.isWanted());
      return null;
    } catch (error) {
      return `Not all that it printed could be kept: ${error instanceof Error ? error.message : String(error)}.`;
    }
  }

  #exit(reason: Reason, ended: Ended, more: { readonly message: string | null; readonly leftBehind: number; readonly output: OutputKeeper }): CommandExit {
    return { reason, ...ended, startedAt: this.#startedAt, endedAt: Math.max(this.#startedAt, Date.now()), message: more.message, leftBehind: more.leftBehind, droppedLines: more.output.dropped };
  }

  async #watch(child: ChildProcess): Promise<{ readonly reason: Reason; readonly ended: Ended }> {
    const exit = new Promise<Ended>((resolve) => child.once('exit', (exitCode, signal) => resolve({ exitCode, signal })));
    for (;;) {
      const ended = await Promise.race([exit, sleep(LOOK_MS, null)]);
      if (ended !== null) return { reason: 'ended', ended };
      const reason = this.#whyEnd();
      if (reason === null) continue;
      await endProcesses(child.pid ?? null, this.#mark, this.#launch.graceMs);
      return { reason, ended: await Promise.race([exit, sleep(DRAIN_MS, { exitCode: null, signal: 'SIGKILL' })]) };
    }
  }

  /** @returns how many processes had to be ended */
  async #endLeftovers(leader: number | null): Promise<number> {
    const until = performance.now() + LEFT_BEHIND_MS;
    while (processesOf(leader, this.#mark).length > 0 && performance.now() < until && this.#whyEnd() === null) await sleep(LOOK_MS);
    return endProcesses(leader, this.#mark, LEFT_BEHIND_GRACE_MS);
  }

  /** Why the program must end now, or null. */
  #whyEnd(): Reason | null {
    if (existsSync(path.join(this.#runFolder, RUN_FILES.cancel))) return 'cancelled';
    // Without its folder nobody can say any more that it is to end.
    if (this.#stopRequested || this.#parentGone() || !existsSync(this.#runFolder) || existsSync(path.join(this.#runFolder, COMMAND_FILES.stop))) return 'stopped';
    const { timeLimitMs } = this.#launch;
    return timeLimitMs !== null && performance.now() - this.#since >= timeLimitMs ? 'time-limit' : null;
  }
}

/** Why a program could not be started, or null once it runs. */
function startProblem(child: ChildProcess): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    child.once('spawn', () => resolve(null));
    child.once('error', resolve);
  });
}

/** @returns the exit code of the supervisor */
export async function superviseCommand(runFolder: string, parentGone: () => boolean): Promise<number> {
  try {
    const file = path.join(runFolder, COMMAND_FILES.launch);
    const launch = launchSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    rmSync(file);
    const folder = attemptFolder(runFolder, launch.attempt);
    mkdirSync(folder, { recursive: true });
    const supervision = new Supervision(launch, runFolder, parentGone);
    const exit = await supervision.run();
    await whenThereIsRoom(() => atomicWrite(path.join(folder, ATTEMPT_FILES.exit), `${JSON.stringify(exit)}\n`), () => supervision.isWanted());
    return 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return 1;
  }
}
