/** Runs executed apart from the workspace's own: in an empty store of their own, with nothing reused. */
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { tracedSeries, type CommandTrace } from '../bundle/series';
import type { Trace } from '../bundle/trace';
import { metricsAlone } from '../config/metrics';
import { RepriseError } from '../errors/errors';
import type { CommandManifest, TrainingManifest } from '../events/manifest';
import type { Spawn } from '../execution/local/spawn';
import type { MachineBudget } from '../execution/machine-budget';
import { Scheduler } from '../execution/scheduler';
import { putObject } from '../files/objects';
import { openStore } from '../store/open';
import { markTemporary } from '../store/sweep';
import type { RunRow, Store } from '../store/types';
import { writeOrigin, type CommandOrigin } from './commands-copy';
import { commandsWhenNeeded } from './commands-when-needed';
import { executorsOf } from './executors';
import { newId } from './identity';
import { testMetrics } from './results';
import { TrackingHost } from './serve-host';

/** A run to execute, with what it needs. */
export type ApartRun =
  | { readonly manifest: TrainingManifest; /** The prepared data. */ readonly objects: readonly string[] }
  | { readonly manifest: CommandManifest; /** The list of the code state and the files it names. */ readonly objects: readonly string[]; readonly origin: CommandOrigin };

export interface ApartOptions {
  /** Folder under which the temporary store is made; it is removed in the end. */
  readonly root: string;
  readonly spawn: Spawn;
  /** Shared with whatever else trains at the same time, where it is a budget. */
  readonly cores: number | MachineBudget;
  readonly runs: readonly ApartRun[];
  /** The workspace whose machines runs may name; this machine alone where there is none. */
  readonly machines?: string;
  readonly onRun?: (row: RunRow) => void;
  readonly signal?: AbortSignal;
}

/** What was executed, by run id. */
export interface Executed {
  readonly trainings: ReadonlyMap<string, Trace>;
  readonly commands: ReadonlyMap<string, CommandTrace>;
}

/** Does the work in a folder of its own under `root/NAME`; nothing of it stays behind. */
export async function inTemporaryFolder<T>(root: string, name: string, work: (folder: string) => Promise<T>): Promise<T> {
  const parent = join(root, name);
  const folder = join(parent, newId());
  await mkdir(folder, { recursive: true });
  await markTemporary(folder);
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
    // Others may be at work beside it; the last one takes the empty folder away.
    await rmdir(parent).catch(() => undefined);
  }
}

/**
 * Executes the runs in an empty store and answers with their traces.
 * @throws RepriseError CANCELLED when the signal fires
 */
export function executeApart(options: ApartOptions): Promise<Executed> {
  return inTemporaryFolder(options.root, 'apart', (folder) => executeIn(folder, options));
}

async function executeIn(folder: string, options: ApartOptions): Promise<Executed> {
  const { signal, runs } = options;
  const store = await openStore(folder, { mode: 'host' });
  // A command that logs over the tracking API does so here, too; the server starts with the first that could.
  const tracking = new TrackingHost({ store, emit: () => undefined });
  const commands = commandsWhenNeeded({ store, tracking: (runId) => tracking.address(runId) });
  const scheduler = new Scheduler({ store, spawn: options.spawn, cores: options.cores, executors: executorsOf(options.machines ?? folder, store), commands, ...(options.onRun === undefined ? {} : { onRun: options.onRun }) });
  const cancelled = (): RepriseError => new RepriseError('CANCELLED', 'The re-execution was cancelled; nothing of it is kept.', { kind: 'cancelled' });
  try {
    for (const file of new Set(runs.flatMap(({ objects }) => objects))) await putObject(folder, { file });
    const ids: string[] = [];
    for (const run of runs) {
      const { runId } = await store.createRun(run.manifest);
      if ('origin' in run) await writeOrigin(store.runFolder(runId), run.origin);
      ids.push(runId);
    }
    if (signal?.aborted === true) throw cancelled();
    for (const id of ids) scheduler.enqueue(id);
    const aborted = new Promise<never>((_resolve, reject) => signal?.addEventListener('abort', () => reject(cancelled()), { once: true }));
    await Promise.race([scheduler.drain(ids), aborted]);
    await store.index();
    const ofKind = (kind: RunRow['kind']): string[] => ids.filter((id) => store.getRun(id).kind === kind);
    return {
      trainings: new Map(ofKind('training').map((id) => [id, traceOf(store, id)])),
      commands: new Map(ofKind('command').map((id) => [id, commandTraceOf(store, id)])),
    };
  } finally {
    await scheduler.stop();
    await tracking.stop();
    store.close();
  }
}

/** What a training left behind to be compared. */
export function traceOf(store: Store, runId: string): Trace {
  const run = store.getRun(runId);
  return {
    status: run.status,
    losses: [...store.series(runId, 'train.loss').values],
    weightsHashes: store.weightsHashes(runId).map(({ step, hash }) => ({ step, hash })),
    weightsHash: run.status === 'finished' ? run.weightsHash : null,
    metrics: testMetrics(store, run),
    learningRates: [...store.series(runId, 'train.learningRate').values],
    validation: store.metrics(runId).flatMap((row) => (row.split === 'validation' ? [{ step: row.step, ...metricsAlone(row) }] : [])),
    selectedStep: run.selectedStep,
    artifacts: Object.fromEntries(store.artifacts(runId).map(({ name, sha256 }) => [name, sha256])),
  };
}

/** The same of a command. */
export function commandTraceOf(store: Store, runId: string): CommandTrace {
  const run = store.getRun(runId);
  return {
    status: run.status,
    error: run.errorMessage ?? run.errorCode,
    series: new Map(
      store.seriesKeys(runId).map((key) => {
        const { steps, values } = store.points(runId, key);
        return [key, tracedSeries(steps, values)];
      }),
    ),
    files: new Map(store.files(runId).map(({ path, sha256 }) => [path, sha256])),
  };
}
