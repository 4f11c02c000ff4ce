/** Commands that run configs and studies. */
import { formatDuration, formatMeasured, formatPlain } from '../../analysis/format';
import { changedCodeInWords } from '../../api/plan-words';
import type { RunResult, StudyPlan, StudyResult } from '../../api/rows';
import { testMetricOf } from '../../config/metrics';
import { preflightConfig, preflightStudy } from '../../engine/preflight';
import { RepriseError } from '../../errors/errors';
import type { Engine } from '../../engine/engine';
import { print, printJson, say, shortHash, table } from '../output';
import { metricsInWords, ProgressPrinter, testInWords } from '../progress';
import { call, withEngine, workspaceOf, type GlobalOptions } from '../session';

const CANCELLED = 130;
/** Metrics of a run that are printed. */
const MOST_METRICS = 20;
/** Lines of a log that are looked through for warnings. */
const MOST_LINES = 5000;

/** Waits for runs with progress on stderr. Ctrl-C cancels them; SIGTERM only stops, and they go on at the next start. */
export async function waitFor(engine: Engine, runs: readonly string[], options: GlobalOptions): Promise<{ results: RunResult[]; cancelled: boolean }> {
  const printer = new ProgressPrinter();
  printer.expect(runs.length);
  const stopListening = engine.on('run', (row) => {
    if (row.kind !== 'command' || row.status !== 'running') printer.update(row);
    else void engine.call('runs.get', { run: row.runId }).then((got) => got.ok && got.value.run.status === 'running' && printer.update(got.value.run, got.value.result.metrics ?? {}));
  });
  let cancelled = false;
  const onInterrupt = (): void => {
    if (cancelled) return;
    cancelled = true;
    say('\nCancelling…');
    for (const run of runs) void engine.call('runs.cancel', { run });
  };
  let stop: () => void = () => undefined;
  const terminated = new Promise<never>((_resolve, reject) => {
    stop = () => reject(new RepriseError('STOPPED', 'Stopped: the runs are interrupted and go on at the next start: from their last checkpoint, or, where they run a command, anew.', { kind: 'cancelled' }));
  });
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', stop);
  try {
    if (engine.resumed.length > 0) {
      const others = engine.resumed.filter((run) => !runs.includes(run)).length;
      if (others > 0) say(`Going on with ${others} interrupted or queued run${others === 1 ? '' : 's'} in ${workspaceOf(options)} as well.`);
    }
    const results = await Promise.race([call(engine, 'runs.wait', { runs: [...runs] }), terminated]);
    await Promise.race([call(engine, 'runs.wait', { runs: cancelled ? [] : [...engine.resumed] }), terminated]);
    return { results, cancelled };
  } finally {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', stop);
    stopListening();
    printer.end();
  }
}

/** 0 when all is finished, 1 when a run failed, 130 when it was cancelled. */
function exitCode(results: readonly RunResult[], cancelled: boolean): number {
  if (cancelled || results.some((result) => result.status === 'cancelled')) return CANCELLED;
  return results.every((result) => result.status === 'finished') ? 0 : 1;
}

export async function run([config = '']: readonly string[], options: GlobalOptions & { seed?: number; fresh?: boolean; on?: string }): Promise<number> {
  await preflightConfig(workspaceOf(options), config, options.seed, options.on);
  return withEngine(options, 'host', async (engine) => {
    const started = await call(engine, 'runs.start', { config, ...(options.seed === undefined ? {} : { seed: options.seed }), ...(options.fresh === true ? { fresh: true } : {}), ...(options.on === undefined ? {} : { on: options.on }) });
    for (const warning of started.warnings) say(`warning: ${warning}`);
    if (started.resumed) say(`Going on with run ${started.run.runId}, which was interrupted.`);
    return answerRun(engine, started.run.runId, options);
  });
}

/** Waits for one run and answers with its result. @returns the exit code */
async function answerRun(engine: Engine, run: string, options: GlobalOptions): Promise<number> {
  const { results, cancelled } = await waitFor(engine, [run], options);
  const [result] = results;
  if (result === undefined) return 1;
  if (result.status === 'finished') await sayWarnings(engine, [run]);
  if (options.json === true) printJson(result);
  else printRun(result);
  return exitCode(results, cancelled);
}

/** What was not as it should be of runs that finished, such as an output that was not made; of several runs each once. */
async function sayWarnings(engine: Engine, runs: readonly string[]): Promise<void> {
  const told = new Map<string, number>();
  for (const run of runs) {
    const { lines } = await call(engine, 'runs.log', { run, after: -1, limit: MOST_LINES });
    const warnings = lines.filter(({ level }) => level === 'warning');
    if (warnings.length === 0) continue;
    // What ended an earlier attempt is no news of the one that finished.
    const { attempts } = await call(engine, 'runs.details', { run });
    const begun = attempts.at(-1)?.startedAt ?? 0;
    for (const text of new Set(warnings.filter(({ time }) => time >= begun).map((line) => line.text))) told.set(text, (told.get(text) ?? 0) + 1);
  }
  for (const [text, count] of told) say(`warning: ${text}${count === 1 ? '' : ` (${count} runs)`}`);
}

function printRun(result: RunResult): void {
  print(`run           ${result.run}  (${result.status})`);
  if (result.finalLoss !== null) print(`final loss    ${formatPlain(result.finalLoss)}   best ${formatPlain(result.bestLoss)}`);
  const isTraining = result.weightsHash !== null;
  const metrics = isTraining ? testInWords(result.metrics ?? {}) : metricsInWords(result.metrics ?? {}, MOST_METRICS);
  if (metrics === '' && result.status === 'finished') print('metrics       none: it printed no line of JSON or of `task.metrics.patterns`, and logged to no tracker');
  if (metrics !== '') print(`${isTraining ? 'test   ' : 'metrics'}       ${metrics}`);
  if (isTraining) print(`weights hash  ${result.weightsHash}`);
  print(`quote as      ${result.reproductionId}`);
  if (result.error !== null) print(`error         ${result.error.message.replaceAll('\n', '\n              ')}\ncode          ${result.error.code}`);
}

function printPlan(plan: StudyPlan): void {
  const rows = plan.variants.map((variant) => [variant.name, variant.summary, String(variant.runs.length), String(variant.runs.filter((cell) => cell.reuses !== null).length)]);
  print(table(['variant', 'difference to the baseline', 'runs', 'reused'], rows));
  const fresh = plan.totalRuns - plan.reusedRuns;
  const time = plan.estimatedSeconds === null ? '' : `, ≈ ${formatDuration(plan.estimatedSeconds)} (${plan.estimateBasis})`;
  print(`\n${plan.totalRuns} runs (${plan.variants.length} variants × ${plan.seeds.length} seeds), ${plan.reusedRuns} reused, ${fresh} to run${fresh === 0 ? '' : time}`);
  const changed = changedCodeInWords(plan);
  if (changed !== null) print(changed);
  for (const { machine, runs, text } of plan.scripts) print(`\nBatch script for ${machine} (${runs} ${runs === 1 ? 'run' : 'runs'}):\n\n${text.trimEnd()}`);
}

export async function ablate([study = '']: readonly string[], options: GlobalOptions & { dryRun?: boolean; reuse?: boolean; on?: string }): Promise<number> {
  await preflightStudy(workspaceOf(options), study, options.on);
  const input = { study, reuse: options.reuse ?? true, ...(options.on === undefined ? {} : { on: options.on }) };
  if (options.dryRun === true) {
    return withEngine(options, 'scratch', async (engine) => {
      const plan = await call(engine, 'studies.plan', input);
      if (options.json === true) printJson(plan);
      else printPlan(plan);
      return 0;
    });
  }
  return withEngine(options, 'host', async (engine) => {
    const { result, metric, cancelled } = await runStudy(engine, input, options);
    await sayWarnings(engine, result.runs.filter(({ reused, status }) => !reused && status === 'finished').map(({ run }) => run));
    if (options.json === true) printJson(result);
    else {
      print(resultTable(result.runs, metric));
      print(cancelled ? `\nGo on with: reprise ablate ${study}   (finished runs are reused)` : `\nCompare with: reprise compare ${JSON.stringify(result.experiment)}`);
    }
    return exitCode(result.runs, cancelled);
  });
}

/**
 * One line a run: of trainings loss, declared metric and weights, of commands their metrics.
 * @param metric as people read it
 */
function resultTable(runs: StudyResult['runs'], metric: string): string {
  const status = (row: RunResult): string => (row.reused ? `${row.status}, reused` : row.status);
  const name = testMetricOf(metric);
  const trained = runs.some((row) => row.weightsHash !== null || row.finalLoss !== null);
  if (!trained) return table(['variant', 'seed', 'status', 'metrics'], runs.map((row) => [row.variant ?? '–', String(row.seed), status(row), row.metrics === null ? (row.error?.code ?? '–') : metricsInWords(row.metrics)]));
  return table(
    ['variant', 'seed', 'status', 'final loss', metric, 'weights'],
    runs.map((row) => [row.variant ?? '–', String(row.seed), status(row), formatPlain(row.finalLoss), formatMeasured(name === null ? null : row.metrics?.[name]), shortHash(row.weightsHash)]),
  );
}

/** Starts a study and waits for its runs. `metric` is what they are compared by. */
export async function runStudy(engine: Engine, input: { study: string; reuse: boolean; on?: string }, options: GlobalOptions): Promise<{ result: StudyResult; metric: string; cancelled: boolean }> {
  const started = await call(engine, 'studies.start', input);
  const { plan } = started;
  for (const warning of started.warnings) say(`warning: ${warning}`);
  say(`${plan.experiment}: ${plan.totalRuns} runs, ${plan.reusedRuns} reused${plan.estimatedSeconds === null || plan.totalRuns === plan.reusedRuns ? '' : `, ≈ ${formatDuration(plan.estimatedSeconds)}`}`);
  const changed = changedCodeInWords(plan);
  if (changed !== null) say(changed);
  const { results, cancelled } = await waitFor(engine, started.runs.map((entry) => entry.run), options);
  const { metric } = await call(engine, 'studies.get', { studyId: started.studyId });
  const cells = plan.seeds.flatMap(() => plan.variants.map((variant) => variant.name));
  const rows = results.map((result, index) => ({ ...result, variant: cells[index] ?? result.variant, reused: started.runs[index]?.reused ?? false }));
  return {
    result: { experiment: plan.experiment, variants: plan.variants.map(({ name, changes, summary }) => ({ name, changes, summary })), runs: rows },
    metric: metric ?? 'metric',
    cancelled,
  };
}

export async function resume(_args: readonly string[], options: GlobalOptions): Promise<number> {
  return withEngine(options, 'present-host', async (engine) => {
    const { results, cancelled } = await waitFor(engine, engine.resumed, options);
    if (options.json === true) printJson(results);
    else print(results.length === 0 ? 'Nothing was interrupted or queued.' : table(['run', 'experiment', 'variant', 'seed', 'status'], results.map((row) => [row.run, row.experiment, row.variant ?? '–', row.seed === null ? '–' : String(row.seed), row.status])));
    return exitCode(results, cancelled);
  });
}

export async function retry([run = '']: readonly string[], options: GlobalOptions): Promise<number> {
  return withEngine(options, 'present-host', async (engine) => {
    const row = await call(engine, 'runs.retry', { run });
    return answerRun(engine, row.runId, options);
  });
}

export async function cancel([run = '']: readonly string[], options: GlobalOptions): Promise<number> {
  return withEngine(options, 'quiet-host', async (engine) => {
    const row = await call(engine, 'runs.cancel', { run });
    if (options.json === true) printJson(row);
    else print(`${row.runId}  ${row.status}`);
    return 0;
  });
}
