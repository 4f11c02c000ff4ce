/** A store with a study of runs whose logs are written by hand. */
import { onTestFinished } from 'vitest';
import type { TrainingManifest } from '../../../src/events/manifest';
import type { EventBody, LoggedNumber } from '../../../src/events/records';
import { openStore } from '../../../src/store/open';
import type { Store } from '../../../src/store/types';
import { append, attempt, exitedWell, sampleManifest, sampleStudy } from '../../fixtures/sample';
import { temporaryFolder } from '../store/sample';

export async function openSample(): Promise<Store> {
  const store = await openStore(temporaryFolder(), { mode: 'host' });
  onTestFinished(() => store.close());
  return store;
}

/** A run with this training loss, ended as the last record says. */
export async function addRun(store: Store, runId: string, losses: readonly LoggedNumber[], more: Partial<TrainingManifest> & { readonly seed?: number; readonly end?: readonly EventBody[] } = {}): Promise<void> {
  const { end, ...manifest } = more;
  await store.createRun(sampleManifest(runId, manifest));
  append(
    store.runFolder(runId),
    attempt(1, 0, losses.length),
    { type: 'steps', firstStep: 0, losses, learningRates: losses.map(() => 0.5), seconds: 1 },
    ...(end ?? [{ type: 'finished', weightsHash: 'c'.repeat(64), selectedStep: losses.length, finalLoss: losses.at(-1) ?? 0, bestLoss: 0 }, exitedWell]),
  );
  await store.ingest(runId);
}

/** Variants with a run id, or none, for each of three seeds. */
export async function addStudy(store: Store, variants: Readonly<Record<string, readonly (string | null)[]>>): Promise<void> {
  await store.saveStudy(sampleStudy('study', { seeds: [1, 2, 3], variants: Object.entries(variants).map(([name, runIds]) => ({ name, changes: [], variantHash: name, runIds })) }));
}
