/** A run's event log in plain words, read on from where it was read before. */
import { join } from 'node:path';
import type { Input, Output } from '../api/contract';
import type { RunDetails } from '../api/views';
import { formatCount, formatMeasured, formatPlain } from '../analysis/format';
import { mapMetrics, metricOf, metricsIn } from '../config/metrics';
import { RepriseError } from '../errors/errors';
import { RUN_FILES } from '../events/manifest';
import { readEvents } from '../events/reader';
import { fromLogged, type EventRecord, type PlaceRecord } from '../events/records';
import type { RunRow, Store } from '../store/types';
import type { EngineContext } from './context';

type LogLine = Output<'runs.log'>['lines'][number];
type Attempt = RunDetails['attempts'][number];
type PlaceView = RunDetails['places'][number];
type RunKind = RunRow['kind'];

/** Logs kept in memory: the ones that somebody looks at. */
const KEPT_LOGS = 4;
const MOST_ASSIGNMENTS = 12;

class ReadLog {
  readonly lines: LogLine[] = [];
  readonly attempts: Attempt[] = [];
  readonly places: PlaceView[] = [];
  size: RunDetails['size'] = null;
  #offset = 0;
  #totalSteps: number | null = null;
  readonly #file: string;
  readonly #kind: RunKind;

  constructor(file: string, kind: RunKind) {
    this.#file = file;
    this.#kind = kind;
  }

  /** Takes in what came since. @throws RepriseError EVENT_LOG_CORRUPT */
  readOn(): void {
    const { records, offset } = readEvents(this.#file, this.#offset);
    this.#offset = offset;
    for (const record of records) this.#take(record);
  }

  #take(record: EventRecord): void {
    if (record.type === 'attempt') this.#totalSteps = record.totalSteps;
    this.lines.push({ seq: record.seq, time: record.time, ...inWords(record, this.#kind, this.#totalSteps) });
    if (record.type === 'attempt') {
      if (record.parameters !== undefined && record.flopsPerStep !== undefined) this.size = { parameters: record.parameters, flopsPerStep: record.flopsPerStep };
      this.attempts.push({ attempt: record.attempt, fromStep: record.fromStep, startedAt: record.time, endedAt: null, ending: 'under way' });
      return;
    }
    if (record.type === 'place') this.#see(record);
    const attempt = this.attempts.at(-1);
    const ending = endingOf(record);
    if (attempt === undefined || ending === null) return;
    // What the worker said of its end says more than the exit code of its process.
    if (attempt.endedAt === null || record.type !== 'exit') this.attempts[this.attempts.length - 1] = { ...attempt, endedAt: attempt.endedAt ?? record.time, ending };
  }

  #see(record: PlaceRecord & { readonly time: number }): void {
    const { attempt, executor, machine } = record;
    const at = this.places.findIndex((place) => place.attempt === attempt && place.executor === executor && place.machine === machine);
    const known = this.places[at] ?? { attempt, executor, machine, node: null, job: null, submittedAt: null, startedAt: null, endedAt: null, state: '', facts: [] };
    this.places[at < 0 ? this.places.length : at] = withPlace(known, record);
  }
}

/** What a place record adds to what was known of its attempt. */
function withPlace(known: PlaceView, { time, ...record }: PlaceRecord & { readonly time: number }): PlaceView {
  const facts = new Map(known.facts.map(({ name, value }) => [name, value]));
  for (const [name, value] of Object.entries(record.facts ?? {})) facts.set(name, value);
  const ended = record.event === 'ended' || record.event === 'requeued';
  return {
    ...known,
    node: record.node ?? known.node,
    job: record.job ?? known.job,
    submittedAt: record.event === 'submitted' ? time : known.submittedAt,
    startedAt: record.event === 'started' ? time : known.startedAt,
    endedAt: ended ? time : known.endedAt,
    // Of one of this machine the attempt tells. Once it ended, what is fetched says no more of it.
    state: record.executor === 'local' || (record.event === 'collected' && known.endedAt !== null) ? known.state : placeState(record),
    facts: [...facts].map(([name, value]) => ({ name, value })),
  };
}

/** What a record says of how an attempt ended; null where it says nothing of it. */
function endingOf(record: EventRecord): string | null {
  switch (record.type) {
    case 'finished':
      return 'finished';
    case 'failed':
      return `failed: ${record.message}`;
    case 'cancelled':
      return `cancelled at step ${formatCount(record.step)}`;
    case 'orphaned':
      return `stopped at step ${formatCount(record.step)}: its host went away`;
    case 'exit':
      return endOfProcess(record.exitCode, record.signal);
    default:
      return null;
  }
}

const logs = new WeakMap<Store, Map<string, ReadLog>>();

/** The whole log of a run as far as it is written. @throws RepriseError EVENT_LOG_CORRUPT */
export function logOf(store: Store, { runId, kind }: Pick<RunRow, 'runId' | 'kind'>): Pick<ReadLog, 'lines' | 'attempts' | 'places' | 'size'> {
  const known = logs.get(store) ?? new Map<string, ReadLog>();
  logs.set(store, known);
  const file = join(store.runFolder(runId), RUN_FILES.events);
  const before = known.get(runId);
  let log = before ?? new ReadLog(file, kind);
  known.delete(runId);
  try {
    log.readOn();
  } catch (error) {
    if (before === undefined || !(error instanceof RepriseError)) throw error;
    // Not the file that was read before: a run that was restored, or whose host died before its log was on the disk.
    log = new ReadLog(file, kind);
    log.readOn();
  }
  known.set(runId, log);
  for (const oldest of [...known.keys()].slice(0, -KEPT_LOGS)) known.delete(oldest);
  return log;
}

export function readRunLog({ store }: EngineContext, input: Input<'runs.log'>): Output<'runs.log'> {
  const { lines } = logOf(store, store.getRun(input.run));
  // Records count from 0 without gaps, and each is one line.
  const fresh = lines.slice(input.after + 1, input.after + 1 + input.limit);
  return { lines: fresh, last: fresh.at(-1)?.seq ?? Math.min(input.after, lines.length - 1) };
}

function inWords(record: EventRecord, kind: RunKind, totalSteps: number | null): { level: LogLine['level']; text: string } {
  const info = (text: string): { level: LogLine['level']; text: string } => ({ level: 'info', text });
  switch (record.type) {
    case 'attempt':
      if (record.totalSteps === 0) return info(record.attempt === 1 ? 'the command starts' : `attempt ${record.attempt} starts the command anew`);
      return info(record.attempt === 1 && record.fromStep === 0 ? `training begins: ${formatCount(record.totalSteps)} steps, ${formatCount(record.stepsPerEpoch)} an epoch` : `attempt ${record.attempt} goes on from step ${formatCount(record.fromStep)}`);
    case 'steps': {
      const done = record.firstStep + record.losses.length;
      const loss = record.losses.at(-1);
      const pace = record.seconds > 0 ? ` · ${formatCount(Math.round(record.losses.length / record.seconds))} steps/s` : '';
      const text = `step ${formatCount(done)}${totalSteps === null ? '' : ` of ${formatCount(totalSteps)}`}${loss === undefined ? '' : ` · loss ${formatPlain(fromLogged(loss))}`}${pace}`;
      const broken = loss !== undefined && !Number.isFinite(fromLogged(loss));
      return { level: broken ? 'warning' : 'info', text };
    }
    case 'metrics': {
      const numbers = mapMetrics(record.values, fromLogged);
      const values = metricsIn(numbers).map((name) => `${metricOf(name).title} ${formatMeasured(numbers[name])}`).join(', ');
      const epoch = Number(record.epoch.toFixed(2));
      return info(record.split === 'test' ? `test at the selected checkpoint, step ${formatCount(record.step)}: ${values}` : `${record.split} after epoch ${epoch}: ${values}`);
    }
    case 'weights-hash':
      return info(`weights after step ${formatCount(record.step)}: SHA-256 ${record.hash.slice(0, 12)}…`);
    case 'checkpoint':
      return info(`checkpoint at step ${formatCount(record.step)}`);
    case 'artifact':
      return info(`${record.name.replaceAll('-', ' ')} written: ${record.file}, ${formatCount(record.bytes)} bytes`);
    case 'finished':
      return info(`finished: loss ${formatPlain(fromLogged(record.finalLoss))} at the last step, ${formatPlain(fromLogged(record.bestLoss))} at the best; checkpoint of step ${formatCount(record.selectedStep)} selected`);
    case 'failed':
      return { level: 'error', text: `failed: ${record.message} (${record.code})` };
    case 'cancelled':
      return { level: 'warning', text: `cancelled at step ${formatCount(record.step)}` };
    case 'orphaned':
      return { level: 'warning', text: `stopped at step ${formatCount(record.step)}: its host went away; the run can go on` };
    case 'exit':
      return { level: record.exitCode === 0 ? 'info' : 'warning', text: `worker process ${endOfProcess(record.exitCode, record.signal)}` };
    case 'requeued':
      // Nothing of a logged run is executed here: what is taken up again is its import.
      return info(kind === 'logged' ? 'the import goes on' : 'waits for a free core');
    case 'message':
      return { level: record.level, text: record.text };
    case 'points': {
      const [step, value] = [record.steps.at(-1), record.values.at(-1)];
      const last = step === undefined || value === undefined ? '' : `: ${formatPlain(fromLogged(value))} at step ${formatCount(step)}`;
      return info(`${record.key}${last}${record.steps.length > 1 ? ` (${formatCount(record.steps.length)} points)` : ''}`);
    }
    case 'params':
      return info(`parameters: ${assignments(record.params)}`);
    case 'tags':
      return info(`tags: ${assignments(record.tags)}`);
    case 'file':
      return info(record.sha256 === null ? `${record.path} taken away` : `${record.path} kept: ${formatCount(record.bytes)} bytes, SHA-256 ${record.sha256.slice(0, 12)}…`);
    case 'dataset':
      return info(`data set ${record.name} (${record.digest})`);
    case 'state':
      return info([...(record.name === undefined ? [] : [`named ${record.name}`]), ...(record.status === undefined ? [] : [`said to be ${record.status}`])].join(', ') || 'times of start and end told');
    case 'source':
      return info(`what ${record.source} told so far was taken in`);
    case 'place':
      return { level: record.event === 'lost' || record.outOfMemory === true ? 'warning' : 'info', text: placeInWords(record) };
  }
}

/** Names and values on a line, the first few of many. */
function assignments(values: Readonly<Record<string, string | null>>): string {
  const entries = Object.entries(values);
  const shown = entries.slice(0, MOST_ASSIGNMENTS).map(([name, value]) => (value === null ? `${name} taken away` : `${name} = ${value}`));
  return [...shown, ...(entries.length > shown.length ? [`${formatCount(entries.length - shown.length)} more`] : [])].join(', ');
}

const PLACE_EVENTS: Readonly<Record<PlaceRecord['event'], string>> = {
  submitted: 'handed over to',
  started: 'started on',
  requeued: 'put back into the queue of',
  lost: 'out of reach on',
  found: 'found again on',
  ended: 'ended on',
  collected: 'all of it fetched from',
};

const PLACE_STATES: Readonly<Record<PlaceRecord['event'], string>> = {
  submitted: 'waiting to start',
  started: 'running',
  requeued: 'put back into its queue',
  lost: 'out of reach',
  found: 'found again',
  ended: 'ended',
  collected: 'fetched',
};

/** How it ended, and why. */
function circumstances({ event, exitCode, signal, outOfMemory, reason }: PlaceRecord): string[] {
  return [
    ...(event !== 'ended' || (exitCode === undefined && signal === undefined) ? [] : [endOfProcess(exitCode ?? null, signal ?? null)]),
    ...(outOfMemory === true ? ['out of memory'] : []),
    // What it says of its own accord is no reason.
    ...(reason === undefined || reason === event ? [] : [reason]),
  ];
}

function placeState(record: PlaceRecord): string {
  const [how, ...more] = circumstances(record);
  // `ended with exit code 0` says that it ended.
  return how?.startsWith(PLACE_STATES[record.event]) === true ? [how, ...more].join(', ') : [PLACE_STATES[record.event], ...circumstances(record)].join(', ');
}

/** `started on cluster (slurm), node n1, job 12_3`; `started on this machine, GPU 0`. */
function placeInWords(record: PlaceRecord): string {
  const { event, executor, machine, node, job, facts } = record;
  const here = executor === 'local' ? 'this machine' : executor;
  const where = machine === null ? here : `${machine} (${executor})`;
  const gpus = facts?.['gpus'];
  const more = [...(gpus === undefined ? [] : [`GPU${gpus.includes(',') ? 's' : ''} ${gpus.replaceAll(',', ', ')}`]), ...(node === undefined ? [] : [`node ${node}`]), ...(job === undefined ? [] : [`job ${job}`]), ...circumstances(record)];
  return [`${PLACE_EVENTS[event]} ${where}`, ...more].join(', ');
}

function endOfProcess(exitCode: number | null, signal: string | null): string {
  if (signal !== null) return `ended by the signal ${signal}`;
  return exitCode === null ? 'ended; how is not known' : `ended with exit code ${exitCode}`;
}
