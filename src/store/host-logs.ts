/**
 * Event logs that this host writes itself: those of command and logged runs. A log stays open while it is written to.
 * What was appended is in the log at once, and in the database soon after, many appends in one transaction.
 */
import { join } from 'node:path';
import { RepriseError } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import { readEvents } from '../events/reader';
import { recordProblem, sayable } from '../events/record-problem';
import type { EventBody, EventRecord } from '../events/records';
import { EventLogWriter } from '../events/writer';
import { BUSY_TIMEOUT_MS, type Database } from './database';
import { applyBatch, BYTES_AT_ONCE } from './ingest';
import { runFolderOf } from './layout';
import { inTransaction, type Tables } from './tables/all';

/** So long what was appended may be in the log alone, milliseconds. */
const INDEX_AFTER_MS = 75;
/** After an attempt that failed: a full disk, a locked database. */
const RETRY_AFTER_MS = 1000;
/** Numbers and names that wait for the database at most; more are taken in at once. */
const MOST_WAITING = 20_000;
/** So long closing waits for another program that has the database locked, milliseconds. */
const CLOSING_TIMEOUT_MS = 500;
/** Logs held open. */
const MOST_OPEN = 64;

interface Log {
  readonly runId: string;
  readonly number: number;
  readonly file: string;
  readonly writer: EventLogWriter;
  /** Where the records that wait begin in the log. */
  from: number;
  waiting: EventRecord[];
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
  append(runId: string, bodies: readonly EventBody[]): void {
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
    const records = written(log.file, () => log.writer.appendAll(bodies.map(sayable)));
    log.waiting.push(...records);
    log.closes ||= records.some(isEnd);
    this.#behind.add(log);
    for (const body of bodies) this.#weight += weightOf(body);
    if (log.isBrief) this.release(runId);
    else if (this.#weight > MOST_WAITING) this.#tryIndex();
    else this.#indexIn(INDEX_AFTER_MS);
  }

  /** Takes what waits into the database: of one run, or of all. */
  index(runId?: string): void {
    const log = runId === undefined ? undefined : this.#logs.get(runId);
    const behind = runId === undefined ? [...this.#behind] : log !== undefined && this.#behind.has(log) ? [log] : [];
    if (behind.length === 0) return;
    inTransaction(this.#database, this.#tables, () => {
      for (const each of behind) this.#apply(each);
    });
    this.#isBehind = false;
    for (const each of behind) this.#settled(each);
    if (this.#behind.size === 0) this.#weight = 0;
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
    const log: Log = { runId, number, file, writer, from: cursor.offset, waiting: [...writer.existing], isBrief: found.run.kind === 'training', closes: false };
    this.#logs.set(runId, log);
    if (log.waiting.length > 0) this.#behind.add(log);
    return log;
  }

  #apply(log: Log): void {
    const { offset } = this.#tables.cursors.get(log.number);
    if (offset < 0 || offset >= log.writer.bytes) return;
    if (offset === log.from) {
      applyBatch(this.#tables, log.runId, { from: log.from, offset: log.writer.bytes, records: log.waiting });
      return;
    }
    // The log was taken in by another way in the meantime, as far as it was then.
    for (let from = offset; ; ) {
      const { records, offset: end } = readEvents(log.file, from, null, BYTES_AT_ONCE);
      if (end === from) return;
      applyBatch(this.#tables, log.runId, { from, offset: end, records });
      from = end;
    }
  }

  #settled(log: Log): void {
    log.from = log.writer.bytes;
    log.waiting = [];
    this.#behind.delete(log);
    if (log.closes) this.#close(log);
  }

  #close(log: Log): void {
    this.#logs.delete(log.runId);
    this.#behind.delete(log);
    log.writer.close();
  }

  #indexIn(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#tryIndex();
    }, ms).unref();
  }

  /** What cannot be taken in now stays in the log, which alone is the record; reading asks for it again and says what is wrong. */
  #tryIndex(): void {
    // Who logs must not wait for another program that has the database locked.
    this.#database.pragma('busy_timeout = 0');
    try {
      this.index();
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

function weightOf(body: EventBody): number {
  if (body.type === 'points') return body.values.length;
  return body.type === 'params' ? Object.keys(body.params).length : 1;
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
