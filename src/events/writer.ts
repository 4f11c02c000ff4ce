import { closeSync, fdatasyncSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import path from 'node:path';
import { RepriseError } from '../errors/errors';
import { encodeRecords } from './codec';
import { claimLog, releaseLog } from './owner';
import { readEvents } from './reader';
import type { EventRecord, NewRecord } from './records';

/** A record that is in the log, and where it ends there: bytes from the start. */
export interface Appended {
  readonly record: EventRecord;
  readonly end: number;
}

/** Appends to an event log; at most one process does so at a time. */
export class EventLogWriter {
  private closed = false;
  private torn = false;

  private constructor(
    /** Absolute path of the log. */
    readonly file: string,
    private readonly descriptor: number,
    private nextSeq: number,
    private size: number,
    /** What the log held when it was opened, after repair, besides what was known of it. */
    readonly existing: readonly EventRecord[],
  ) {}

  /**
   * Claims the log (making it where it does not exist), cuts a torn tail back to the last valid
   * record and goes on after it. The folder must exist.
   * @param known what has been read of the log before, so that it need not be read again: the bytes of its first records
   * and their number
   * @throws RepriseError EVENT_LOG_OWNED when another living process writes it; EVENT_LOG_CORRUPT when
   * valid records follow a damaged one, or the log is not the one that was read: then nothing is changed
   */
  static open(file: string, known: { readonly bytes: number; readonly records: number } = { bytes: 0, records: 0 }): EventLogWriter {
    const log = path.resolve(file);
    claimLog(log);
    try {
      const descriptor = openSync(log, 'a+');
      try {
        const existing: EventRecord[] = [];
        let { bytes } = known;
        for (let batch = readEvents(log, bytes, known.records); ; batch = readEvents(log, bytes, known.records + existing.length)) {
          existing.push(...batch.records);
          if (batch.offset === bytes) break;
          bytes = batch.offset;
        }
        if (fstatSync(descriptor).size > bytes) cutBack(log, bytes);
        return new EventLogWriter(log, descriptor, known.records + existing.length, bytes, existing);
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
  append(body: NewRecord): EventRecord {
    return this.appendAll([body])[0]!.record;
  }

  /**
   * Appends records, all or none of them.
   * @throws RepriseError EVENT_LOG_TORN after a write that failed half way and could not be taken back
   */
  appendAll(bodies: readonly NewRecord[]): Appended[] {
    if (this.closed) throw new Error(`The event log ${this.file} is closed.`);
    if (this.torn) {
      throw new RepriseError('EVENT_LOG_TORN', `The event log ${this.file} ends in a record that was written in part, behind which nothing can be added.`, {
        kind: 'system',
        hint: 'Make room on the disk or correct the permissions; the log is repaired when it is opened again.',
      });
    }
    const time = Date.now();
    const records = bodies.map((body, index): EventRecord => ({ ...body, seq: this.nextSeq + index, time: body.time ?? time }));
    const { bytes, ends } = encodeRecords(records);
    const from = this.size;
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(this.descriptor, bytes, done);
    } catch (error) {
      // A full disk may have taken part of it: nothing may ever be appended behind that.
      if (done > 0) this.takeBack();
      throw error;
    }
    this.size += bytes.length;
    this.nextSeq += records.length;
    return records.map((record, index): Appended => ({ record, end: from + ends[index]! }));
  }

  /** Removes what was written in part. Where that fails too, only opening the log anew can repair it. */
  private takeBack(): void {
    try {
      cutBack(this.file, this.size);
    } catch {
      this.torn = true;
    }
  }

  /** Whether nothing can be appended until the log is opened anew, which cuts back what was written in part. */
  get isTorn(): boolean {
    return this.torn;
  }

  /** Bytes of the log: everything that was appended. */
  get bytes(): number {
    return this.size;
  }

  /** Whether the file has been removed from its folder, so that nobody will ever read what is appended. */
  isGone(): boolean {
    return fstatSync(this.descriptor).nlink === 0;
  }

  /** Makes everything appended so far survive a power failure. */
  sync(): void {
    if (!this.closed) fdatasyncSync(this.descriptor);
  }

  /** Syncs, closes the file and gives the log back. Closing twice does nothing. */
  close(): void {
    if (this.closed) return;
    try {
      this.sync();
    } finally {
      this.closed = true;
      closeSync(this.descriptor);
      releaseLog(this.file);
    }
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
