/** Use case: re-execute a bundle in an empty workspace and judge what came out. */
import { basename, join, resolve } from 'node:path';
import type { Input } from '../api/contract';
import type { ReproduceView } from '../api/rows';
import type { TaskRunView } from '../api/long-work';
import { isTrainingRun, stepsOf } from '../bundle/model';
import { extractBundle } from '../bundle/open';
import { judgeStudy, type Verdict } from '../bundle/verdict';
import { verifyBundle } from '../bundle/verify';
import { refuseCancelled } from '../errors/cancelled';
import { toErrorReport, type Problem } from '../errors/errors';
import type { MachineBudget } from '../execution/machine-budget';
import type { Spawn } from '../execution/local/spawn';
import { captureProvenance } from '../provenance/capture';
import type { RunRow } from '../store/types';
import { executeApart, inTemporaryFolder } from './apart';
import { chooseRuns, requireTrust } from './bundles';
import type { EngineContext } from './context';
import { bundleEnvironment, type EnvironmentRow } from './environment';
import { packageRoot, repriseVersion } from './package-info';
import type { Candidate, Judged } from './reproduce-candidate';
import { commandCandidate } from './reproduce-command';
import { trainingCandidate } from './reproduce-training';
import type { TaskHandle } from './tasks';
import { keepVerdict, type RunTrace } from './verdicts';

export interface ReproduceOptions {
  readonly file: string;
  /** Digest the user trusts. */
  readonly trust: string;
  /** Only the first so many finished runs. */
  readonly runs: number | undefined;
  /** The user's CSV file, for a bundle that has no data; the folder that holds the inputs of its commands. */
  readonly data?: string | undefined;
  /** Folder for everything that is written meanwhile. */
  readonly root: string;
  readonly spawn: Spawn;
  readonly cores: number | MachineBudget;
  readonly signal?: AbortSignal;
  /** What will be executed: ids of the recorded run and of its re-execution. */
  readonly onRuns?: (runs: readonly { readonly recorded: string; readonly here: string; readonly steps: number }[]) => void;
  readonly onRun?: (row: RunRow) => void;
}

function viewOf({ run, obstacle }: Candidate, { trace: _trace, ...judged }: Judged): ReproduceView['runs'][number] {
  const { manifest } = run;
  return {
    run: manifest.runId,
    reproductionId: manifest.reproductionId,
    variant: manifest.variant?.variant ?? null,
    seed: manifest.config.seed,
    kind: isTrainingRun(run) ? 'training' : 'command',
    verdict: judged.verdict,
    firstDivergentStep: judged.firstDivergentStep,
    firstDifferentStep: judged.firstDifferentStep,
    maxRelativeDifference: judged.maxRelativeDifference,
    sentence: obstacle === null ? judged.sentence : `This run was not re-executed: ${obstacle}.`,
    causes: [...judged.causes],
    series: judged.series.map((one) => ({ ...one })),
    files: judged.files.map((one) => ({ ...one })),
  };
}

/** A re-execution with all that its verdict is shown by. */
export interface Reproduction {
  readonly result: ReproduceView;
  /** The bundle's name. */
  readonly name: string;
  readonly environment: EnvironmentRow[];
  readonly traces: readonly RunTrace[];
}

/** What came of a re-execution, and where it is kept. */
export interface KeptReproduction {
  readonly result: ReproduceView;
  /** Null where the verdict could not be kept. */
  readonly verdictId: string | null;
  /** Why it could not. */
  readonly notKept: string | null;
}

/**
 * Re-executes a bundle's finished runs in an empty workspace, with nothing reused, and keeps the verdict in `verdicts/` of
 * the root.
 * @throws RepriseError TRUST_MISMATCH, BUNDLE_… (altered or no bundle), CANCELLED
 */
export async function reproduceBundle(options: ReproduceOptions): Promise<KeptReproduction> {
  const startedAt = performance.now();
  const reproduction = await executeBundle(options);
  const { result } = reproduction;
  refuseCancelled(options.signal);
  try {
    const verdictId = await keepVerdict(options.root, { ...reproduction, seconds: (performance.now() - startedAt) / 1000, file: resolve(options.file) });
    return { result, verdictId, notKept: null };
  } catch (error) {
    // Hours of re-execution must not be lost for want of a place to note them.
    return { result, verdictId: null, notKept: toErrorReport(error).message };
  }
}

/** @throws RepriseError as `reproduceBundle` */
async function executeBundle(options: ReproduceOptions): Promise<Reproduction> {
  await requireTrust(options.file, options.trust);
  return inTemporaryFolder(options.root, 'reproduce', (work) => reproduceIn(work, options));
}

/** A bundle that contradicts itself can be shown to be wrong, but not to be right. */
function honest(judged: { readonly verdict: Verdict; readonly sentence: string }, problems: readonly Problem[]): { verdict: Verdict; sentence: string } {
  const [first] = problems;
  if (first === undefined || (judged.verdict !== 'identical' && judged.verdict !== 'within-tolerance')) return judged;
  return { verdict: 'not-comparable', sentence: `${judged.sentence} But the bundle is not as it was exported (${first.path}: ${first.message}), so the record itself cannot be relied on.` };
}

async function reproduceIn(work: string, options: ReproduceOptions): Promise<Reproduction> {
  const unpacked = join(work, 'bundle');
  const { problems } = await verifyBundle(options.file);
  refuseCancelled(options.signal);
  const { digest, content } = await extractBundle(options.file, unpacked, { digest: options.trust.toLowerCase() });
  const chosen = new Set(chooseRuns(content, options.runs));
  // Nothing of the stranger's folder is looked at: its code state is the bundle's to tell, not git's.
  const provenance = await captureProvenance({ code: null, environment: {}, packageRoot, repriseVersion });
  const surroundings = { unpacked, work, data: options.data };
  const candidates: Candidate[] = [];
  for (const run of content.runs) {
    refuseCancelled(options.signal);
    const left = chosen.has(run) ? null : run.status === 'finished' ? `only ${chosen.size} of ${content.runs.length} were asked for` : `the recorded run is ${run.status}`;
    candidates.push(isTrainingRun(run) ? await trainingCandidate(run, content, surroundings, provenance, left) : await commandCandidate(run, content, surroundings, left));
  }

  const ready = candidates.flatMap((candidate) => candidate.ready ?? []);
  options.onRuns?.(candidates.flatMap(({ run, ready: own }) => (own === null ? [] : [{ recorded: run.manifest.runId, here: own.manifest.runId, steps: stepsOf(run) }])));
  const executed = await executeApart({
    root: options.root,
    spawn: options.spawn,
    cores: options.cores,
    runs: ready,
    ...(options.onRun === undefined ? {} : { onRun: options.onRun }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });

  const judged = candidates.map((candidate) => candidate.judge(executed, candidate.ready?.manifest.runId ?? null));
  const { verdict, sentence } = honest(judgeStudy(judged, content.runs.every(isTrainingRun) ? 'training' : 'command'), problems);
  const here = new Map(candidates.flatMap(({ run, here: own }) => (own === null ? [] : [[run.manifest.runId, own] as const])));
  return {
    result: { verdict, sentence, digest, runs: candidates.map((candidate, index) => viewOf(candidate, judged[index] as Judged)) },
    name: content.name,
    environment: bundleEnvironment(content.runs, provenance, here),
    traces: candidates.map(({ run }, index) => {
      const { trace, firstDivergentStep } = judged[index] as Judged;
      return { run: run.manifest.runId, ...trace, firstDivergentStep };
    }),
  };
}

/** Re-executes a bundle and keeps the verdict in the workspace. */
export async function reproduce(context: EngineContext, input: Input<'bundle.reproduce'>): Promise<ReproduceView> {
  const file = resolve(input.file);
  const { result } = await context.tasks.run({ id: input.task, kind: 'reproduce', subject: file, title: `Reproduce ${basename(file)}` }, (handle) => reproduceAsTask(context, { ...input, file }, handle), ({ verdictId }) => verdictId);
  return result;
}

async function reproduceAsTask(context: EngineContext, input: Input<'bundle.reproduce'>, handle: TaskHandle): Promise<KeptReproduction> {
  handle.report(0, null, 'Checking the bundle…');
  /** By id of the re-execution. */
  const runs = new Map<string, TaskRunView>();
  const tell = (text?: string): void => {
    const now = [...runs.values()];
    const ended = now.filter(({ status }) => status === 'finished' || status === 'failed').length;
    const steps = (of: 'done' | 'total'): number => now.reduce((sum, run) => sum + run[of], 0);
    handle.report(steps('done'), steps('total'), text ?? `${ended} of ${now.length} runs re-executed`, now);
  };
  const kept = await reproduceBundle({
    file: input.file,
    trust: input.trust,
    runs: input.runs,
    data: input.data,
    root: context.workspace,
    spawn: context.spawn,
    cores: context.budget,
    signal: handle.signal,
    onRuns: (planned) => {
      for (const { recorded, here, steps } of planned) runs.set(here, { run: recorded, status: 'queued', done: 0, total: steps });
      tell();
    },
    onRun: (row) => {
      const run = runs.get(row.runId);
      if (run !== undefined) runs.set(row.runId, { ...run, status: row.status, done: row.stepsDone });
      tell();
      context.emit('progress', { task: 'reproduce', done: row.stepsDone, total: row.totalSteps, text: `${row.variant ?? row.experiment}, seed ${row.seed}: ${row.status}` });
    },
  });
  const { result, verdictId, notKept } = kept;
  tell(notKept === null ? result.sentence : `${result.sentence} The verdict could not be kept: ${notKept}`);
  if (verdictId !== null) context.emit('changed', { what: 'verdicts' });
  return kept;
}
