/** Follows TensorBoard's event files below a folder while they are written. */
import { join } from 'node:path';
import { z } from 'zod';
import { readAppended } from '../tail/appended';
import { RecordCollector } from '../tail/collector';
import { FileFinder } from '../tail/find-files';
import { readPosition } from '../tail/position';
import type { PutObject, Tail, TailBatch } from '../tail/types';
import { decode } from '../tail/decode';
import { FolderState, keepHistograms, RunState, takeEvent, type Sink } from './interpret';
import { EventSchema } from './proto/events_pb';
import { baseOf, folderOf, isEventFile, prefixOf } from './run-folders';
import { readFrames, type Frames } from './tfrecord';

export interface TensorBoardTailOptions {
  readonly put: PutObject;
  /** Where an earlier tail of this folder had got to. */
  readonly position?: string | undefined;
  /** Folder, relative to the one that is followed, whose series go by their tags alone; else it is found. */
  readonly base?: string;
  /** Only the event files that lie in one of these folders, relative to the one that is followed. */
  readonly folders?: readonly string[];
}

/** `files`: bytes read of each; null where nothing more can be read of it. */
const positionSchema = z.strictObject({ base: z.string().nullable(), files: z.record(z.string(), z.int().min(0).nullable()) });

type Position = z.infer<typeof positionSchema>;

/** Files that a batch reads a piece of at most. */
const FILES_A_BATCH = 4;

export class TensorBoardTail implements Tail {
  private readonly finder: FileFinder;
  private run = new RunState();
  private offsets = new Map<string, number | null>();
  private base: string | null = null;
  /** Where to go to before the next reading; null: where it stands. */
  private start: Position | null;

  /** @throws RepriseError POSITION_INVALID */
  constructor(
    private readonly folder: string,
    private readonly options: TensorBoardTailOptions,
  ) {
    this.finder = new FileFinder(folder, isEventFile);
    this.start = readPosition(positionSchema, options.position, { base: null, files: {} });
  }

  /** Of what was read so far: first and last time in milliseconds since 1970, and how its author said that it ended. */
  get said(): Pick<RunState, 'firstTime' | 'lastTime' | 'status'> {
    return this.run;
  }

  async poll(): Promise<TailBatch> {
    if (this.start !== null) await this.goTo(this.start);
    // Where a file cannot be read or kept, the next call begins where this one began.
    this.start = this.position();
    const batch = await this.read();
    this.start = null;
    return batch;
  }

  private async read(): Promise<TailBatch> {
    const sink: Sink = { collector: new RecordCollector(), put: this.options.put, histograms: new Map() };
    const files = (await this.finder.find()).filter((file) => this.options.folders?.includes(folderOf(file)) ?? true);
    // Files that are passed over are another run's, beside which this one may lie.
    const own = files.filter((file) => this.offsets.get(file) !== null);
    if (own.length > 0) this.base ??= baseOf(own.map(folderOf));
    let pieces = 0;
    let more = false;
    for (const file of files) {
      if (pieces >= FILES_A_BATCH) {
        more = true;
        break;
      }
      const read = await this.readOn(file, sink);
      if (read.some) pieces++;
      more ||= read.more;
    }
    await keepHistograms(sink);
    return { records: sink.collector.take(), position: JSON.stringify(this.position()), more };
  }

  private position(): Position {
    return { base: this.base, files: Object.fromEntries(this.offsets) };
  }

  private stateOf(file: string): FolderState {
    const folder = folderOf(file);
    let state = this.run.folders.get(folder);
    if (state === undefined) {
      state = new FolderState(prefixOf(this.base ?? '', folder));
      this.run.folders.set(folder, state);
    }
    return state;
  }

  private async readOn(file: string, sink: Sink): Promise<{ readonly some: boolean; readonly more: boolean }> {
    const from = this.offsets.get(file) ?? 0;
    if (this.offsets.get(file) === null) return { some: false, more: false };
    const { value: frames, offset, more, shrunk } = await readAppended(join(this.folder, file), from, readFrames);
    if (shrunk) {
      this.offsets.set(file, null);
      sink.collector.note('warning', `The event file ${file} became shorter than it was; nothing more is read of it.`);
      return { some: false, more: false };
    }
    if (frames === null) return { some: false, more: false };
    this.offsets.set(file, offset);
    for (const at of frames.damaged) sink.collector.note('warning', `The event file ${file} is damaged: the record at byte ${from + at} does not match its checksum and is left out.`);
    if (frames.lost) {
      this.offsets.set(file, null);
      sink.collector.note('warning', `The event file ${file} is damaged: the length of the record at byte ${offset} does not match its checksum. What stands behind it is lost.`);
    }
    await this.takeFrames(file, frames, from, sink);
    return { some: frames.used > 0, more: more && !frames.lost };
  }

  private async takeFrames(file: string, frames: Frames, from: number, sink: Sink): Promise<void> {
    const state = this.stateOf(file);
    for (const record of frames.records) {
      const event = decode(EventSchema, record);
      if (event !== null) await takeEvent(event, this.run, state, sink);
      else sink.collector.note('warning', `The event file ${file} has a record behind byte ${from} that is no event of TensorBoard; it is left out.`);
    }
  }

  /** Goes to where a position says; reads again, without telling, what lies before: later events rely on what earlier ones said. */
  private async goTo(position: Position): Promise<void> {
    this.base = this.options.base ?? position.base;
    this.offsets = new Map(Object.entries(position.files));
    this.run = new RunState();
    for (const [file, end] of [...this.offsets].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (end !== null) await this.replay(file, end);
    }
  }

  private async replay(file: string, end: number): Promise<void> {
    for (let at = 0; at < end; ) {
      const silent: Sink = { collector: new RecordCollector(), put: async () => Promise.resolve({ sha256: '', bytes: 0 }), histograms: new Map() };
      const from = at;
      const { value, offset } = await readAppended(join(this.folder, file), from, (bytes) => readFrames(bytes.subarray(0, end - from)));
      if (value === null || offset === from) return;
      await this.takeFrames(file, value, from, silent);
      at = offset;
    }
  }
}
