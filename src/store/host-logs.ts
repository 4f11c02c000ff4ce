/**
 * Event logs that this host writes itself: those of command and logged runs. A log stays open while it is written to.
 * What was appended is in the log at once, and in the database soon after, many appends in one transaction, but no more
 * than an answer to somebody else may wait for.
 */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { RepriseError } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import { readEvents } from '../events/reader';
import { recordProblem, sayable } from '../events/record-problem';
import type { EventBody, EventRecord, NewRecord } from '../events/records';
import { EventLogWriter, type Appended } from '../events/writer';
import { BUSY_TIMEOUT_MS, type Database } from './database';
import { applyBatch, BYTES_AT_ONCE } from './ingest';
import { runFolderOf } from './layout';
import { inTransaction, type Tables } from './tables/all';

/** So long what was appended may be in the log alone, milliseconds. */
const INDEX_AFTER_MS = 75;
/** After an attempt that failed: a full disk, a locked database. */
const RETRY_AFTER_MS = 1000;
/** What waits for the database at most, by `weightOf`: some batches of a thousand metrics. Who logs more waits until less does. */
const MOST_WAITING = 100_000;
/** What one transaction takes in while somebody waits who logs too much. */
const MUCH = 20_000;
/** What one transaction takes in while nobody asks for it: some milliseconds of work. */
const A_LITTLE = 5000;
/** A record takes as long as so many more numbers in it. */
const RECORD_WEIGHT = 20;
/** So long closing waits for another program that has the database locked, milliseconds. */
const CLOSING_TIMEOUT_MS = 500;
/** Logs held open. */
const MOST_OPEN = 64;

interface Log {
  readonly runId: string;
  readonly number: number;
  readonly file: string;
  readonly writer: EventLogWriter;
  /** Where the records that wait begin in the log; NaN where it must be read to know what waits. */
  from: number;
  waiting: Appended[];
  /** Whether it is closed after each append: the log of a training, which a worker writes whenever it runs. */
  readonly isBrief: boolean;
  /** Whether it is closed once it has been taken in: nothing more is expected. */
  closes: boolean;
}

export class HostLogs {
  readonly #database: Database;
  readonly #tables: Tables;
  readonly #workspace: string;
  /** By run; the one that was written to last is last. */
  readonly #logs = new Map<string, Log>();
  /** Those of them with records that wait. */
  readonly #behind = new Set<Log>();
  /** Of all that waits. */
  #weight = 0;
  #timer: NodeJS.Timeout | null = null;
  #isBehind = false;

  constructor(database: Database, tables: Tables, workspace: string) {
    this.#database = database;
    this.#tables = tables;
    this.#workspace = workspace;
  }

  /** Whether what was appended could not be taken in when it was tried last: the database is locked, or its disk is full. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  isOpen(runId: string): boolean {
    return this.#logs.has(runId);
  }

  /**
   * Appends records, all or none. A log that is not open yet must have been taken in.
   * @throws RepriseError RUN_NOT_FOUND, RUN_DELETED, RECORD_INVALID, EVENT_LOG_OWNED, EVENT_LOG_CORRUPT, EVENT_LOG_NOT_WRITTEN
   */
  append(runId: string, bodies: readonly NewRecord[]): void {
    for (const body of bodies) refuseRecord(runId, body);
    // To open it anew repairs it.
    if (this.#logs.get(runId)?.writer.isTorn === true) this.release(runId);
    const log = this.#logs.get(runId) ?? this.#open(runId);
    // Last in line to be closed.
    this.#logs.delete(runId);
    this.#logs.set(runId, log);
    if (log.writer.isGone()) {
      this.release(runId);
      throw new RepriseError('EVENT_LOG_NOT_WRITTEN', `The event log ${log.file} was removed while it was written.`, { kind: 'system', hint: 'Restore the run folder from a backup, or log to a new run.' });
    }
    const appended = written(log.file, () => log.writer.appendAll(bodies.map(sayable)));
    for (const each of appended) {
      log.waiting.push(each);
      log.closes ||= isEnd(each.record);
      this.#weight += weightOf(each.record);
    }
    this.#behind.add(log);
    if (log.isBrief) this.release(runId);
    else if (this.#weight <= MOST_WAITING) this.#indexIn(INDEX_AFTER_MS);
    else while (this.#weight > MOST_WAITING) this.#tryIndex(MUCH);
  }

  /** Takes what waits into the database: of one run, or of all. */
  index(runId?: string): void {
    const log = runId === undefined ? undefined : this.#logs.get(runId);
    const behind = runId === undefined ? [...this.#behind] : log !== undefined && this.#behind.has(log) ? [log] : [];
    this.#take(behind.map((each) => [each, each.waiting.length]));
  }

  /** Takes what waits of all runs into the database, a little at a time with room for other work in between. */
  async indexInTurns(): Promise<void> {
    // What is appended meanwhile is the next one's.
    for (let left = this.#weight; left > 0 && this.#behind.size > 0; left -= A_LITTLE) {
      this.#take(this.#some(A_LITTLE));
      await setImmediate();
    }
    this.index();
  }

  /** Takes what waits of a run into the database and lets go of its log, so that another can write it. */
  release(runId: string): void {
    const log = this.#logs.get(runId);
    if (log === undefined) return;
    this.index(runId);
    this.#close(log);
  }

  /** Takes everything in and closes all logs. @returns whether the database has all of it */
  close(): boolean {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#database.pragma(`busy_timeout = ${CLOSING_TIMEOUT_MS}`);
    try {
      this.index();
      return true;
    } catch {
      // A full disk, a locked database: the logs have it.
      return false;
    } finally {
      for (const log of this.#logs.values()) this.#close(log);
    }
  }

  #open(runId: string): Log {
    const [found] = this.#tables.runs.withMore([runId]);
    if (found === undefined) throw new RepriseError('RUN_NOT_FOUND', `There is no run "${runId}" in ${this.#workspace}.`, { kind: 'input', hint: '`reprise runs` lists the runs.' });
    if (found.more.deletedAt !== null) throw new RepriseError('RUN_DELETED', `Run ${runId} is deleted; nothing can be logged to it.`, { kind: 'input', hint: 'Restore the run first.' });
    const { number } = found;
    const cursor = this.#tables.cursors.get(number);
    const file = join(runFolderOf(this.#workspace, runId), RUN_FILES.events);
    if (cursor.offset < 0) throw new RepriseError('EVENT_LOG_CORRUPT', found.run.errorMessage ?? `The event log ${file} contradicts itself.`, { kind: 'system' });
    while (this.#logs.size >= MOST_OPEN) this.release(this.#logs.keys().next().value!);
    const writer = written(file, () => EventLogWriter.open(file, { bytes: cursor.offset, records: cursor.lastSeq + 1 }));
    const log: Log = { runId, number, file, writer, from: writer.existing.length > 0 ? Number.NaN : cursor.offset, waiting: [], isBrief: found.run.kind === 'training', closes: false };
    this.#logs.set(runId, log);
    if (writer.existing.length > 0) this.#behind.add(log);
    return log;
  }

  /** What waits, of one log after the other, until it weighs so much. */
  #some(most: number): [log: Log, count: number][] {
    const parts: [Log, number][] = [];
    let weight = 0;
    for (const log of this.#behind) {
      let count = 0;
      while (weight < most && count < log.waiting.length) {
        weight += weightOf(log.waiting[count]!.record);
        count += 1;
      }
      parts.push([log, count]);
      if (weight >= most) break;
    }
    return parts;
  }

  /** Takes the first records that wait, so many of each log, into the database in one transaction. */
  #take(parts: readonly (readonly [log: Log, count: number])[]): void {
    if (parts.length === 0) return;
    let taken: number[] = [];
    inTransaction(this.#database, this.#tables, () => {
      taken = parts.map(([log, count]) => this.#apply(log, count));
    });
    this.#isBehind = false;
    for (const [index, [log]] of parts.entries()) this.#settled(log, taken[index]!);
  }

  /** @returns how many of the records that wait are in the database now, or need not be */
  #apply(log: Log, count: number): number {
    const { offset } = this.#tables.cursors.get(log.number);
    const all = log.waiting.length;
    if (offset < 0 || offset >= log.writer.bytes) return all;
    if (offset === log.from) {
      const records = log.waiting.slice(0, count).map(({ record }) => record);
      applyBatch(this.#tables, log.runId, { from: log.from, offset: log.waiting[count - 1]!.end, records });
      return count;
    }
    // The log was taken in by another way in the meantime, as far as it was then.
    for (let from = offset; ; ) {
      const { records, offset: end } = readEvents(log.file, from, null, BYTES_AT_ONCE);
      if (end === from) return all;
      applyBatch(this.#tables, log.runId, { from, offset: end, records });
      from = end;
    }
  }

  #settled(log: Log, count: number): void {
    const settled = log.waiting.splice(0, count);
    for (const { record } of settled) this.#weight -= weightOf(record);
    log.from = log.waiting.length === 0 ? log.writer.bytes : settled.at(-1)!.end;
    if (log.waiting.length > 0) return;
    this.#behind.delete(log);
    if (log.closes) this.#close(log);
  }

  #close(log: Log): void {
    this.#logs.delete(log.runId);
    if (this.#behind.delete(log)) for (const { record } of log.waiting) this.#weight -= weightOf(record);
    log.writer.close();
  }

  #indexIn(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#tryIndex(A_LITTLE);
      if (this.#behind.size > 0) this.#indexIn(0);
    }, ms).unref();
  }

  /** What cannot be taken in now stays in the log, which alone is the record; reading asks for it again and says what is wrong. */
  #tryIndex(most: number): void {
    // Who logs must not wait for another program that has the database locked.
    this.#database.pragma('busy_timeout = 0');
    try {
      this.#take(this.#some(most));
    } catch {
      this.#isBehind = true;
      // Read from the log again: what waits must not grow.
      for (const log of this.#behind) {
        log.from = Number.NaN;
        log.waiting = [];
      }
      this.#weight = 0;
      this.#indexIn(RETRY_AFTER_MS);
    } finally {
      this.#database.pragma(`busy_timeout = ${BUSY_TIMEOUT_MS}`);
    }
  }
}

function refuseRecord(runId: string, body: EventBody): void {
  const problem = recordProblem(body);
  if (problem !== null) throw new RepriseError('RECORD_INVALID', `What was to be logged to run ${runId} ${problem}.`, { kind: 'input' });
}

/** After such a record nothing more is expected. */
function isEnd(record: EventRecord): boolean {
  return record.type === 'exit' || (record.type === 'state' && record.status !== undefined && record.status !== 'running' && record.status !== 'scheduled');
}

/** About how long a record takes to be taken in: of a series by its numbers, of parameters by their names. */
function weightOf(record: EventBody): number {
  if (record.type === 'points') return RECORD_WEIGHT + record.values.length;
  return RECORD_WEIGHT * (record.type === 'params' ? Object.keys(record.params).length : 1);
}

/** An error of the file system becomes one that names the log. */
function written<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof RepriseError || !(error instanceof Error) || !('code' in error)) throw error;
    throw new RepriseError('EVENT_LOG_NOT_WRITTEN', `The event log ${file} cannot be written: ${error.message}.`, {
      kind: 'system',
      hint: 'Make room on the disk or correct the permissions, then try again.',
      cause: error,
    });
  }
}
