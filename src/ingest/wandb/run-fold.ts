/** What the records of one W&B run say, as records of a run of ours. */
import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { RecordCollector } from '../tail/collector';
import { addQuantiles } from '../tail/histogram';
import type { Artifact, History, Item, PartialHistory, Record as LogRecord, Run, Stats } from './proto/record_pb';
import { bucketsOf, leavesOf, numberOf, removeItem, setItem, textOf, type Tree } from './values';

/** Milliseconds since 1970, UTC. */
function millis(time: Timestamp | undefined): number | null {
  return time === undefined ? null : Number(time.seconds) * 1000 + time.nanos / 1e6;
}

/** W&B wrote parameters as `{desc, value}` once. */
function unwrapped(config: Tree): Tree {
  const plain: Tree = new Map();
  for (const [key, value] of config) {
    if (key === '_wandb') continue;
    const wrapped = value instanceof Map && value.has('value') && [...value.keys()].every((name) => name === 'value' || name === 'desc');
    plain.set(key, wrapped ? (value as Tree).get('value') : value);
  }
  return plain;
}

export class WandbRunFold {
  /** The newest of what was said of the run. */
  run: Run | null = null;
  exitCode: number | null = null;
  startedAt: number | null = null;
  lastTime: number | null = null;
  /** Of the run's folder `files`, in the order in which they were told of. */
  readonly files = new Set<string>();
  readonly artifacts: Artifact[] = [];
  private lastStep = 0;
  private readonly config: Tree = new Map();
  private readonly summary: Tree = new Map();
  /** Parameters that were given out. */
  private readonly given = new Map<string, string>();
  /** The latest number of each series. */
  private readonly latest = new Map<string, number>();
  private pending: { step: number; readonly values: Tree } | null = null;

  /**
   * @param prefix stands before all names, for a second run in one program
   * @param settled parameters come with `end`, as they were then; else at once, and what is changed later is a tag
   */
  constructor(
    private readonly prefix: string,
    private readonly settled: boolean,
  ) {}

  take({ recordType: record }: LogRecord, into: RecordCollector): void {
    switch (record.case) {
      case 'run':
        this.takeRun(record.value, into);
        return;
      case 'history':
        this.takeHistory(record.value, into);
        return;
      case 'request':
        if (record.value.requestType.case === 'partialHistory') this.takePart(record.value.requestType.value, into);
        return;
      case 'config':
        this.takeConfig(record.value, into);
        return;
      case 'summary':
        for (const item of record.value.update) setItem(this.summary, item);
        for (const item of record.value.remove) removeItem(this.summary, item);
        return;
      case 'stats':
        this.takeStats(record.value, into);
        return;
      case 'files':
        for (const { path } of record.value.files) this.files.add(path);
        return;
      case 'artifact':
        this.artifacts.push(record.value);
        return;
      case 'exit':
        this.flushPart(into);
        this.exitCode = record.value.exitCode;
        return;
      case undefined:
    }
  }

  /** What only the end can tell: parameters as they were then, and what was written into the summary alone. */
  end(into: RecordCollector): void {
    this.flushPart(into);
    if (this.settled) this.giveParams(into);
    const time = this.lastTime ?? this.startedAt ?? 0;
    for (const { name, value } of leavesOf(this.summary)) {
      const number = numberOf(value);
      const key = `${this.prefix}${name}`;
      const logged = this.latest.get(key);
      if (number !== null && logged === undefined) into.point(key, this.lastStep, time, number);
      else if ((number !== null && !Object.is(number, logged)) || typeof value === 'string') into.tag(`${this.prefix}summary.${name}`, textOf(value));
    }
  }

  private takeRun(run: Run, into: RecordCollector): void {
    this.run = run;
    this.startedAt ??= millis(run.startTime);
    if (run.config !== undefined) this.takeConfig(run.config, into);
    for (const item of run.summary?.update ?? []) setItem(this.summary, item);
    const said: Readonly<Record<string, string>> = {
      'wandb.id': run.runId,
      'wandb.name': run.displayName,
      'wandb.project': run.project,
      'wandb.entity': run.entity,
      'wandb.group': run.runGroup,
      'wandb.job_type': run.jobType,
      'wandb.notes': run.notes,
      'wandb.sweep': run.sweepId,
      'wandb.host': run.host,
      'wandb.commit': run.git?.commit ?? '',
    };
    for (const [name, value] of Object.entries(said)) if (value !== '') into.tag(`${this.prefix}${name}`, value);
    for (const tag of run.tags) into.tag(`${this.prefix}${tag}`, '');
  }

  private takeConfig(config: { readonly update: readonly Item[]; readonly remove: readonly Item[] }, into: RecordCollector): void {
    for (const item of config.update) setItem(this.config, item);
    for (const item of config.remove) removeItem(this.config, item);
    if (!this.settled) this.giveParams(into);
  }

  private giveParams(into: RecordCollector): void {
    for (const { name, value } of leavesOf(unwrapped(this.config))) {
      const key = `${this.prefix}${name}`;
      const text = textOf(value);
      const before = this.given.get(key);
      if (before === text) continue;
      // A parameter never changes: what it was changed to later stands among the tags.
      if (before !== undefined) into.tag(`config.${key}`, text);
      else {
        this.given.set(key, text);
        into.param(key, text);
      }
    }
  }

  private takeHistory(history: History, into: RecordCollector): void {
    const values: Tree = new Map();
    for (const item of history.item) setItem(values, item);
    const told = numberOf(values.get('_step'));
    this.giveStep(history.step === undefined ? (told ?? this.lastStep + 1) : Number(history.step.num), values, into);
  }

  /** A step that comes in parts is complete when another begins, when it is said so, or when nothing is said at all. */
  private takePart(part: PartialHistory, into: RecordCollector): void {
    const step = part.step === undefined ? (this.pending?.step ?? this.lastStep + 1) : Number(part.step.num);
    if (this.pending !== null && this.pending.step !== step) this.flushPart(into);
    this.pending ??= { step, values: new Map() };
    for (const item of part.item) setItem(this.pending.values, item);
    if (part.action?.flush ?? part.step === undefined) this.flushPart(into);
  }

  private flushPart(into: RecordCollector): void {
    if (this.pending === null) return;
    this.giveStep(this.pending.step, this.pending.values, into);
    this.pending = null;
  }

  private giveStep(step: number, values: Tree, into: RecordCollector): void {
    const seconds = numberOf(values.get('_timestamp'));
    const time = seconds === null ? (this.lastTime ?? this.startedAt ?? 0) : seconds * 1000;
    this.lastStep = step;
    this.lastTime = time;
    for (const { name, value } of leavesOf(values)) {
      const key = `${this.prefix}${name}`;
      const number = numberOf(value);
      const buckets = bucketsOf(value);
      if (number !== null) {
        this.latest.set(key, number);
        into.point(key, step, time, number);
      } else if (buckets !== null) addQuantiles(into, key, step, time, buckets);
    }
  }

  /** The machine's load, by seconds since the start. */
  private takeStats(stats: Stats, into: RecordCollector): void {
    const time = millis(stats.timestamp);
    if (time === null) return;
    this.startedAt ??= time;
    const values: Tree = new Map();
    for (const item of stats.item) values.set(item.key, Number(item.valueJson));
    const step = Math.max(0, Math.round((time - this.startedAt) / 1000));
    for (const [key, value] of values) into.point(`${this.prefix}system/wandb/${key}`, step, time, value as number);
  }
}
