/** What changes by itself: the engine's events, brought into the cached answers at most five times a second. */
import { create } from 'zustand';
import type { EngineState } from '../../src/api/bridge';
import type { Output } from '../../src/api/contract';
import type { RunView } from '../../src/api/rows';
import type { QueueView, TaskView } from '../../src/api/long-work';
import { client, shell } from '../client';
import { answers, call, outdated } from './answers';

const BATCH_MS = 200;
/** Answers that are computed over many runs are asked for again at most so often. */
const SUMMARY_MS = 1000;
/** Paces change slowly: what the engine estimates of them is asked for again so often while runs go on. */
const ESTIMATE_MS = 3000;

export interface Live {
  readonly engine: EngineState;
  readonly info: Output<'app.info'> | null;
  readonly queue: QueueView | null;
  /** Newest first. */
  readonly tasks: readonly TaskView[];
}

export const useLive = create<Live>(() => ({ engine: { status: 'starting' }, info: null, queue: null, tasks: [] }));

const changedRuns = new Map<string, RunView>();
let batch: number | null = null;
let summary: number | null = null;
let estimate: number | null = null;
let summarized = -SUMMARY_MS;

type Page = Output<'runs.page'>;
type Details = Output<'runs.details'>;
type Study = Output<'studies.get'>;

/** Seconds that a run has left after an event, by the pace that the engine last told; null where it told none. An estimate. */
export function secondsLeft(run: RunView, before: { readonly run: RunView; readonly secondsLeft: number | null }): number | null {
  if (run.status !== 'running' || run.totalSteps === null || before.secondsLeft === null) return null;
  const stepsBefore = run.totalSteps - before.run.stepsDone;
  return stepsBefore <= 0 ? 0 : (before.secondsLeft * (run.totalSteps - run.stepsDone)) / stepsBefore;
}

/** Rows of a page with the changed runs in their place; the same page where none of them is on it. */
export function patchPage(page: Page, changed: ReadonlyMap<string, RunView>): Page {
  if (!page.rows.some((row) => changed.has(row.run.runId))) return page;
  return {
    ...page,
    rows: page.rows.map((row) => {
      const run = changed.get(row.run.runId);
      return run === undefined ? row : { ...row, run, secondsLeft: secondsLeft(run, row) };
    }),
  };
}

/** A study's matrix with the changed runs in their cells; the same study where it has none of them. */
export function patchStudy(study: Study, changed: ReadonlyMap<string, RunView>): Study {
  if (!study.matrix.some(({ cells }) => cells.some(({ run }) => run !== null && changed.has(run.runId)))) return study;
  return {
    ...study,
    matrix: study.matrix.map((variant) => {
      if (!variant.cells.some(({ run }) => run !== null && changed.has(run.runId))) return variant;
      return { ...variant, cells: variant.cells.map((cell) => (cell.run === null ? cell : { ...cell, run: changed.get(cell.run.runId) ?? cell.run })) };
    }),
  };
}

function known(): Map<string, RunView['status']> {
  const found = new Map<string, RunView['status']>();
  for (const [, page] of answers.getQueriesData<Page>({ queryKey: ['runs.page'] })) for (const { run } of page?.rows ?? []) found.set(run.runId, run.status);
  return found;
}

function flush(): void {
  batch = null;
  if (changedRuns.size === 0) return;
  const changed = new Map(changedRuns);
  changedRuns.clear();
  const before = known();
  answers.setQueriesData<Page>({ queryKey: ['runs.page'] }, (page) => (page === undefined ? undefined : patchPage(page, changed)));
  answers.setQueriesData<Study>({ queryKey: ['studies.get'] }, (study) => (study === undefined ? undefined : patchStudy(study, changed)));
  answers.setQueriesData<Details>({ queryKey: ['runs.details'] }, (details) => {
    const run = details === undefined ? undefined : changed.get(details.run.runId);
    return details === undefined || run === undefined ? details : { ...details, run, secondsLeft: secondsLeft(run, details) };
  });
  if ([...changed.values()].some(({ status }) => status === 'running')) {
    estimate ??= window.setTimeout(() => {
      estimate = null;
      outdated('runs.page');
    }, ESTIMATE_MS);
  }
  // Progress alone changes no count, no order and no statistic.
  if ([...changed.values()].some((run) => before.get(run.runId) !== run.status)) summarize();
}

/** At once after a quiet time; then at most once in `SUMMARY_MS`. */
function summarize(): void {
  summary ??= window.setTimeout(() => {
    summary = null;
    summarized = performance.now();
    outdated('experiments.list', 'runs.page', 'runs.groups', 'runs.columns', 'studies.list', 'studies.get', 'compare.experiment', 'compare.curves', 'compare.table', 'runs.details');
  }, Math.max(0, summarized + SUMMARY_MS - performance.now()));
}

async function refresh(): Promise<void> {
  const [info, queue, tasks] = await Promise.all([call('app.info', {}), call('queue.status', {}), call('tasks.list', {})]);
  useLive.setState({ info, queue, tasks });
}

function upsert(tasks: readonly TaskView[], task: TaskView): readonly TaskView[] {
  return tasks.some((known) => known.task === task.task) ? tasks.map((known) => (known.task === task.task ? task : known)) : [task, ...tasks];
}

/** Begins to follow the engine; called once. */
export function follow(): void {
  client.onRun((run) => {
    changedRuns.set(run.runId, run);
    batch ??= window.setTimeout(flush, BATCH_MS);
  });
  client.onQueue((queue) => useLive.setState({ queue }));
  client.onTask((task) => useLive.setState(({ tasks }) => ({ tasks: upsert(tasks, task) })));
  client.onChanged(({ what }) => {
    switch (what) {
      case 'runs':
        outdated('experiments.list', 'runs.page', 'runs.groups', 'runs.columns', 'studies.list', 'studies.get', 'compare.experiment', 'compare.curves', 'compare.table');
        return;
      case 'studies':
        outdated('studies.list', 'studies.get', 'experiments.list');
        return;
      case 'verdicts':
        outdated('verdicts.list');
        return;
      case 'machines':
        outdated('machines.list');
    }
  });
  client.onStudyEnded(() => outdated('studies.list', 'studies.get', 'compare.experiment', 'compare.curves'));
  let wasLost = false;
  client.onEngineState((engine) => {
    useLive.setState({ engine });
    if (engine.status === 'restarting' || engine.status === 'failed') wasLost = true;
    if (engine.status !== 'ready') return;
    // What was asked of the first engine waits for it and is true.
    if (wasLost) void answers.invalidateQueries();
    wasLost = false;
    // Where the engine goes away again meanwhile, its next return asks again.
    refresh().catch(() => undefined);
  });
  // The menus follow the page's own appearance through the system's colour scheme; nothing to do but to keep it shown.
  shell.onSettings((settings) => answers.setQueryData(['settings'], settings));
}
