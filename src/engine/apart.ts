/** Runs executed apart from the workspace's own: in an empty store of their own, with nothing reused. */
import { mkdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Trace } from '../bundle/trace';
import { RepriseError } from '../errors/errors';
import type { TrainingManifest } from '../events/manifest';
import type { CoreBudget } from '../execution/core-budget';
import { Scheduler } from '../execution/scheduler';
import type { Spawn } from '../execution/spawn';
import { putObject } from '../files/objects';
import { openStore } from '../store/open';
import { markTemporary } from '../store/sweep';
import type { RunRow, Store } from '../store/types';
import { newId } from './identity';
import { testMetrics } from './results';

export interface ApartOptions {
  /** Folder under which the temporary store is made; it is removed in the end. */
  readonly root: string;
  readonly spawn: Spawn;
  /** Shared with whatever else trains at the same time, where it is a budget. */
  readonly cores: number | CoreBudget;
  readonly manifests: readonly TrainingManifest[];
  /** Prepared data files, one for each fingerprint the manifests name. */
  readonly dataFiles: readonly string[];
  readonly onRun?: (row: RunRow) => void;
  readonly signal?: AbortSignal;
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
 * Trains the runs in an empty store and answers with their traces, in the order of the manifests.
 * @throws RepriseError CANCELLED when the signal fires
 */
export function executeApart(options: ApartOptions): Promise<Trace[]> {
  return inTemporaryFolder(options.root, 'apart', (folder) => executeIn(folder, options));
}

async function executeIn(folder: string, options: ApartOptions): Promise<Trace[]> {
  const { signal } = options;
  const store = await openStore(folder, { mode: 'host' });
  const scheduler = new Scheduler({ store, spawn: options.spawn, cores: options.cores, ...(options.onRun === undefined ? {} : { onRun: options.onRun }) });
  const cancelled = (): RepriseError => new RepriseError('CANCELLED', 'The re-execution was cancelled; nothing of it is kept.', { kind: 'cancelled' });
  try {
    for (const file of options.dataFiles) await putObject(folder, { file });
    const ids: string[] = [];
    for (const manifest of options.manifests) ids.push((await store.createRun(manifest)).runId);
    if (signal?.aborted === true) throw cancelled();
    for (const id of ids) scheduler.enqueue(id);
    const aborted = new Promise<never>((_resolve, reject) => signal?.addEventListener('abort', () => reject(cancelled()), { once: true }));
    await Promise.race([scheduler.drain(ids), aborted]);
    return ids.map((id) => traceOf(store, id));
  } finally {
    await scheduler.stop();
    store.close();
  }
}

/** What a run left behind to be compared. */
export function traceOf(store: Store, runId: string): Trace {
  const run = store.getRun(runId);
  return {
    status: run.status,
    losses: [...store.series(runId, 'train.loss').values],
    weightsHashes: store.weightsHashes(runId).map(({ step, hash }) => ({ step, hash })),
    weightsHash: run.status === 'finished' ? run.weightsHash : null,
    metrics: testMetrics(store, run),
    learningRates: [...store.series(runId, 'train.learningRate').values],
    validation: store.metrics(runId).flatMap(({ split, step, accuracy, loss }) => (split === 'validation' ? [{ step, accuracy, loss }] : [])),
    selectedStep: run.selectedStep,
    artifacts: Object.fromEntries(store.artifacts(runId).map(({ name, sha256 }) => [name, sha256])),
  };
}
