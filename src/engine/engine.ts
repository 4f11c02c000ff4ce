/** The engine: the use cases of the contract over one workspace. Hosts are the CLI, Electron's utility process and tests. */
import { availableParallelism } from 'node:os';
import { events, methods, type EngineClient, type EventName, type EventOf, type Input, type Method, type Output } from '../api/contract';
import { problemsOf } from '../config/problems';
import { RepriseError, toErrorReport, type Result } from '../errors/errors';
import { CoreBudget } from '../execution/core-budget';
import { Scheduler } from '../execution/scheduler';
import type { Spawn } from '../execution/spawn';
import { openStore } from '../store/open';
import { emptyTrash, sweepLeftovers } from '../store/sweep';
import { estimateBundle } from './bundle-estimate';
import { inspectBundle } from './bundle-inspect';
import { planReproduction, verify } from './bundles';
import { compareExperiment } from './compare';
import { compareCurves } from './compare-curves';
import { compareTable } from './compare-table';
import type { EngineContext } from './context';
import { doctor } from './doctor';
import { exportBundle } from './export';
import { packageRoot, repriseVersion } from './package-info';
import { runsOfPausedStudiesOnly } from './pauses';
import { QueueMonitor } from './queue';
import { writeReport } from './reports';
import { reproduce } from './reproduce';
import { describeRunInFull } from './run-details';
import { groupRuns } from './run-groups';
import { describeColumns, listRunsPage, readSeries, readSparklines } from './run-list';
import { readRunLog } from './run-log';
import { cancelRun, describeRun, diffRuns, retryRun, startRun, waitForRuns } from './runs';
import { compareRuns } from './side-by-side';
import { planStudy, startStudy } from './studies';
import { describeStudy, listStudies, pauseStudy, resumeStudy } from './study-list';
import { StudyWatch } from './study-watch';
import { Tasks } from './tasks';
import { deleteRuns, restoreRuns } from './trash';
import { getVerdict, getVerdictTrace, listVerdicts } from './verdicts';
import { checkWorkspace } from './workspace';

export interface EngineOptions {
  readonly workspace: string;
  /** `host` owns the workspace and runs its queue; `reader` only looks. */
  readonly mode: 'host' | 'reader';
  readonly spawn: Spawn;
  /** Cores that workers may share; all of the machine's by default. */
  readonly cores?: number;
  /** Whether interrupted and queued runs go on at once; true by default in a host. */
  readonly resume?: boolean;
  /** Host: how long another host may take to let go, in milliseconds; 2000 by default. */
  readonly lockWaitMs?: number;
}

export interface Engine extends EngineClient {
  /** Runs that were unfinished when the engine opened and now go on. */
  readonly resumed: readonly string[];
  /** Stops workers (their runs resume at the next start) and lets go of the workspace. */
  close(): Promise<void>;
}

type Handlers = { readonly [M in Method]: (context: EngineContext, input: Input<M>) => Output<M> | Promise<Output<M>> };

const handlers: Handlers = {
  'app.info': (context) => ({ version: repriseVersion, workspace: context.workspace, readOnly: context.scheduler === null, cores: context.cores }),
  'experiments.list': ({ store }) => store.listExperiments().map((row) => ({ ...row, byStatus: { ...row.byStatus } })),
  'runs.list': ({ store }, input) => store.listRuns(input.experiment === undefined ? {} : { experiment: input.experiment }),
  'runs.get': describeRun,
  'runs.page': listRunsPage,
  'runs.columns': describeColumns,
  'runs.groups': groupRuns,
  'runs.sparklines': readSparklines,
  'runs.details': describeRunInFull,
  'runs.log': readRunLog,
  'runs.delete': deleteRuns,
  'runs.restore': restoreRuns,
  'runs.series': readSeries,
  'runs.start': startRun,
  'runs.cancel': cancelRun,
  'runs.retry': retryRun,
  'runs.wait': waitForRuns,
  'runs.diff': diffRuns,
  'studies.list': listStudies,
  'studies.get': describeStudy,
  'studies.pause': pauseStudy,
  'studies.resume': resumeStudy,
  'studies.plan': planStudy,
  'studies.start': startStudy,
  'compare.experiment': ({ store }, input) => compareExperiment(store, input.experiment),
  'compare.curves': compareCurves,
  'compare.runs': compareRuns,
  'compare.table': compareTable,
  'report.write': writeReport,
  'bundle.export': exportBundle,
  'bundle.estimate': estimateBundle,
  'bundle.inspect': inspectBundle,
  'bundle.verify': (_context, input) => verify(input.file),
  'bundle.plan': (_context, input) => planReproduction(input),
  'bundle.reproduce': reproduce,
  'verdicts.list': listVerdicts,
  'verdicts.get': getVerdict,
  'verdicts.trace': getVerdictTrace,
  'tasks.list': ({ tasks }) => tasks.list(),
  'tasks.cancel': ({ tasks }, input) => tasks.cancel(input.task),
  'queue.status': ({ queue }) => queue.view(),
  'workspace.check': async (context) => {
    const problems = await checkWorkspace(context.workspace);
    return { ok: problems.length === 0, problems: [...problems] };
  },
  doctor: (context) => doctor({ workspace: context.workspace, packageRoot, repriseVersion }),
};

type Listeners = { [E in EventName]: Set<(value: EventOf<E>) => void> };

/** Holds what is paused, and makes events of the queue and of studies from what happens to runs. */
function followRuns({ store, queue, emit }: EngineContext, scheduler: Scheduler, listeners: Listeners): void {
  scheduler.hold(runsOfPausedStudiesOnly(store));
  const studies = new StudyWatch(store, (ended) => emit('studyEnded', ended));
  listeners.run.add((row) => queue.see(row));
  listeners.run.add((row) => studies.see(row));
  listeners.changed.add(({ what }) => {
    queue.look();
    if (what === 'studies') studies.reload();
  });
}

/**
 * Opens a workspace.
 * @throws RepriseError WORKSPACE_IN_USE, WORKSPACE_NOT_FOUND (reader), STORE_TOO_NEW, STORE_CORRUPT
 */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const cores = options.cores ?? availableParallelism();
  const listeners = Object.fromEntries(Object.keys(events).map((event) => [event, new Set()])) as Listeners;
  const emit = <E extends EventName>(event: E, value: EventOf<E>): void => {
    for (const listener of listeners[event]) listener(value);
  };
  const store = await openStore(options.workspace, { mode: options.mode, ...(options.lockWaitMs === undefined ? {} : { lockWaitMs: options.lockWaitMs }) });
  if (options.mode === 'host') {
    await sweepLeftovers(options.workspace);
    await emptyTrash(options.workspace);
  }
  const budget = new CoreBudget(cores);
  const scheduler = options.mode === 'host' ? new Scheduler({ store, spawn: options.spawn, cores: budget, onRun: (row) => emit('run', row) }) : null;
  const queue = new QueueMonitor({ store, cores, isHeld: (runId) => scheduler?.isHeld(runId) ?? false, onChange: (view) => emit('queue', view) });
  const context: EngineContext = { workspace: options.workspace, store, scheduler, spawn: options.spawn, cores, budget, queue, tasks: new Tasks((view) => emit('task', view)), emit };
  let resumed: readonly string[];
  try {
    if (scheduler !== null) followRuns(context, scheduler, listeners);
    resumed = scheduler === null ? [] : await scheduler.recover({ requeue: options.resume ?? true });
  } catch (error) {
    await scheduler?.stop();
    queue.close();
    store.close();
    throw error;
  }

  return {
    resumed,
    async call<M extends Method>(method: M, input: Input<M>): Promise<Result<Output<M>>> {
      try {
        const { input: schema } = methods[method];
        const parsed = schema.safeParse(input);
        if (!parsed.success) {
          const problems = problemsOf(schema, input, parsed.error);
          throw new RepriseError('INPUT_INVALID', `${method}: ${problems[0]?.path ?? 'input'} ${problems[0]?.message ?? 'is not valid'}`, { kind: 'input', problems });
        }
        const handler: (context: EngineContext, input: Input<M>) => Output<M> | Promise<Output<M>> = handlers[method];
        return { ok: true, value: await handler(context, parsed.data as Input<M>) };
      } catch (error) {
        return { ok: false, error: toErrorReport(error) };
      }
    },
    on(event, listener) {
      listeners[event].add(listener);
      return () => listeners[event].delete(listener);
    },
    async close() {
      await context.tasks.stop();
      await scheduler?.stop();
      queue.close();
      store.close();
    },
  };
}
