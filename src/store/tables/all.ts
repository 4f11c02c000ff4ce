/** All tables over one open database. */
import type { Database } from '../database';
import { ArtifactsTable } from './artifacts';
import { CursorsTable } from './cursors';
import { HashesTable } from './hashes';
import { Listing } from './listing';
import { MetricsTable } from './metrics';
import { RunsTable, type RunIdentity } from './runs';
import { SeriesTable } from './series';
import { StudiesTable } from './studies';
import { VariantsTable } from './variants';

export interface Tables {
  readonly runs: RunsTable;
  readonly cursors: CursorsTable;
  readonly metrics: MetricsTable;
  readonly series: SeriesTable;
  readonly hashes: HashesTable;
  readonly artifacts: ArtifactsTable;
  readonly studies: StudiesTable;
  readonly variants: VariantsTable;
  readonly listing: Listing;
}

/** Prepares every statement. */
export function tablesOf(database: Database): Tables {
  return {
    runs: new RunsTable(database),
    cursors: new CursorsTable(database),
    metrics: new MetricsTable(database),
    series: new SeriesTable(database),
    hashes: new HashesTable(database),
    artifacts: new ArtifactsTable(database),
    studies: new StudiesTable(database),
    variants: new VariantsTable(database),
    listing: new Listing(database),
  };
}

/** A run that has no row yet. */
export interface NewRun {
  readonly identity: RunIdentity;
  /** What all runs of its variant have in common, as JSON. */
  readonly config: string;
}

/** Runs inside the caller's transaction. */
export function insertRun(tables: Tables, { identity, config }: NewRun): void {
  tables.variants.put(identity.variantHash, config);
  tables.runs.insert(identity);
}
