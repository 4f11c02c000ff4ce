import { closeSync, fdatasyncSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { decodeLines, encodeRecord } from './codec';
import { claimLog, releaseLog } from './owner';
import { logCorrupt } from './reader';
import type { EventBody, EventRecord } from './records';

/** Appends to an event log; at most one process does so at a time. */
export class EventLogWriter {
  private closed = false;

  private constructor(
    /** Absolute path of the log. */
    readonly file: string,
    private readonly descriptor: number,
    private nextSeq: number,
    private size: number,
    /** What the log held when it was opened, after repair. */
    readonly existing: readonly EventRecord[],
  ) {}

  /**
   * Claims the log (making it where it does not exist), cuts a torn tail back to the last valid
   * record and goes on after it. The folder must exist.
   * @throws RepriseError EVENT_LOG_OWNED when another living process writes it; EVENT_LOG_CORRUPT when
   * valid records follow a damaged one: then nothing is changed
   */
  static open(file: string): EventLogWriter {
    const log = path.resolve(file);
    claimLog(log);
    try {
      const descriptor = openSync(log, 'a+');
      try {
        const bytes = readFileSync(log);
        const { records, validBytes, corruption } = decodeLines(bytes, 0);
        if (corruption !== null) throw logCorrupt(log, corruption.line + 1, corruption.reason);
        if (validBytes < bytes.length) {
          cutBack(log, validBytes);
        }
        return new EventLogWriter(log, descriptor, records.length, validBytes, records);
      } catch (error) {
        closeSync(descriptor);
        throw error;
      }
    } catch (error) {
      releaseLog(log);
      throw error;
    }
  }

  /** Appends one record. It survives the end of this process from now on, and of the machine after `sync`. */
  append(body: EventBody): EventRecord {
    if (this.closed) throw new Error(`The event log ${this.file} is closed.`);
    const record: EventRecord = { ...body, seq: this.nextSeq, time: Date.now() };
    const line = encodeRecord(record);
    let done = 0;
    try {
      while (done < line.length) done += writeSync(this.descriptor, line, done);
    } catch (error) {
      // A full disk may have taken part of the line: nothing may ever be appended behind it.
      if (done > 0) cutBack(this.file, this.size);
      throw error;
    }
    this.size += line.length;
    this.nextSeq++;
    return record;
  }

  /** Makes everything appended so far survive a power failure. */
  sync(): void {
    if (!this.closed) fdatasyncSync(this.descriptor);
  }

  /** Syncs, closes the file and gives the log back. Closing twice does nothing. */
  close(): void {
    if (this.closed) return;
    this.sync();
    this.closed = true;
    closeSync(this.descriptor);
    releaseLog(this.file);
  }
}

/** Durably shortens a file. Windows refuses to through a descriptor that only appends, so this opens its own. */
function cutBack(file: string, length: number): void {
  const descriptor = openSync(file, 'r+');
  try {
    ftruncateSync(descriptor, length);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
