/** Engines, projects and programs for tests of command runs. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import type { Input, Method, Output } from '../../src/api/contract';
import type { MachineInput } from '../../src/config/machine';
import { formatYaml } from '../../src/config/yaml';
import { createEngine, type Engine } from '../../src/engine/engine';
import { localWorkers } from '../../src/engine/local-workers';
import { outputLineSchema, type OutputLine } from '../../src/events/command-run';
import { readEvents } from '../../src/events/reader';
import type { EventRecord, PlaceRecord } from '../../src/events/records';
import { openStore } from '../../src/store/open';
import type { Store } from '../../src/store/types';

export const python = process.env['REPRISE_PYTHON'] ?? 'python3';

/** A program that logs a step each tenth of a second, as long as the file that it is told of is there. */
export const COUNT = 'import json, os, sys, time\nstep = 0\nwhile os.path.exists(sys.argv[1]):\n    print(json.dumps({"step": step, "loss": step}), flush=True)\n    step += 1\n    time.sleep(0.1)\n';

/** A folder with the files of a project; a git repository where `commit` says so. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'reprise-command-'));
  readonly workspace = join(this.folder, '..', `${this.folder.split(/[\\/]/u).at(-1)}-workspace`);

  constructor(files: Readonly<Record<string, string>>) {
    for (const [name, text] of Object.entries(files)) this.write(name, text);
    onTestFinished(() => {
      rmSync(this.folder, { recursive: true, force: true });
      rmSync(this.workspace, { recursive: true, force: true });
    });
  }

  write(name: string, text: string): string {
    const file = join(this.folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  /** Commits everything that is there. */
  commit(): void {
    const git = (...args: string[]): Buffer => execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', ...args], { cwd: this.folder, stdio: 'pipe' });
    git('init', '-q');
    git('add', '-A');
    git('commit', '-q', '-m', 'All');
  }

  /** Makes a machine known to the workspace. */
  machine(name: string, machine: MachineInput): void {
    this.machines({ [name]: machine });
  }

  machines(machines: Readonly<Record<string, MachineInput>>): void {
    mkdirSync(this.workspace, { recursive: true });
    writeFileSync(join(this.workspace, 'machines.json'), JSON.stringify({ format: 1, machines }));
  }

  config(config: object, name = 'run.yaml'): string {
    return this.write(name, formatYaml({ experiment: 'commands', seed: 1, ...config }));
  }
}

export async function engineOn(workspace: string, options: { readonly cores?: number; readonly resume?: boolean } = {}): Promise<Engine> {
  const engine = await createEngine({ workspace, mode: 'host', spawn: localWorkers(), cores: 2, ...options });
  onTestFinished(() => engine.close());
  return engine;
}

export async function ask<M extends Method>(engine: Engine, method: M, input: Input<M>): Promise<Output<M>> {
  const result = await engine.call(method, input);
  if (!result.ok) throw new Error(`${method}: ${result.error.code} ${result.error.message}`);
  return result.value;
}

/** Runs one config to its end. */
export async function runOnce(engine: Engine, config: string, seed?: number): Promise<Output<'runs.get'>> {
  const { run } = await ask(engine, 'runs.start', { config, ...(seed === undefined ? {} : { seed }) });
  await ask(engine, 'runs.wait', { runs: [run.runId] });
  return ask(engine, 'runs.get', { run: run.runId });
}

/** Looks into a workspace beside its host. */
export async function look<T>(workspace: string, read: (store: Store) => T): Promise<T> {
  const store = await openStore(workspace, { mode: 'reader' });
  try {
    return read(store);
  } finally {
    store.close();
  }
}

export function recordsOf(workspace: string, runId: string): EventRecord[] {
  return readEvents(join(workspace, 'runs', runId, 'events.log'), 0).records;
}

/** What is on record of where a run was carried out. */
export function placesOf(workspace: string, runId: string): (PlaceRecord & EventRecord)[] {
  return recordsOf(workspace, runId).filter((record) => record.type === 'place');
}

/** `submitted 1`, `started 1`, …: each with its attempt. */
export function placeEventsOf(workspace: string, runId: string): string[] {
  return placesOf(workspace, runId).map(({ event, attempt }) => `${event} ${attempt}`);
}

/** The number that a cluster gave the newest job of a run; empty before it did. */
export function jobOf(workspace: string, runId: string): string {
  return placesOf(workspace, runId).findLast(({ job }) => job !== undefined)?.job?.split('/')[1] ?? '';
}

export function outputOf(workspace: string, runId: string, attempt = 1): OutputLine[] {
  const text = readFileSync(join(workspace, 'runs', runId, `attempt-${attempt}`, 'output.jsonl'), 'utf8');
  return text.split('\n').filter((line) => line !== '').map((line) => outputLineSchema.parse(JSON.parse(line)));
}

/** What was printed to a stream. */
export function printed(workspace: string, runId: string, stream: OutputLine['stream'] = 'stdout', attempt = 1): string[] {
  return outputOf(workspace, runId, attempt).filter((line) => line.stream === stream).map(({ text }) => text);
}

/** Files below a folder that hold a text. */
export function filesWith(folder: string, text: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() === true && readFileSync(file).includes(text));
}

/** Processes whose command line has the text. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/u.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text) && !(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1) ?? 'Z').startsWith('Z');
      } catch {
        return false;
      }
    })
    .map(Number);
}

export async function until(condition: () => boolean, what: string, limitMs = 15_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`it never came: ${what}`);
    await sleep(20);
  }
}
