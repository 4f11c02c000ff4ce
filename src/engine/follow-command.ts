/** Takes in what a command writes while it runs: its output, metrics files, TensorBoard's and W&B's, and what it uses of the machine. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { CommandConfig } from '../config/command';
import { ATTEMPT_FILES, attemptFolder } from '../events/command-files';
import { programSchema } from '../events/command-run';
import type { EventBody, SourceRecord } from '../events/records';
import { putObject } from '../files/objects';
import { metricsTail, outputTail } from '../ingest/lines/output';
import { FileFinder } from '../ingest/tail/find-files';
import { RecordCollector } from '../ingest/tail/collector';
import type { Tail } from '../ingest/tail/types';
import { isEventFile } from '../ingest/tensorboard/run-folders';
import { TensorBoardTail } from '../ingest/tensorboard/tail';
import { WandbTail } from '../ingest/wandb/tail';
import { sampleResources } from '../provenance/resources';

/** Milliseconds between two samples of what the command uses. */
const SAMPLE_INTERVAL_MS = 5000;
/** Folders of other programs' logs are looked through so often. */
const FILES_INTERVAL_MS = 500;

export interface FollowOptions {
  readonly workspace: string;
  readonly runFolder: string;
  readonly attempt: number;
  /** Top of the working copy. */
  readonly work: string;
  readonly metrics: CommandConfig['task']['metrics'];
  /** How far each source was read, as records of the log say. */
  readonly positions: ReadonlyMap<string, string>;
}

interface Source {
  readonly name: string;
  readonly tail: Tail;
  /** Looked at less often: to find files costs more than to read on in one. */
  readonly searches: boolean;
  told: string;
}

export class CommandFollower {
  readonly #options: FollowOptions;
  readonly #sources: readonly Source[];
  readonly #sampling = new AbortController();
  #samples = new RecordCollector();
  #isSampling = false;
  #searchedAt = Number.NEGATIVE_INFINITY;

  private constructor(options: FollowOptions, sources: readonly Source[]) {
    this.#options = options;
    this.#sources = sources;
  }

  static async open(options: FollowOptions): Promise<CommandFollower> {
    const { workspace, runFolder, attempt, work, positions, metrics } = options;
    const folder = attemptFolder(runFolder, attempt);
    const put = async (source: Uint8Array | { readonly file: string }): Promise<{ readonly sha256: string; readonly bytes: number }> => putObject(workspace, source);
    const source = (name: string, make: (position: string | undefined) => Tail, searches = false): Source => {
      const known = positions.get(name);
      return { name, tail: make(known), searches, told: known ?? '' };
    };
    const before = positions.get('tensorboard') ?? (await eventFilesIn(work));
    return new CommandFollower(options, [
      source('output', (position) => outputTail(path.join(folder, ATTEMPT_FILES.output), metrics, position)),
      source('metrics', (position) => metricsTail(path.join(folder, ATTEMPT_FILES.metrics), position)),
      source('tensorboard', () => new TensorBoardTail(work, { put, position: before }), true),
      source('wandb', (position) => new WandbTail(folder, { put, position }), true),
    ]);
  }

  /**
   * What came since the last call, with how far each source was read.
   * @param final the command has ended
   */
  async poll(final = false): Promise<EventBody[]> {
    const records: EventBody[] = [];
    const search = final || performance.now() - this.#searchedAt >= FILES_INTERVAL_MS;
    if (search) this.#searchedAt = performance.now();
    for (const source of this.#sources) if (search || !source.searches) records.push(...(await this.#read(source, final)));
    if (final) this.#sampling.abort();
    else this.#sample();
    records.push(...this.#takeSamples());
    return records;
  }

  close(): void {
    this.#sampling.abort();
  }

  async #read(source: Source, final: boolean): Promise<EventBody[]> {
    const records: EventBody[] = [];
    try {
      for (;;) {
        const batch = await source.tail.poll(final);
        records.push(...batch.records);
        // A position is worth a record where something was told up to it.
        if ((records.length > 0 || final) && batch.position !== source.told) {
          source.told = batch.position;
          if (!batch.more) records.push({ type: 'source', source: source.name, position: batch.position } satisfies SourceRecord);
        }
        if (!batch.more) return records;
      }
    } catch (error) {
      // A file that cannot be read now may be readable the next time; at the end it is said.
      return final ? [...records, { type: 'message', level: 'warning', text: `Metrics of ${source.name} could not be read: ${error instanceof Error ? error.message : String(error)}` }] : records;
    }
  }

  #takeSamples(): EventBody[] {
    const records = this.#samples.take();
    this.#samples = new RecordCollector();
    return records;
  }

  /** Begins to sample as soon as the program runs. */
  #sample(): void {
    if (this.#isSampling) return;
    const pid = programOf(this.#options.runFolder, this.#options.attempt)?.pid;
    if (pid === undefined) return;
    this.#isSampling = true;
    void this.#sampleOf(pid);
  }

  async #sampleOf(pid: number): Promise<void> {
    let step = 0;
    for await (const { time, values } of sampleResources(pid, { intervalMs: SAMPLE_INTERVAL_MS, signal: this.#sampling.signal })) {
      for (const [key, value] of Object.entries(values)) this.#samples.point(key, step, time, value);
      step += 1;
    }
  }
}

/** Who was started in an attempt; null where nobody was, or it is not known. */
export function programOf(runFolder: string, attempt: number): { readonly pid: number; readonly startTime: string } | null {
  const file = path.join(attemptFolder(runFolder, attempt), ATTEMPT_FILES.program);
  if (!existsSync(file)) return null;
  try {
    return programSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}

/** The position of a tail that passes over the event files that are part of the code: runs of long ago. */
async function eventFilesIn(work: string): Promise<string> {
  const files = await new FileFinder(work, isEventFile).find();
  return JSON.stringify({ base: null, files: Object.fromEntries(files.map((file) => [file, null])) });
}
