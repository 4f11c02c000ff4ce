/** Use case: two to six runs side by side, leaf by leaf. */
import type { Input, Output } from '../api/contract';
import type { SideBySide } from '../api/views';
import { sameValue } from '../config/diff';
import { leavesOf } from '../config/leaves';
import { metricsIn, testLabel } from '../config/metrics';
import { RepriseError } from '../errors/errors';
import type { RunManifest } from '../events/manifest';
import type { RunRow, Store } from '../store/types';
import type { EngineContext } from './context';
import { commandEnvironmentLeaves, environmentLeaves } from './environment';
import { testMetrics } from './results';

/** Values by path, in order. */
export type Leaves = ReadonlyMap<string, unknown>;

/** All paths, each where the first run that has it has it: after the same neighbour. */
function pathsOf(columns: readonly Leaves[]): string[] {
  const paths: string[] = [];
  for (const column of columns) {
    let place = 0;
    for (const path of column.keys()) {
      const known = paths.indexOf(path);
      if (known < 0) paths.splice(place, 0, path);
      place = (known < 0 ? place : known) + 1;
    }
  }
  return paths;
}

/** A row a path that any column has; `same` where all have it with the same value, or none does: 1 is not "1", missing is not null, NaN is NaN. */
export function sectionOf(title: string, columns: readonly Leaves[]): SideBySide['sections'][number] {
  const rows = pathsOf(columns).map((path) => {
    const values = columns.map((column) => ({ present: column.has(path), value: column.get(path) }));
    const [first] = values;
    return { path, same: values.every(({ present, value }) => present === first?.present && sameValue(value, first.value)), values };
  });
  return { title, rows };
}

/** A config as it is, of a logged run its parameters by name. */
function configLeaves(store: Store, manifest: RunManifest): Leaves {
  return manifest.kind === 'logged' ? new Map(Object.entries(store.runData([manifest.runId])[0]?.params ?? {})) : leavesOf(manifest.config);
}

/** Surroundings and code; of a logged run nobody captured them. */
export function environmentOfRun(manifest: RunManifest): Leaves {
  if (manifest.kind === 'logged') return new Map();
  const { provenance } = manifest;
  if (manifest.kind === 'command') return new Map([...commandEnvironmentLeaves(provenance), ['code.snapshot', provenance.code?.snapshot ?? null], ['code.commit', provenance.git?.commit ?? null]]);
  return new Map([...environmentLeaves(provenance, manifest.runtime), ['trainingGraphHash', manifest.trainingGraphHash]]);
}

/** What it read, by name. */
export function dataLeaves(store: Store, manifest: RunManifest): Leaves {
  if (manifest.kind === 'logged') return new Map(store.datasets(manifest.runId).map(({ name, digest }) => [name, digest]));
  if (manifest.kind === 'command') return new Map(manifest.inputs.map(({ path, fingerprint }) => [path, fingerprint]));
  const { fingerprint, bytes, source, license, sourceSha256 } = manifest.data;
  return leavesOf({ fingerprint, source, bytes, license, ...(sourceSha256 === undefined ? {} : { sourceSha256 }), ...(manifest.model === undefined ? {} : { model: manifest.model.sha256 }) });
}

/** What a run came to. What it does not have (yet) is not there, rather than null. */
function resultLeaves(store: Store, run: RunRow): Leaves {
  const test = testMetrics(store, run);
  const known: Record<string, unknown> = {
    status: run.status,
    ...Object.fromEntries(test === null ? [] : metricsIn(test).map((name) => [testLabel(name), test[name]])),
    'final train loss': run.finalLoss,
    'best train loss': run.bestLoss,
    'steps done': run.stepsDone,
    'selected step': run.selectedStep,
    'duration, s': run.startedAt === null || run.endedAt === null ? null : (run.endedAt - run.startedAt) / 1000,
    attempts: run.attempts,
    'weights hash': run.weightsHash,
    error: run.errorMessage ?? run.errorCode,
  };
  const result = new Map(Object.entries(known).filter(([, value]) => value !== undefined && value !== null));
  if (run.kind === 'training') return result;
  for (const name of ['steps done', 'attempts']) if (result.get(name) === 0) result.delete(name);
  for (const { key, value } of store.latestMetrics(run.runId)) result.set(key, value);
  return result;
}

/** @throws RepriseError RUN_NOT_FOUND, RUNS_REPEATED */
export function compareRuns({ store }: EngineContext, input: Input<'compare.runs'>): Output<'compare.runs'> {
  const runs = input.runs.map((run) => store.getRun(run));
  if (new Set(runs.map(({ runId }) => runId)).size < runs.length) {
    throw new RepriseError('RUNS_REPEATED', 'A run is named twice; side by side only different runs say something.', { kind: 'input', hint: 'Name two to six different runs.' });
  }
  const manifests = runs.map(({ runId }) => store.manifest(runId));
  return {
    runs,
    sections: [
      sectionOf('Config', manifests.map((manifest) => configLeaves(store, manifest))),
      sectionOf('Environment', manifests.map(environmentOfRun)),
      sectionOf('Data', manifests.map((manifest) => dataLeaves(store, manifest))),
      sectionOf('Result', runs.map((run) => resultLeaves(store, run))),
    ],
  };
}
