/** What tests of other programs' logs share: their Python, an object store, records put together again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromLogged, type EventBody } from '../../src/events/records';
import { putObject } from '../../src/files/objects';
import type { ForeignRun, ImportSink } from '../../src/ingest/import-sink';
import type { PutObject, Tail, TailBatch } from '../../src/ingest/tail/types';

const script = (name: string): string => fileURLToPath(new URL(`../fixtures/python/${name}`, import.meta.url));

/** The Python of an environment that has a judge, or null. */
export function pythonWith(environment: 'TRACKERS' | 'MLFLOW2' | 'MLFLOW3', judge: string): string | null {
  const python = process.env[`REPRISE_PYTHON_${environment}`];
  return python !== undefined && python !== '' && (process.env[`REPRISE_${environment}`] ?? '').split(',').includes(judge) ? python : null;
}

export interface Running {
  readonly process: ChildProcess;
  /** Standard output. @throws where it ended badly */
  readonly output: Promise<string>;
}

export function startPython(python: string, name: string, args: readonly string[], options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {}): Running {
  const child = spawn(python, [script(name), ...args], { cwd: options.cwd, env: { ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const told: Buffer[] = [];
  const complaints: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => told.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => complaints.push(bytes));
  const output = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(Buffer.concat(told).toString());
      else reject(new Error(`${name} ${args[0]} ended with ${code}: ${Buffer.concat(complaints).toString().slice(-2000)}`));
    });
  });
  return { process: child, output };
}

export const runPython = async (...args: Parameters<typeof startPython>): Promise<string> => startPython(...args).output;

/** An object store in a folder. */
export function putInto(folder: string): PutObject {
  return async (source) => putObject(join(folder, 'store'), source);
}

/** All that a tail has now. */
export async function drain(tail: Tail, final = false): Promise<TailBatch> {
  const records: EventBody[] = [];
  for (;;) {
    const batch = await tail.poll(final);
    records.push(...batch.records);
    if (!batch.more) return { ...batch, records };
  }
}

/** Step, time and value of each point by series, in the order in which they came. */
export function seriesOf(records: readonly EventBody[]): Map<string, [number, number, number][]> {
  const series = new Map<string, [number, number, number][]>();
  for (const record of records) {
    if (record.type !== 'points') continue;
    const points = series.get(record.key) ?? [];
    series.set(record.key, points);
    for (const [index, step] of record.steps.entries()) points.push([step, record.times[index] as number, fromLogged(record.values[index] ?? 'NaN')]);
  }
  return series;
}

export const paramsOf = (records: readonly EventBody[]): Record<string, string> => Object.assign({}, ...records.map((record) => (record.type === 'params' ? record.params : {}))) as Record<string, string>;
export const tagsOf = (records: readonly EventBody[]): Record<string, string> => Object.assign({}, ...records.map((record) => (record.type === 'tags' ? record.tags : {}))) as Record<string, string>;
/** Hash by path. */
export const filesOf = (records: readonly EventBody[]): Record<string, string | null> => Object.fromEntries(records.flatMap((record) => (record.type === 'file' ? [[record.path, record.sha256]] : [])));
export const messagesOf = (records: readonly EventBody[]): string[] => records.flatMap((record) => (record.type === 'message' ? [record.text] : []));

/** What an import handed over of a run. */
export interface TakenRun {
  readonly run: ForeignRun;
  readonly records: EventBody[];
  state: object | null;
}

/** Takes runs into memory; `here` are ids of runs that are here already. */
export function memorySink(put: PutObject, here: ReadonlySet<string> = new Set()): ImportSink & { readonly runs: Map<string, TakenRun>; readonly problems: string[] } {
  const runs = new Map<string, TakenRun>();
  const problems: string[] = [];
  return {
    runs,
    problems,
    put,
    signal: new AbortController().signal,
    begin: async (run) => {
      if (here.has(run.id)) return null;
      runs.set(run.id, { run, records: [], state: null });
      return run.id;
    },
    records: async (runId, records) => void runs.get(runId)?.records.push(...records),
    end: async (runId, state) => {
      const run = runs.get(runId);
      if (run !== undefined) run.state = state;
    },
    problem: async (_, path, message) => void problems.push(`${path}: ${message}`),
    broken: async (runId, path, message) => void problems.push(`${runId} is broken: ${path}: ${message}`),
  };
}
