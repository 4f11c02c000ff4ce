/** All tables over one open database. */
import type { Database } from '../database';
import { ArtifactsTable } from './artifacts';
import { CursorsTable } from './cursors';
import { HashesTable } from './hashes';
import { MetricsTable } from './metrics';
import { RunsTable } from './runs';
import { SeriesTable } from './series';
import { StudiesTable } from './studies';

export interface Tables {
  readonly runs: RunsTable;
  readonly cursors: CursorsTable;
  readonly metrics: MetricsTable;
  readonly series: SeriesTable;
  readonly hashes: HashesTable;
  readonly artifacts: ArtifactsTable;
  readonly studies: StudiesTable;
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
  };
}
