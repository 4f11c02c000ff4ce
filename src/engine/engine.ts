/** The engine: the use cases of the contract over one workspace. Hosts are the CLI, Electron's utility process and tests. */
import { availableParallelism } from 'node:os';
import { eventNames } from '../api/bridge';
import type { EngineClient, EventName, EventOf, Input, Method, Output } from '../api/contract';
import { opening } from '../api/opening';
import type { QueueView } from '../api/long-work';
import { toErrorReport, type Result } from '../errors/errors';
import { RECOVERABLE } from '../execution/run-status';
import { Scheduler } from '../execution/scheduler';
import type { Spawn } from '../execution/local/spawn';
import { openStore } from '../store/open';
import { sweepLeftovers } from '../store/sweep';
import { budgetHere } from './budget-here';
import { commandsWhenNeeded } from './commands-when-needed';
import type { EngineContext } from './context';
import { packageRoot, repriseVersion } from './package-info';
import { runsOfPausedStudiesOnly, setPaused } from './pauses';
import { placesWhenNeeded } from './places-when-needed';
import { QueueMonitor } from './queue';
import { groupRuns } from './run-groups';
import { describeColumns, listExperiments, listRunsPage, openRuns, readSeries, readSparklines } from './run-list';
import { areSchemasWanted, coresWhenNeeded, executorsWhenNeeded, loadSchemas, schemasHere } from './schemas-when-needed';
import { TrackingHost } from './serve-host';
import { StudyWatch } from './study-watch';
import { Tasks } from './tasks';
import { deleteRuns, planTrash, restoreRuns } from './trash';

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
  /** What the queue does now: runs that go on have been queued before anybody listened. */
  queue(): QueueView;
  /** Stops workers (their runs resume at the next start) and lets go of the workspace. */
  close(): Promise<void>;
}

type Handlers = { readonly [M in Method]: (context: EngineContext, input: Input<M>) => Output<M> | Promise<Output<M>> };

/** Code on its way. Calls wait for it, so that they take effect in the order in which they were made. */
const loading = new Set<Promise<unknown>>();

async function arrival<T>(coming: Promise<T>): Promise<T> {
  loading.add(coming);
  try {
    return await coming;
  } finally {
    loading.delete(coming);
  }
}

/** A use case whose code is loaded when it is first asked for: an engine starts without. */
function later<I, O>(load: () => Promise<(context: EngineContext, input: I) => O | Promise<O>>): (context: EngineContext, input: I) => Promise<O> {
  let loaded: Awaited<ReturnType<typeof load>> | null = null;
  return async (context, input) => {
    loaded ??= await arrival(load());
    return loaded(context, input);
  };
}

const handlers: Handlers = {
  'app.info': (context) => ({ version: repriseVersion, workspace: context.workspace, readOnly: context.scheduler === null, cores: context.cores }),
  'experiments.list': listExperiments,
  'runs.list': ({ store }, input) => store.listRuns(input.experiment === undefined ? {} : { experiment: input.experiment }),
  'runs.get': later(async () => (await import('./runs')).describeRun),
  'runs.page': listRunsPage,
  'runs.columns': describeColumns,
  'runs.opening': openRuns,
  'runs.search': later(async () => (await import('./search')).searchRuns),
  'runs.searchGroups': later(async () => (await import('./search')).searchGroups),
  'runs.groups': groupRuns,
  'runs.sparklines': readSparklines,
  'runs.details': later(async () => (await import('./run-details')).describeRunInFull),
  'runs.confusion': later(async () => (await import('./confusion')).readConfusion),
  'runs.log': later(async () => (await import('./run-log')).readRunLog),
  'runs.saveFile': later(async () => (await import('./run-output')).saveRunFile),
  'runs.output': later(async () => (await import('./run-output')).readRunOutput),
  'series.window': later(async () => (await import('./run-output')).readSeriesWindow),
  'runs.delete': deleteRuns,
  'runs.restore': restoreRuns,
  'trash.plan': planTrash,
  'runs.series': readSeries,
  'runs.start': later(async () => (await import('./runs')).startRun),
  'runs.cancel': later(async () => (await import('./runs')).cancelRun),
  'runs.retry': later(async () => (await import('./runs')).retryRun),
  'runs.wait': later(async () => (await import('./runs')).waitForRuns),
  'runs.diff': later(async () => (await import('./runs')).diffRuns),
  'runs.import': later(async () => (await import('./import')).importRuns),
  'runs.export': later(async () => (await import('./export-runs')).exportRuns),
  'runs.restoreCode': later(async () => (await import('./restore-code')).restoreCode),
  'runs.score': later(async () => (await import('./score')).scoreRuns),
  'config.score': later(async () => (await import('./score')).scoreConfig),
  'studies.list': later(async () => (await import('./study-list')).listStudies),
  'studies.get': later(async () => (await import('./study-list')).describeStudy),
  'studies.pause': later(async () => (await import('./study-list')).pauseStudy),
  'studies.resume': later(async () => (await import('./study-list')).resumeStudy),
  'studies.plan': later(async () => (await import('./studies')).planStudy),
  'studies.start': later(async () => (await import('./studies')).startStudy),
  'compare.experiment': async ({ store }, input) => (await import('./compare')).compareExperiment(store, input.experiment, input.metric),
  'compare.curves': later(async () => (await import('./compare-curves')).compareCurves),
  'compare.runs': later(async () => (await import('./side-by-side')).compareRuns),
  'compare.table': later(async () => (await import('./compare-table')).compareTable),
  'report.write': later(async () => (await import('./reports')).writeReport),
  'bundle.export': later(async () => (await import('./export')).exportBundle),
  'bundle.estimate': later(async () => (await import('./bundle-estimate')).estimateBundle),
  'bundle.inspect': later(async () => (await import('./bundle-inspect')).inspectBundle),
  'bundle.verify': async (_context, input) => (await import('./bundles')).verify(input.file),
  'bundle.plan': async (_context, input) => (await import('./bundles')).planReproduction(input),
  'bundle.reproduce': later(async () => (await import('./reproduce')).reproduce),
  'verdicts.list': later(async () => (await import('./verdicts')).listVerdicts),
  'verdicts.get': later(async () => (await import('./verdicts')).getVerdict),
  'verdicts.trace': later(async () => (await import('./verdicts')).getVerdictTrace),
  'tasks.list': ({ tasks }) => tasks.list(),
  'tasks.cancel': ({ tasks }, input) => tasks.cancel(input.task),
  'queue.status': ({ queue }) => queue.view(),
  'machines.list': later(async () => (await import('./machines-use')).listMachines),
  'machines.hostKey': later(async () => (await import('./machines-use')).showHostKey),
  'machines.add': later(async () => (await import('./machines-use')).addMachineAsTold),
  'machines.remove': later(async () => (await import('./machines-use')).removeMachine),
  'machines.clean': later(async () => (await import('./machine-clean')).cleanNamed),
  'machines.test': later(async () => (await import('./machines-test')).testMachine),
  'tracking.status': ({ tracking }) => tracking.view(),
  'tracking.start': later(async () => (await import('./serve')).startTracking),
  'tracking.stop': ({ tracking }) => tracking.stop(),
  'workspace.check': async (context) => {
    const problems = await (await import('./workspace')).checkWorkspace(context.workspace);
    return { ok: problems.length === 0, problems: [...problems] };
  },
  doctor: async (context) => (await import('./doctor')).doctor({ workspace: context.workspace, packageRoot, repriseVersion }),
};

type Listeners = { [E in EventName]: Set<(value: EventOf<E>) => void> };

/** Holds what is paused, and makes events of the queue and of studies from what happens to runs. */
function followRuns({ store, queue, emit }: EngineContext, scheduler: Scheduler, listeners: Listeners): void {
  scheduler.hold(runsOfPausedStudiesOnly(store));
  const studies = new StudyWatch(store, (ended) => {
    // A pause ends with its study: it must not hold a run that is retried later.
    void setPaused(store.workspace, ended.studyId, false).catch(() => undefined);
    emit('studyEnded', ended);
  });
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
  const listeners = Object.fromEntries(eventNames.map((event) => [event, new Set()])) as Listeners;
  const emit = <E extends EventName>(event: E, value: EventOf<E>): void => {
    for (const listener of listeners[event]) listener(value);
  };
  const store = await openStore(options.workspace, { mode: options.mode, ...(options.lockWaitMs === undefined ? {} : { lockWaitMs: options.lockWaitMs }) });
  if (options.mode === 'host') {
    await sweepLeftovers(options.workspace);
    // What cannot be freed (a damaged code state, a file in use) must not keep anybody from their runs.
    await store.purgeExpired().catch(() => undefined);
  }
  const budget = budgetHere(cores);
  const tracking = new TrackingHost({ store, emit });
  const commands = commandsWhenNeeded({ store, tracking: (runId) => tracking.address(runId) });
  const scheduler = options.mode === 'host' ? new Scheduler({ store, spawn: options.spawn, cores: budget, executors: executorsWhenNeeded(options.workspace, store), commands, onRun: (row) => emit('run', row) }) : null;
  const places = placesWhenNeeded(options.workspace);
  const queue = new QueueMonitor({ store, coresOf: coresWhenNeeded(options.workspace, cores), isHeld: (runId) => scheduler?.isHeld(runId) ?? false, onChange: (view) => emit('queue', view) });
  const context: EngineContext = { workspace: options.workspace, store, scheduler, spawn: options.spawn, cores, budget, queue, places, tasks: new Tasks((view) => emit('task', view)), tracking, emit };
  let resumed: readonly string[];
  try {
    if (scheduler !== null) followRuns(context, scheduler, listeners);
    if (scheduler !== null && store.listRuns({ status: RECOVERABLE, elsewhere: true }).length > 0) await loadSchemas();
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
        const isKnown = method === 'runs.opening' && (input as unknown) === opening && !areSchemasWanted();
        const checked = isKnown ? input : (schemasHere() ?? (await arrival(loadSchemas()))).checkInput(method, input);
        while (loading.size > 0) await Promise.allSettled(loading);
        const handler: (context: EngineContext, input: Input<M>) => Output<M> | Promise<Output<M>> = handlers[method];
        return { ok: true, value: await handler(context, checked) };
      } catch (error) {
        return { ok: false, error: toErrorReport(error) };
      }
    },
    queue: () => queue.view(),
    on(event, listener) {
      listeners[event].add(listener);
      return () => listeners[event].delete(listener);
    },
    async close() {
      await context.tasks.stop();
      await Promise.all([scheduler?.stop(), places.close()]);
      // Programs that are ended may log to the last.
      await context.tracking.stop();
      queue.close();
      store.close();
    },
  };
}
