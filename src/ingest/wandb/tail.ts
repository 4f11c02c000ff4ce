/**
 * Follows the transaction logs that the `wandb` client writes with WANDB_MODE=offline. The client (0.31) writes a block of
 * 32 KiB when it is full, and what it has every 15 seconds: values come in so much later than they were logged.
 */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { readAppended } from '../tail/appended';
import { RecordCollector } from '../tail/collector';
import { decode } from '../tail/decode';
import { FileFinder } from '../tail/find-files';
import { readPosition } from '../tail/position';
import type { PutObject, Tail, TailBatch } from '../tail/types';
import { keepAllFiles, keepArtifact, keepRunFile, type FileKeeper } from './kept-files';
import { readLog } from './log-frames';
import { RecordSchema } from './proto/record_pb';
import { WandbRunFold } from './run-fold';

export interface WandbTailOptions {
  readonly put: PutObject;
  /** Where an earlier tail of this folder had got to. */
  readonly position?: string | undefined;
  /**
   * The runs are somebody else's, complete, and one at a time: parameters are given as they were at the end, and links
   * are not followed out of the folder.
   */
  readonly imported?: boolean;
}

/** The logs in the order in which they were found: bytes read, media that were told of and not there yet, whether all is told. */
const positionSchema = z.strictObject({ logs: z.array(z.strictObject({ file: z.string(), offset: z.int().min(0), missing: z.array(z.string()), ended: z.boolean() })) });

interface Log {
  readonly file: string;
  offset: number;
  ended: boolean;
  readonly fold: WandbRunFold;
  readonly prefix: string;
  /** Of the folder `files`. */
  readonly kept: Set<string>;
}

const mediaOf = ({ fold }: Log): string[] => [...fold.files].filter((name) => name.startsWith('media/'));

/** Folders of a W&B run in which no log lies. */
const WITHOUT_LOGS: ReadonlySet<string> = new Set(['files', 'logs', 'tmp', 'artifacts']);

export class WandbTail implements Tail {
  private readonly finder: FileFinder;
  private logs: Log[] = [];
  /** Where to go to before the next reading; null: where it stands. */
  private start: z.infer<typeof positionSchema> | null;

  /** @throws RepriseError POSITION_INVALID */
  constructor(
    private readonly folder: string,
    private readonly options: WandbTailOptions,
  ) {
    this.finder = new FileFinder(folder, (name) => name.endsWith('.wandb'), (name) => !WITHOUT_LOGS.has(name));
    this.start = readPosition(positionSchema, options.position, { logs: [] });
  }

  /** What the logs said so far of their runs. */
  get runs(): readonly WandbRunFold[] {
    return this.logs.map(({ fold }) => fold);
  }

  async poll(final = false): Promise<TailBatch> {
    if (this.start !== null) await this.goTo(this.start.logs);
    // Where a file cannot be read or kept, the next call begins where this one began.
    this.start = this.position();
    const into = new RecordCollector();
    for (const file of await this.newFiles()) this.logs.push(this.newLog(file));
    let more = false;
    for (const log of this.logs) if (!log.ended) more = (await this.readOn(log, into, final)) || more;
    if (final && !more) for (const log of this.logs) if (!log.ended) await this.end(log, into);
    const position = JSON.stringify(this.position());
    this.start = null;
    return { records: into.take(), position, more };
  }

  private position(): z.infer<typeof positionSchema> {
    return { logs: this.logs.map((log) => ({ file: log.file, offset: log.offset, missing: mediaOf(log).filter((name) => !log.kept.has(name)), ended: log.ended })) };
  }

  /** Logs that were not there before, in the order in which they were begun: their names tell the second only. */
  private async newFiles(): Promise<string[]> {
    const files = (await this.finder.find()).filter((file) => !this.logs.some((log) => log.file === file));
    const begun = await Promise.all(files.map(async (file) => ({ file, at: (await stat(join(this.folder, file))).birthtimeMs })));
    return begun.toSorted((a, b) => a.at - b.at).map(({ file }) => file);
  }

  private newLog(file: string): Log {
    // What a program's first run logs goes by its own names.
    const prefix = this.logs.length === 0 ? '' : `run-${this.logs.length + 1}/`;
    return { file, offset: 0, ended: false, fold: new WandbRunFold(prefix, this.options.imported === true), prefix, kept: new Set() };
  }

  private keeper(log: Log, into: RecordCollector): FileKeeper {
    return { put: this.options.put, into, prefix: log.prefix, followLinks: this.options.imported !== true, within: this.runFolder(log) };
  }

  private runFolder({ file }: Log): string {
    return dirname(join(this.folder, file));
  }

  /** @returns whether there is more to read at once */
  private async readOn(log: Log, into: RecordCollector, final: boolean): Promise<boolean> {
    const from = log.offset;
    const { value, offset, more, shrunk } = await readAppended(join(this.folder, log.file), from, (bytes) => readLog(bytes, from, final));
    if (shrunk || value?.foreign === true) {
      into.note('warning', shrunk ? `The log ${log.file} became shorter than it was; nothing more is read of it.` : `${log.file} is not a transaction log of W&B of the one version that there is; it is not read.`);
      log.ended = true;
      return false;
    }
    if (value === null) return false;
    for (const at of value.damaged) into.note('warning', `The log ${log.file} is damaged at byte ${at}; what its block has behind that is lost.`);
    log.offset = offset;
    this.fold(log, value.records, into);
    await this.keepMedia(log, into);
    return more;
  }

  private fold(log: Log, records: readonly Uint8Array[], into: RecordCollector): void {
    for (const bytes of records) {
      const record = decode(RecordSchema, bytes);
      if (record === null) into.note('warning', `The log ${log.file} has a record that is none of W&B's; it is left out.`);
      else log.fold.take(record, into);
    }
  }

  /** Pictures and tables are complete when the log tells of them; all other files may still be written to. */
  private async keepMedia(log: Log, into: RecordCollector): Promise<void> {
    for (const name of mediaOf(log).filter((one) => !log.kept.has(one))) {
      if (await keepRunFile(this.runFolder(log), name, this.keeper(log, into))) log.kept.add(name);
    }
  }

  private async end(log: Log, into: RecordCollector): Promise<void> {
    const keeper = this.keeper(log, into);
    log.fold.end(into);
    await keepAllFiles(this.runFolder(log), log.kept, keeper);
    for (const artifact of log.fold.artifacts) await keepArtifact(artifact, keeper);
    // All that no record of ours can hold (texts by step, the order of things) stays there.
    const raw = await this.options.put({ file: join(this.folder, log.file) });
    into.add({ type: 'file', path: `${log.prefix}wandb/${log.file.slice(log.file.lastIndexOf('/') + 1)}`, sha256: raw.sha256, bytes: raw.bytes });
    log.ended = true;
  }

  /** Goes to where a position says; reads again, without telling, what lies before. */
  private async goTo(logs: z.infer<typeof positionSchema>['logs']): Promise<void> {
    this.logs = [];
    for (const { file, offset: end, missing, ended } of logs) {
      const log = this.newLog(file);
      this.logs.push(log);
      log.ended = ended;
      while (log.offset < end) {
        const from = log.offset;
        const { value, offset } = await readAppended(join(this.folder, file), from, (bytes) => readLog(bytes.subarray(0, end - from), from, false));
        if (value === null || offset === from) break;
        this.fold(log, value.records, new RecordCollector());
        log.offset = offset;
      }
      log.offset = end;
      for (const name of mediaOf(log)) if (!missing.includes(name)) log.kept.add(name);
    }
  }
}
