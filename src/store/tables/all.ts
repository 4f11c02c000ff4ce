/** All tables over one open database. */
import type { VariantConfig } from '../../config/hash';
import { leavesOf } from '../../config/leaves';
import type { Database } from '../database';
import { ArtifactsTable } from './artifacts';
import { CursorsTable } from './cursors';
import { DatasetsTable } from './datasets';
import { ExperimentsTable } from './experiments';
import { FilesTable, type ObjectOfManifest } from './files';
import { HashesTable } from './hashes';
import { KeysTable } from './keys';
import { LatestTable } from './latest';
import { Listing } from './listing';
import { MetricsTable } from './metrics';
import { QueuedTable } from './queued';
import type { RunIdentity } from './run-row';
import { RunsTable } from './runs';
import { SeriesTable } from './series';
import { StudiesTable } from './studies';
import { TextsTable } from './texts';
import { VariantsTable } from './variants';

export interface Tables {
  readonly keys: KeysTable;
  readonly runs: RunsTable;
  readonly queued: QueuedTable;
  readonly cursors: CursorsTable;
  readonly metrics: MetricsTable;
  readonly series: SeriesTable;
  readonly latest: LatestTable;
  readonly params: TextsTable;
  readonly tags: TextsTable;
  readonly hashes: HashesTable;
  readonly artifacts: ArtifactsTable;
  readonly files: FilesTable;
  readonly datasets: DatasetsTable;
  readonly experiments: ExperimentsTable;
  readonly studies: StudiesTable;
  readonly variants: VariantsTable;
  readonly listing: Listing;
}

/** Prepares every statement. */
export function tablesOf(database: Database): Tables {
  const keys = new KeysTable(database);
  return {
    keys,
    runs: new RunsTable(database),
    queued: new QueuedTable(database),
    cursors: new CursorsTable(database),
    metrics: new MetricsTable(database),
    series: new SeriesTable(database),
    latest: new LatestTable(database, keys),
    params: new TextsTable(database, keys, 'params'),
    tags: new TextsTable(database, keys, 'tags'),
    hashes: new HashesTable(database),
    artifacts: new ArtifactsTable(database),
    files: new FilesTable(database),
    datasets: new DatasetsTable(database),
    experiments: new ExperimentsTable(database),
    studies: new StudiesTable(database),
    variants: new VariantsTable(database),
    listing: new Listing(database),
  };
}

/** Runs `work` in one transaction: all of it happens, or nothing. */
export function inTransaction(database: Database, tables: Tables, work: () => void): void {
  try {
    database.transaction(work).immediate();
  } catch (error) {
    tables.keys.forget();
    throw error;
  }
}

/** A run that has no row yet. */
export interface NewRun {
  readonly identity: RunIdentity;
  /** What all runs of its variant have in common; null for a logged run. */
  readonly config: VariantConfig | null;
  /** What its manifest names. */
  readonly refs: readonly ObjectOfManifest[];
}

/** Runs inside the caller's transaction. @param experiment the one that the run belongs to */
export function insertRun(tables: Tables, { identity, config, refs }: NewRun, experiment: { readonly id: number; readonly name: string; readonly deletedAt: number | null }): void {
  if (config !== null && identity.variantHash !== null) tables.variants.put(identity.variantHash, JSON.stringify(config));
  const run = tables.runs.insert(identity, experiment);
  if (experiment.deletedAt !== null) tables.runs.setDeleted(identity.runId, experiment.deletedAt);
  putConfigParams(tables, run, config, identity.seed);
  for (const ref of refs) tables.files.refer(run, ref);
}

/** The parameters that a run has of its config: the leaves of the config of a training, the declared ones of a command; and the seed. */
export function putConfigParams(tables: Tables, run: number, config: VariantConfig | null, seed: number | null): void {
  if (config === null) return;
  const leaves = leavesOf('task' in config ? config.params : config);
  for (const [name, value] of leaves) if (name !== '') tables.params.put(run, name, typeof value === 'string' ? value : JSON.stringify(value));
  if (seed !== null) tables.params.put(run, 'seed', String(seed));
}

/** Removes a run with all that belongs to it. Runs inside the caller's transaction. */
export function removeRun(tables: Tables, runId: string): void {
  const run = tables.runs.number(runId);
  if (run === null) return;
  tables.series.clear(run);
  tables.runs.remove(runId);
}
