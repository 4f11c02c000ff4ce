/** Puts the runs of other programs into the store. */
import { createHash } from 'node:crypto';
import type { ImportedRunView } from '../api/imports';
import { RepriseError } from '../errors/errors';
import { isTime } from '../events/record-problem';
import type { EventBody, StateRecord } from '../events/records';
import { putObject } from '../files/objects';
import type { ForeignRun, ImportSink } from '../ingest/import-sink';
import type { PutObject } from '../ingest/tail/types';
import type { RunData } from '../store/tracking';
import type { RunStatus } from '../store/types';
import type { EngineContext } from './context';
import type { TaskHandle } from './tasks';

/** Of a run that was not read to its end; the next import takes it up again. */
const INCOMPLETE = 'import.incomplete';
const INCOMPLETE_CODE = 'IMPORT_INCOMPLETE';
const ENDED: readonly RunStatus[] = ['finished', 'failed', 'cancelled'];

/** MLflow's ids, and ours that went out to MLflow, are kept: runs name each other by them. All others are made of what the run is called there. */
function idOf({ system, id }: ForeignRun): string {
  if (system === 'mlflow' && /^(?:[0-9a-f]{32}|[0-9a-z]{12})$/u.test(id)) return id;
  return createHash('sha256').update(`${system}\u0000${id}`).digest('hex').slice(0, 32);
}

/** Whether nothing more of a run can come: also of one that began here, and was exported from here. */
function isComplete({ run, tags }: RunData): boolean {
  return run.kind !== 'logged' || (ENDED.includes(run.status) && tags[INCOMPLETE] === undefined);
}

export class StoreSink implements ImportSink {
  readonly runs: ImportedRunView[] = [];
  readonly problems: { readonly path: string; readonly message: string }[] = [];
  readonly signal: AbortSignal;
  readonly put: PutObject;
  /** Runs that are being read. */
  private readonly open = new Map<string, { readonly view: ImportedRunView; readonly run: ForeignRun }>();

  constructor(
    private readonly context: EngineContext,
    private readonly handle: TaskHandle,
    private readonly options: { readonly experiment: string | undefined; readonly dryRun: boolean },
  ) {
    this.signal = handle.signal;
    this.put = async (source) => putObject(context.workspace, source);
  }

  async begin(run: ForeignRun): Promise<string | null> {
    const { store } = this.context;
    const runId = idOf(run);
    const experiment = this.options.experiment ?? run.experiment;
    const createdAt = run.createdAt >= 0 && isTime(run.createdAt) ? Math.trunc(run.createdAt) : 0;
    const [known] = store.runData([runId]);
    const present = known !== undefined && (known.deletedAt !== null || isComplete(known));
    const view: ImportedRunView = { run: runId, name: run.name, experiment: known?.run.experiment ?? experiment, from: run.from, outcome: present ? 'present' : known === undefined ? 'new' : 'updated' };
    if (!present && !this.options.dryRun && known === undefined) {
      await this.makeExperiment(experiment, this.options.experiment === undefined ? run.experimentTags : {});
      await store.createRun({ format: 1, kind: 'logged', runId, experiment, createdAt, source: { system: run.system, id: run.id, from: run.from }, user: run.user });
    }
    this.runs.push(view);
    this.handle.report(this.runs.length, null, `${this.runs.length} run${this.runs.length === 1 ? '' : 's'} looked at, ${run.name ?? runId}`);
    if (present || this.options.dryRun) return null;
    this.open.set(runId, { view, run });
    const begun: EventBody[] = [
      // What broke an earlier import is no news of this one.
      ...(known?.run.errorCode === INCOMPLETE_CODE ? [{ type: 'requeued' } as const] : []),
      { type: 'state', status: 'running', startedAt: createdAt, endedAt: null, ...(run.name === null ? {} : { name: run.name }) },
      { type: 'tags', tags: { [INCOMPLETE]: 'It was not read to its end.' } },
    ];
    await store.append(runId, begun);
    if (createdAt !== Math.trunc(run.createdAt)) await this.problem(runId, run.from, `It says that it began at ${run.createdAt}, which is no time after 1970; that is left out.`);
    return runId;
  }

  async records(runId: string, records: readonly EventBody[]): Promise<void> {
    await this.context.store.append(runId, records);
  }

  async end(runId: string, state: Omit<StateRecord, 'type'>): Promise<void> {
    const { store } = this.context;
    const deleted = this.open.get(runId)?.run.deleted === true;
    // What is deleted there goes into the trash here, where nothing runs any more.
    const said = deleted && (state.status === 'running' || state.status === 'scheduled') ? { ...state, status: 'killed' as const } : state;
    await store.append(runId, [{ type: 'state', ...said }, { type: 'tags', tags: { [INCOMPLETE]: null } }]);
    this.open.delete(runId);
    await store.index(runId);
    if (deleted) await store.trashRuns([runId]);
    else this.context.emit('run', store.getRun(runId));
  }

  async problem(runId: string | null, path: string, message: string): Promise<void> {
    this.problems.push({ path, message });
    if (runId !== null && this.open.has(runId)) await this.context.store.append(runId, [{ type: 'message', level: 'warning', text: `${path}: ${message}` }]);
  }

  async broken(runId: string, path: string, message: string): Promise<void> {
    await this.leave(runId, path, message, { type: 'failed', code: INCOMPLETE_CODE, message: `It was not imported to its end. ${path}: ${message}` });
  }

  /** Nothing more comes of any run. */
  async stop(reason: string): Promise<void> {
    for (const [runId, { run }] of this.open) {
      if (this.signal.aborted) await this.leave(runId, run.from, reason, { type: 'state', status: 'killed', endedAt: Date.now() });
      else await this.broken(runId, run.from, reason);
    }
  }

  /** Ends a run that is not whole, in the way that the last record says. */
  private async leave(runId: string, path: string, message: string, end: EventBody): Promise<void> {
    await this.problem(runId, path, message);
    const { store } = this.context;
    const entry = this.open.get(runId);
    if (entry === undefined) return;
    this.open.delete(runId);
    this.runs[this.runs.indexOf(entry.view)] = { ...entry.view, outcome: 'broken' };
    await store.append(runId, [end, { type: 'tags', tags: { [INCOMPLETE]: message.slice(0, 500) } }]);
    await store.index(runId);
    this.context.emit('run', store.getRun(runId));
  }

  private async makeExperiment(name: string, tags: Readonly<Record<string, string>>): Promise<void> {
    const { store } = this.context;
    const known = store.experiment({ name });
    if (known === null) await store.createExperiment(name, tags);
    else if (known.deletedAt !== null) throw new RepriseError('EXPERIMENT_DELETED', `The experiment ${JSON.stringify(name)} is deleted here.`, { hint: 'Bring it back, or import into another one with --experiment.' });
  }
}
