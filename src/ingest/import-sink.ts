/** What readers of other programs' runs hand over, and to whom. */
import { RepriseError } from '../errors/errors';
import { refuseCancelled } from '../errors/cancelled';
import type { LoggedSystem } from '../events/manifest';
import type { EventBody, StateRecord } from '../events/records';
import type { PutObject } from './tail/types';

export interface ForeignRun {
  readonly system: LoggedSystem;
  /** Its id there: the same run has the same one whenever it is read. */
  readonly id: string;
  readonly name: string | null;
  readonly experiment: string;
  readonly experimentTags: Readonly<Record<string, string>>;
  /** Milliseconds since 1970, UTC. */
  readonly createdAt: number;
  readonly user: string;
  /** Folder or file, for people. */
  readonly from: string;
  readonly deleted: boolean;
}

/** Takes runs one after the other or side by side: what is told of a run names it by the id that `begin` gave it. */
export interface ImportSink {
  readonly put: PutObject;
  readonly signal: AbortSignal;
  /** @returns the run's id here, or null where nothing more of it is wanted: it is here already, or this only looks */
  begin(run: ForeignRun): Promise<string | null>;
  records(runId: string, records: readonly EventBody[]): Promise<void>;
  /** All is told of the run. */
  end(runId: string, state: Omit<StateRecord, 'type'>): Promise<void>;
  /** Something cannot be read. The rest goes on. `runId` null: no run of ours lacks it. */
  problem(runId: string | null, path: string, message: string): Promise<void>;
  /** What was told of the run is not all, and nothing more comes. */
  broken(runId: string, path: string, message: string): Promise<void>;
}

/** Notes the id that a run was given, and answers with it. */
export type Begun = (runId: string | null) => string | null;

/**
 * Reads one run or file; what goes wrong with it is named, and the rest goes on. That it was cancelled, or that our own
 * store fails, ends everything.
 */
export async function attempt(sink: ImportSink, path: string, work: (begun: Begun) => Promise<void>): Promise<void> {
  refuseCancelled(sink.signal);
  let current = null as string | null;
  try {
    await work((runId) => {
      current = runId;
      return runId;
    });
  } catch (error) {
    if (error instanceof RepriseError && error.kind !== 'input') throw error;
    if (!(error instanceof Error)) throw error;
    if (current === null) await sink.problem(null, path, error.message);
    else await sink.broken(current, path, error.message);
  }
}

/** Hands records over in lots. */
export class Lots {
  private records: EventBody[] = [];
  private points = 0;

  constructor(
    private readonly sink: ImportSink,
    private readonly runId: string,
  ) {}

  async add(record: EventBody): Promise<void> {
    this.records.push(record);
    this.points += record.type === 'points' ? record.steps.length : 100;
    if (this.points >= 50_000) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.records.length === 0) return;
    refuseCancelled(this.sink.signal);
    await this.sink.records(this.runId, this.records);
    this.records = [];
    this.points = 0;
  }
}
