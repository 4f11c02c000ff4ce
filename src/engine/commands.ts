/** Carries out command runs: what the queue asks for before, while and after a supervisor is at work. */
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fillTask, SEED_VARIABLE, type FilledTask } from '../config/task';
import { RepriseError } from '../errors/errors';
import { ATTEMPT_FILES, attemptFolder, COMMAND_FILES, RUN_VARIABLE } from '../events/command-files';
import { commandExitSchema, outputLineSchema, type CommandExit, type Launch } from '../events/command-run';
import { RUN_FILES, type CommandManifest } from '../events/manifest';
import { eachRecord } from '../events/reader';
import type { EventBody } from '../events/records';
import type { CommandEnd, CommandPlace, CommandRunner } from '../execution/commands';
import type { CommandOrder } from '../execution/executor';
import { COMMAND_GRACE_MS } from '../execution/local/end-supervisor';
import { atomicWriteWith } from '../files/atomic-write';
import { identityFrom, isAlive } from '../files/process-identity';
import { endProcesses } from '../files/process-tree';
import type { WorkingCopy } from '../provenance/working-copy';
import type { Store } from '../store/types';
import { codeOf, inputPath, makeOwnCopy, readOrigin, refuseChangedInputs, workingCopyOf, type CommandOrigin } from './commands-copy';
import { keepOutputs, outputsElsewhere } from './commands-outputs';
import { pinnedVariables, recordedWhole } from './commands-variables';
import { CommandFollower, programOf } from './follow-command';

/** Bytes of a command's output that are kept. */
const OUTPUT_LIMIT = 64 * 2 ** 20;
/** Of a failed command, this much of its last words is in the message. */
const LAST_LINES = 10;
const LAST_CHARACTERS = 2000;
/** Metrics that are named where the declared one is not among them. */
const METRICS_NAMED = 10;

export interface CommandsOptions {
  readonly store: Store;
  /** Address of the tracking server for the program of a run; null where there is none. */
  readonly tracking: ((runId: string) => Promise<{ readonly uri: string; readonly token: string }>) | null;
}

export class Commands implements CommandRunner {
  readonly #store: Store;
  readonly #tracking: CommandsOptions['tracking'];
  readonly #followers = new Map<string, CommandFollower>();
  /** Milliseconds by which the clock is ahead where a run is carried out. */
  readonly #ahead = new Map<string, number>();
  /** Records that are read and not in the log yet. */
  readonly #untold = new Map<string, readonly EventBody[]>();

  constructor({ store, tracking }: CommandsOptions) {
    this.#store = store;
    this.#tracking = tracking;
  }

  async prepare(runId: string, attempt: number, { kind, copies, environment }: CommandPlace): Promise<{ readonly order: CommandOrder; readonly records: EventBody[] }> {
    const manifest = this.#manifest(runId);
    const runFolder = this.#store.runFolder(runId);
    const task = fillTask(manifest.config);
    await rm(path.join(runFolder, COMMAND_FILES.stop), { force: true });
    const own = await readOrigin(runFolder);
    await refuseChangedInputs(this.#store.workspace, manifest, own);
    // Variables of this machine's processes are not those of another place: it gets all that were recorded.
    const pinned = kind === 'local' ? pinnedVariables(manifest) : { env: recordedWhole(manifest), lost: [] };
    const copy = copies === 'here' ? await makeOwnCopy(this.#store.workspace, runFolder, manifest, task) : null;
    const folder = attemptFolder(runFolder, attempt);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    const order: CommandOrder = {
      command: kind === 'local' && copy !== null ? programIn(task.command, path.join(copy.folder, task.cwd), own.folder === null ? null : path.resolve(own.folder, task.cwd)) : (task.command as Launch['command']),
      inputs: placesOf(own, task.inputs.map(({ path: name }) => name)),
      parameterFile: task.parameterFile,
      cwd: path.posix.join(codeOf(manifest).folder, task.cwd.replaceAll('\\', '/')),
      env: { ...this.#variables(manifest), ...(kind === 'local' ? await this.#address(runId) : {}), ...withoutNull(pinned.env), ...task.env, ...environment },
      timeLimitMs: manifest.config.task.timeLimitSeconds === undefined ? null : manifest.config.task.timeLimitSeconds * 1000,
      graceMs: COMMAND_GRACE_MS,
      outputLimit: OUTPUT_LIMIT,
    };
    if (kind === 'local' && copy !== null) await writeLaunch(runFolder, { ...launchOf(order), runId, attempt, cwd: path.join(copy.folder, task.cwd), env: { ...pinned.env, ...filesOf(folder), ...order.env } });
    // So that there is a file to append to, for programs that do not make one.
    await writeFile(path.join(folder, ATTEMPT_FILES.metrics), '');
    this.#untold.delete(runId);
    if (kind === 'local' && copy !== null) this.#followers.set(runId, await this.#follower(manifest, attempt, copy, new Map()));
    return { order, records: pinned.lost.map((name) => ({ type: 'message', level: 'warning', text: `The variable ${name} is another here than where the run was made, and was not recorded whole: the command gets the one of here.` })) };
  }

  async adopt(runId: string, attempt: number): Promise<void> {
    const manifest = this.#manifest(runId);
    const runFolder = this.#store.runFolder(runId);
    await mkdir(attemptFolder(runFolder, attempt), { recursive: true });
    this.#followers.get(runId)?.close();
    const { positions, aheadMs } = toldIn(path.join(runFolder, RUN_FILES.events));
    this.#ahead.set(runId, aheadMs);
    this.#followers.set(runId, await this.#follower(manifest, attempt, workingCopyOf(runFolder, codeOf(manifest)), positions));
  }

  async follow(runId: string): Promise<boolean> {
    return this.#tell(runId, (await this.#followers.get(runId)?.poll()) ?? []);
  }

  async settle(runId: string, attempt: number): Promise<CommandEnd> {
    const manifest = this.#manifest(runId);
    const runFolder = this.#store.runFolder(runId);
    const exit = await readExit(runFolder, attempt);
    // A supervisor that was killed could not end what it had started.
    if (exit === null && manifest.config.executor.kind === 'local') await endLeftovers(runId, runFolder, attempt);
    const code = manifest.provenance.code ?? null;
    const copy = code === null ? null : workingCopyOf(runFolder, code);
    if (copy !== null && existsSync(attemptFolder(runFolder, attempt))) {
      const follower = this.#followers.get(runId) ?? (await this.#follower(manifest, attempt, copy, toldIn(path.join(runFolder, RUN_FILES.events)).positions));
      this.#followers.set(runId, follower);
      await this.#tell(runId, await follower.poll(true));
      const ran = exit !== null && exit.reason !== 'stopped' && exit.reason !== 'not-found' && exit.reason !== 'not-started';
      const kept = ran ? await keepOutputs(this.#store.workspace, copy, fillTask(manifest.config).outputs, await outputsElsewhere(runFolder)) : [];
      await this.#append(runId, [...notesOf(exit), ...kept]);
    }
    this.#followers.get(runId)?.close();
    this.#followers.delete(runId);
    this.#ahead.delete(runId);
    await rm(path.join(runFolder, COMMAND_FILES.work), { recursive: true, force: true });
    for (const name of [COMMAND_FILES.launch, COMMAND_FILES.leftThere]) await rm(path.join(runFolder, name), { force: true });
    if (exit === null) return { status: 'interrupted', exitCode: null, signal: null };
    const end = await endOf(exit, manifest, runFolder, attempt);
    if (end.status === 'finished') await this.#append(runId, missingMetric(manifest, this.#store.latestMetrics(runId).map(({ key }) => key)));
    return end;
  }

  #manifest(runId: string): CommandManifest {
    const manifest = this.#store.manifest(runId);
    if (manifest.kind === 'command') return manifest;
    throw new RepriseError('RUN_NOT_A_COMMAND', `Run ${runId} runs no command.`, { kind: 'system' });
  }

  /** Adds records to the run's log, those first that could not be added before (the disk was full). @returns whether there were any */
  async #tell(runId: string, records: readonly EventBody[]): Promise<boolean> {
    const ahead = this.#ahead.get(runId) ?? 0;
    const all = [...(this.#untold.get(runId) ?? []), ...(ahead === 0 ? records : records.map((record) => inTimeHere(record, ahead)))];
    if (all.length === 0) return false;
    this.#untold.set(runId, all);
    await this.#append(runId, all);
    this.#untold.delete(runId);
    return true;
  }

  /** What a program tells can be beyond what a log holds; that is left out with a word, and all else kept. */
  async #append(runId: string, records: readonly EventBody[]): Promise<void> {
    if (records.length === 0) return;
    try {
      await this.#store.append(runId, records);
    } catch (error) {
      if (!(error instanceof RepriseError) || error.code !== 'RECORD_INVALID') throw error;
      if (records.length === 1) await this.#store.append(runId, [{ type: 'message', level: 'warning', text: `Something that the command told of cannot be kept: ${error.message}` }]);
      else for (const record of records) await this.#append(runId, [record]);
    }
  }

  #follower({ runId, config }: CommandManifest, attempt: number, copy: WorkingCopy, positions: ReadonlyMap<string, string>): Promise<CommandFollower> {
    return CommandFollower.open({ workspace: this.#store.workspace, runFolder: this.#store.runFolder(runId), attempt, work: copy.top, metrics: config.task.metrics, positions });
  }

  /** What Reprise adds to the command's environment. */
  #variables({ runId, config }: CommandManifest): Record<string, string> {
    return { PYTHONUNBUFFERED: '1', WANDB_MODE: 'offline', [RUN_VARIABLE]: runId, [SEED_VARIABLE]: String(config.seed) };
  }

  /** Of the tracking server, which listens on this machine alone. */
  async #address(runId: string): Promise<Record<string, string>> {
    const address = this.#tracking === null ? null : await this.#tracking(runId);
    return address === null ? {} : { MLFLOW_TRACKING_URI: address.uri, MLFLOW_TRACKING_TOKEN: address.token, MLFLOW_RUN_ID: runId };
  }
}

/** The variables that name files of the attempt. */
function filesOf(folder: string): Record<string, string> {
  return { WANDB_DIR: folder, REPRISE_METRICS: path.join(folder, ATTEMPT_FILES.metrics) };
}

function placesOf(origin: CommandOrigin, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, inputPath(origin, name)] as const).filter((entry): entry is [string, string] => entry[1] !== null));
}

function launchOf({ command, timeLimitMs, graceMs, outputLimit }: CommandOrder): Pick<Launch, 'command' | 'timeLimitMs' | 'graceMs' | 'outputLimit'> {
  return { command, timeLimitMs, graceMs, outputLimit };
}

/** It may hold what nobody else should read. */
async function writeLaunch(runFolder: string, launch: Launch): Promise<void> {
  await atomicWriteWith(path.join(runFolder, COMMAND_FILES.launch), async (handle) => {
    await handle.chmod(0o600);
    await handle.writeFile(JSON.stringify(launch));
  });
}

function withoutNull(env: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== null));
}

/** A word where the declared metric, by which variants are compared, is not among what was logged. */
function missingMetric({ config: { selection } }: CommandManifest, logged: readonly string[]): EventBody[] {
  if (selection === undefined || logged.includes(selection.metric)) return [];
  const own = logged.filter((key) => !key.startsWith('system/'));
  return [{ type: 'message', level: 'warning', text: `The command logged no ${selection.metric}, the metric that its config declares; ${own.length === 0 ? 'it logged none at all' : `it logged ${own.slice(0, METRICS_NAMED).join(', ')}${own.length > METRICS_NAMED ? `, and ${own.length - METRICS_NAMED} more` : ''}`}.` }];
}

/** A program by a relative path that is no part of the code (`.venv/bin/python`) is the one in the person's own folder. */
function programIn(command: FilledTask['command'], cwd: string, own: string | null): Launch['command'] {
  if (!Array.isArray(command)) return command as Launch['command'];
  const [program = '', ...args] = command as readonly string[];
  const isPath = /[/\\]/u.test(program) && !path.isAbsolute(program);
  const elsewhere = isPath && own !== null && !existsSync(path.resolve(cwd, program)) ? path.resolve(own, program) : program;
  return [isPath && elsewhere === program ? path.resolve(cwd, program) : elsewhere, ...args];
}

async function readExit(runFolder: string, attempt: number): Promise<CommandExit | null> {
  try {
    return commandExitSchema.parse(JSON.parse(await readFile(path.join(attemptFolder(runFolder, attempt), ATTEMPT_FILES.exit), 'utf8')));
  } catch {
    return null;
  }
}

async function endLeftovers(runId: string, runFolder: string, attempt: number): Promise<void> {
  const program = identityFrom(programOf(runFolder, attempt));
  // The number alone may be another's by now.
  const leader = program !== null && isAlive(program) ? program.pid : null;
  await endProcesses(leader, { name: RUN_VARIABLE, value: runId }, 0);
}

/** How far each source was read in the newest attempt, and by how many milliseconds the clock is ahead where it is carried out. */
function toldIn(log: string): { readonly positions: ReadonlyMap<string, string>; readonly aheadMs: number } {
  const positions = new Map<string, string>();
  let aheadMs = 0;
  for (const record of eachRecord(log)) {
    if (record.type === 'attempt') positions.clear();
    else if (record.type === 'source') positions.set(record.source, record.position);
    else if (record.type === 'place') aheadMs = Number(record.facts?.['clockAheadMs'] ?? aheadMs);
  }
  return { positions, aheadMs };
}

/** Points told by another machine's clock, in the time of the one here. */
function inTimeHere(record: EventBody, aheadMs: number): EventBody {
  return record.type === 'points' ? { ...record, times: record.times.map((time) => time - aheadMs) } : record;
}

function notesOf(exit: CommandExit | null): EventBody[] {
  if (exit === null) return [];
  const notes = [
    ...(exit.leftBehind > 0 ? [`The command left ${exit.leftBehind} ${exit.leftBehind === 1 ? 'process' : 'processes'} behind, which ${exit.leftBehind === 1 ? 'was' : 'were'} ended with it.`] : []),
    ...(exit.droppedLines > 0 ? [`The command printed more than is kept: ${exit.droppedLines} lines are left out.`] : []),
    ...(exit.message !== null && exit.reason !== 'not-found' && exit.reason !== 'not-started' ? [exit.message] : []),
  ];
  return notes.map((text) => ({ type: 'message', level: 'warning', text }));
}

async function endOf(exit: CommandExit, manifest: CommandManifest, runFolder: string, attempt: number): Promise<CommandEnd> {
  const { exitCode, signal } = exit;
  const failed = (code: string, message: string, retries: number): CommandEnd => ({ status: 'failed', exitCode, signal, code, message, retries });
  const { retries, timeLimitSeconds } = manifest.config.task;
  switch (exit.reason) {
    case 'ended': {
      if (exitCode === 0) return { status: 'finished', exitCode, signal };
      const how = signal === null ? `with exit code ${exitCode ?? 'unknown'}` : `by the signal ${signal}${signal === 'SIGKILL' ? ' (too little memory is a common cause)' : ''}`;
      return failed('COMMAND_FAILED', `The command ended ${how}.${await lastWords(runFolder, attempt)}`, retries);
    }
    case 'time-limit':
      return failed('COMMAND_TIME_LIMIT', `The command was ended because it ran longer than ${timeLimitSeconds === undefined ? 'its place lets it' : `its time limit of ${timeLimitSeconds} seconds`}.${await lastWords(runFolder, attempt)}`, retries);
    case 'out-of-memory':
      return failed('COMMAND_OUT_OF_MEMORY', `The command was ended because it took more memory than it may${memoryOf(manifest)}.${await lastWords(runFolder, attempt)}`, retries);
    case 'cancelled':
      return { status: 'cancelled', exitCode, signal };
    case 'stopped':
      return { status: 'interrupted', exitCode, signal };
    case 'not-found':
      return failed('COMMAND_NOT_FOUND', `${programNotFound(manifest)} Install it, correct \`task.command\`, or give its whole path.`, 0);
    case 'not-started':
      return failed('COMMAND_NOT_STARTED', `The command could not be started: ${exit.message ?? 'the system does not say why'}. Correct \`task.command\` or the permissions of the program.`, 0);
  }
}

function memoryOf({ config: { executor } }: CommandManifest): string {
  return executor.memory === undefined ? '' : ` (\`executor.memory\` says ${executor.memory})`;
}

function programNotFound({ config }: CommandManifest): string {
  const { command } = fillTask(config);
  const program = Array.isArray(command) ? String(command[0]) : (command as { readonly shell: string }).shell;
  return /[/\\]/u.test(program) ? `There is no program ${program}.` : `There is no program ${JSON.stringify(program)} on the PATH.`;
}

/** The last lines that the command printed as errors, or else at all. */
async function lastWords(runFolder: string, attempt: number): Promise<string> {
  const last: Record<'stdout' | 'stderr', string[]> = { stdout: [], stderr: [] };
  const file = path.join(attemptFolder(runFolder, attempt), ATTEMPT_FILES.output);
  if (!existsSync(file)) return '';
  for await (const text of createInterface({ input: createReadStream(file) })) {
    const line = parsedLine(text);
    if (line === null || line.stream === 'note' || line.text.trim() === '') continue;
    last[line.stream] = [...last[line.stream].slice(1 - LAST_LINES), line.text];
  }
  const lines = last.stderr.length > 0 ? last.stderr : last.stdout;
  return lines.length === 0 ? ' It printed nothing.' : ` Its last words:\n${lines.join('\n').slice(-LAST_CHARACTERS)}`;
}

function parsedLine(text: string) {
  try {
    return outputLineSchema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}
