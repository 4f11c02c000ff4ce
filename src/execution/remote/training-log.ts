/** Takes the log that a worker writes elsewhere into the run's own, record by record, once the files that a record names are here. */
import { join } from 'node:path';
import { decodeLines } from '../../events/codec';
import { RepriseError } from '../../errors/errors';
import { RUN_FILES } from '../../events/manifest';
import { eachRecord } from '../../events/reader';
import { shapeProblem } from '../../events/record-schema';
import type { ArtifactRecord, EventRecord, NewRecord } from '../../events/records';
import type { Order } from '../executor';

/** The name of that log among the sources of a run. */
const SOURCE = 'worker';
const NEWLINE = 0x0a;
/** What a worker writes. Other records would change what this host alone knows of the run. */
const OF_WORKER: ReadonlySet<EventRecord['type']> = new Set(['attempt', 'steps', 'metrics', 'weights-hash', 'checkpoint', 'artifact', 'finished', 'failed', 'cancelled', 'orphaned', 'message']);

export interface TrainingLogOptions {
  readonly order: Pick<Order, 'runFolder' | 'tell' | 'runId'>;
  /** Milliseconds by which the clock there is ahead of this one. */
  readonly aheadMs: number;
  /** Brings an artifact into the run's folder and checks its hash. */
  readonly fetch: (artifact: ArtifactRecord) => Promise<void>;
}

export class TrainingLog {
  readonly #of: TrainingLogOptions;
  #offset: number;

  constructor(options: TrainingLogOptions) {
    this.#of = options;
    this.#offset = positionIn(join(options.order.runFolder, RUN_FILES.events));
  }

  /** Bytes of the log there that are in the log here. */
  get offset(): number {
    return this.#offset;
  }

  /**
   * All before a record that is damaged or none is taken in.
   * @param bytes what follows at `offset`; a record that is not whole yet waits for the next call
   * @throws RepriseError EVENT_LOG_CORRUPT, and what keeps the log here from being written
   */
  async take(bytes: Uint8Array): Promise<void> {
    const { records, corruption } = decodeLines(bytes, null);
    const odd = records.findIndex((record) => problemOf(record) !== null);
    const good = odd < 0 ? records : records.slice(0, odd);
    if (good.length > 0) await this.#takeIn(good, bytesOf(bytes, good.length));
    const bad = records[odd];
    if (bad !== undefined) throw this.#corrupt(`its record ${bad.seq} is none that a training writes (${problemOf(bad) ?? ''})`);
    if (corruption !== null) throw this.#corrupt(corruption.reason);
  }

  async #takeIn(records: readonly EventRecord[], bytes: number): Promise<void> {
    for (const record of records) if (record.type === 'artifact') await this.#of.fetch(record);
    const bodies = records.map(({ seq: _seq, ...record }): NewRecord => ({ ...record, time: record.time - this.#of.aheadMs }));
    const offset = this.#offset + bytes;
    await this.#of.order.tell(...bodies, { type: 'source', source: SOURCE, position: String(offset) });
    this.#offset = offset;
  }

  #corrupt(why: string): RepriseError {
    return new RepriseError('EVENT_LOG_CORRUPT', `The log that run ${this.#of.order.runId} writes elsewhere is damaged: ${why}.`, { kind: 'system', hint: 'Start the config again for a fresh run.' });
  }
}

/** Why a record is none that a worker writes, or null. */
function problemOf(record: EventRecord): string | null {
  return OF_WORKER.has(record.type) ? shapeProblem(record) : `its type is ${JSON.stringify(record.type)}`;
}

/** Length of the first lines. */
function bytesOf(bytes: Uint8Array, lines: number): number {
  let end = 0;
  for (let line = 0; line < lines; line += 1) end = bytes.indexOf(NEWLINE, end) + 1;
  return end;
}

/** How far an earlier host came; the log there is one for all attempts. */
function positionIn(log: string): number {
  let position = 0;
  for (const record of eachRecord(log)) if (record.type === 'source' && record.source === SOURCE) position = Number(record.position);
  return position;
}
