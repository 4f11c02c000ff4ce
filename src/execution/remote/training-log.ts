/** Takes the log that a worker writes elsewhere into the run's own, record by record, once the files that a record names are here. */
import { join } from 'node:path';
import { decodeLines } from '../../events/codec';
import { RepriseError } from '../../errors/errors';
import { RUN_FILES } from '../../events/manifest';
import { eachRecord } from '../../events/reader';
import type { ArtifactRecord, NewRecord } from '../../events/records';
import type { Order } from '../executor';

/** The name of that log among the sources of a run. */
const SOURCE = 'worker';

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

  /** @param bytes what follows at `offset`; a record that is not whole yet waits for the next call; @throws RepriseError EVENT_LOG_CORRUPT, and what keeps the log here from being written */
  async take(bytes: Uint8Array): Promise<void> {
    const { runId, tell } = this.#of.order;
    const { records, validBytes, corruption } = decodeLines(bytes, null);
    if (corruption !== null) throw new RepriseError('EVENT_LOG_CORRUPT', `The log that run ${runId} writes elsewhere is damaged: ${corruption.reason}.`, { kind: 'system', hint: 'Start the config again for a fresh run.' });
    if (records.length === 0) return;
    for (const record of records) if (record.type === 'artifact') await this.#of.fetch(record);
    const bodies = records.map(({ seq: _seq, ...record }): NewRecord => ({ ...record, time: record.time - this.#of.aheadMs }));
    const offset = this.#offset + validBytes;
    await tell(...bodies, { type: 'source', source: SOURCE, position: String(offset) });
    this.#offset = offset;
  }
}

/** How far an earlier host came; the log there is one for all attempts. */
function positionIn(log: string): number {
  let position = 0;
  for (const record of eachRecord(log)) if (record.type === 'source' && record.source === SOURCE) position = Number(record.position);
  return position;
}
