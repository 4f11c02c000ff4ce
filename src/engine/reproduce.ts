/** Use case: re-execute a bundle in an empty workspace and judge what came out. */
import { basename, join, resolve } from 'node:path';
import type { Input } from '../api/contract';
import type { ReproduceView } from '../api/rows';
import type { TaskRunView } from '../api/views';
import type { BundleContent, BundleRun } from '../bundle/model';
import { extractBundle } from '../bundle/open';
import { recordedTrace } from '../bundle/recorded';
import type { Trace } from '../bundle/trace';
import { judgeRun, judgeStudy, type RunVerdict, type Verdict } from '../bundle/verdict';
import { verifyBundle } from '../bundle/verify';
import { hashJson } from '../config/hash';
import { showValue } from '../config/problems';
import { dataShape, loadPrepared } from '../datasets/prepared';
import { prepareData } from '../datasets/prepare';
import { refuseCancelled } from '../errors/cancelled';
import { toErrorReport, type Problem } from '../errors/errors';
import type { DataRef, TrainingManifest } from '../events/manifest';
import type { Provenance } from '../events/provenance';
import type { CoreBudget } from '../execution/core-budget';
import type { Spawn } from '../execution/spawn';
import { objectName, objectPath } from '../files/objects';
import { sha256File } from '../files/hash';
import type { DataShape } from '../models/types';
import { captureProvenance } from '../provenance/capture';
import type { RunRow } from '../store/types';
import { executeApart, inTemporaryFolder } from './apart';
import { chooseRuns, missingData, requireTrust } from './bundles';
import type { EngineContext } from './context';
import { bundleEnvironment, compareEnvironments, environmentLeaves, type EnvironmentRow } from './environment';
import { identityOn, manifestOf } from './identity';
import { packageRoot, repriseVersion } from './package-info';
import type { TaskHandle } from './tasks';
import { keepVerdict, type RunTrace } from './verdicts';

export interface ReproduceOptions {
  readonly file: string;
  /** Digest the user trusts. */
  readonly trust: string;
  /** Only the first so many finished runs. */
  readonly runs: number | undefined;
  /** The user's CSV file, for a bundle that has no data. */
  readonly data?: string | undefined;
  /** Folder for everything that is written meanwhile. */
  readonly root: string;
  readonly spawn: Spawn;
  readonly cores: number | CoreBudget;
  readonly signal?: AbortSignal;
  /** What will be executed: ids of the recorded run and of its re-execution. */
  readonly onRuns?: (runs: readonly { readonly recorded: string; readonly here: string; readonly steps: number }[]) => void;
  readonly onRun?: (row: RunRow) => void;
}

/** A bundle's run, ready to be executed here, or the reason why it cannot be. */
interface Candidate {
  readonly run: BundleRun;
  readonly manifest: TrainingManifest | null;
  readonly dataFile: string | null;
  readonly differences: readonly string[];
  readonly sameRuntime: boolean;
  readonly sameData: boolean;
  readonly obstacle: string | null;
}

function notExecuted(run: BundleRun, obstacle: string): Candidate {
  return { run, manifest: null, dataFile: null, differences: [], sameRuntime: false, sameData: false, obstacle };
}

interface LocatedData {
  readonly file: string;
  readonly ref: DataRef;
  readonly shape: DataShape;
}

/** The data of a run: the bundle's file as it is, else made again from a source that needs no file of the author's. */
async function locateData(run: BundleRun, content: BundleContent, unpacked: string, workspace: string, csv: string | undefined): Promise<LocatedData | string> {
  const obstacle = missingData(run, content, csv);
  if (obstacle !== null) return obstacle;
  const { config, data: recorded } = run.manifest;
  const bundled = content.data.find((data) => data.fingerprint === recorded.fingerprint)?.file ?? null;
  if (bundled !== null) {
    const file = join(unpacked, ...bundled.split('/'));
    const fingerprint = await sha256File(file);
    const prepared = await loadPrepared(file);
    return { file, ref: { ...recorded, fingerprint, file: objectName(fingerprint) }, shape: dataShape(prepared, config.data.split) };
  }
  const source = config.data.kind === 'csv' && csv !== undefined ? { ...config.data, path: resolve(csv) } : config.data;
  const { ref, shape } = await prepareData(source, { configFolder: unpacked, workspace, splitSeed: config.seeds.split });
  return { file: objectPath(workspace, ref.fingerprint), ref, shape };
}

async function candidateOf(run: BundleRun, content: BundleContent, unpacked: string, workspace: string, provenance: Provenance, csv: string | undefined): Promise<Candidate> {
  const located = await locateData(run, content, unpacked, workspace, csv);
  const recorded = run.manifest;
  if (typeof located === 'string') return notExecuted(run, located);
  const identity = identityOn(recorded.config, located.ref, located.shape);
  const environment = compareEnvironments(environmentLeaves(recorded.provenance, recorded.runtime), environmentLeaves(provenance, identity.runtime), showValue);
  const differences = environment.flatMap(({ name, recorded: was, here, same }) => (same ? [] : [`${name} was ${was} and is ${here}`]));
  if (identity.trainingGraphHash !== recorded.trainingGraphHash) differences.push('this Reprise builds another training graph from the config');
  if (located.ref.fingerprint !== recorded.data.fingerprint) differences.push('the data in the bundle is not the data the run was trained on (its SHA-256 differs from the recorded fingerprint)');
  return {
    run,
    manifest: manifestOf(identity, provenance, recorded.variant),
    dataFile: located.file,
    differences,
    // Same bits are promised by runtime and graph; other data or seeds are no excuse for a difference.
    sameRuntime: hashJson(identity.runtime) === hashJson(recorded.runtime) && identity.trainingGraphHash === recorded.trainingGraphHash,
    sameData: located.ref.fingerprint === recorded.data.fingerprint,
    obstacle: null,
  };
}

function viewOf({ run, obstacle }: Candidate, judged: RunVerdict): ReproduceView['runs'][number] {
  const { manifest } = run;
  return {
    run: manifest.runId,
    reproductionId: manifest.reproductionId,
    variant: manifest.variant?.variant ?? null,
    seed: manifest.config.seed,
    verdict: judged.verdict,
    firstDivergentStep: judged.firstDivergentStep,
    firstDifferentStep: judged.firstDifferentStep,
    maxRelativeDifference: judged.maxRelativeDifference,
    sentence: obstacle === null ? judged.sentence : `This run was not re-executed: ${obstacle}.`,
    causes: [...judged.causes],
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

/**
 * Re-executes a bundle's finished runs in an empty workspace, with nothing reused.
 * @throws RepriseError TRUST_MISMATCH, BUNDLE_… (altered or no bundle), CANCELLED
 */
export async function reproduceBundle(options: ReproduceOptions): Promise<ReproduceView> {
  return (await executeBundle(options)).result;
}

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
  const recorded = new Map<BundleRun, Trace>();
  for (const run of content.runs) recorded.set(run, await recordedTrace(unpacked, run));
  // Nothing of the stranger's folder is looked at: its code state is the bundle's to tell, not git's.
  const provenance = await captureProvenance({ code: null, environment: {}, packageRoot, repriseVersion });
  const candidates: Candidate[] = [];
  for (const run of content.runs) {
    refuseCancelled(options.signal);
    if (chosen.has(run)) candidates.push(await candidateOf(run, content, unpacked, work, provenance, options.data));
    else candidates.push(notExecuted(run, run.status === 'finished' ? `only ${chosen.size} of ${content.runs.length} were asked for` : `the recorded run is ${run.status}`));
  }

  const runnable = candidates.flatMap((candidate) => (candidate.manifest === null || candidate.dataFile === null ? [] : [{ manifest: candidate.manifest, dataFile: candidate.dataFile }]));
  options.onRuns?.(candidates.flatMap(({ run, manifest }) => (manifest === null ? [] : [{ recorded: run.manifest.runId, here: manifest.runId, steps: run.totalSteps }])));
  const traces = await executeApart({
    root: options.root,
    spawn: options.spawn,
    cores: options.cores,
    manifests: runnable.map(({ manifest }) => manifest),
    dataFiles: [...new Set(runnable.map(({ dataFile }) => dataFile))],
    ...(options.onRun === undefined ? {} : { onRun: options.onRun }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const actual = new Map<TrainingManifest, Trace>(runnable.map(({ manifest }, index) => [manifest, traces[index] as Trace]));

  const judged: RunVerdict[] = [];
  for (const candidate of candidates) {
    judged.push(
      judgeRun(recorded.get(candidate.run) as Trace, candidate.manifest === null ? null : (actual.get(candidate.manifest) ?? null), {
        sameRuntime: candidate.sameRuntime,
        sameData: candidate.sameData,
        differences: candidate.differences,
        tolerance: candidate.run.tolerance,
        metric: candidate.run.manifest.config.selection.metric,
      }),
    );
  }
  const { verdict, sentence } = honest(judgeStudy(judged), problems);
  return {
    result: { verdict, sentence, digest, runs: candidates.map((candidate, index) => viewOf(candidate, judged[index] as RunVerdict)) },
    name: content.name,
    environment: bundleEnvironment(content.runs, provenance),
    traces: candidates.map(({ run, manifest }, index) => ({
      run: run.manifest.runId,
      recorded: recorded.get(run)?.losses ?? [],
      here: manifest === null ? [] : (actual.get(manifest)?.losses ?? []),
      firstDivergentStep: judged[index]?.firstDivergentStep ?? null,
    })),
  };
}

/** Re-executes a bundle and keeps the verdict where the workspace is hosted here. */
export async function reproduce(context: EngineContext, input: Input<'bundle.reproduce'>): Promise<ReproduceView> {
  const file = resolve(input.file);
  const { result } = await context.tasks.run({ id: input.task, kind: 'reproduce', subject: file, title: `Reproduce ${basename(file)}` }, (handle) => reproduceAndKeep(context, { ...input, file }, handle), ({ verdictId }) => verdictId);
  return result;
}

async function reproduceAndKeep(context: EngineContext, input: Input<'bundle.reproduce'>, handle: TaskHandle): Promise<{ readonly result: ReproduceView; readonly verdictId: string | null }> {
  const startedAt = Date.now();
  handle.report(0, null, 'Checking the bundle…');
  /** By id of the re-execution. */
  const runs = new Map<string, TaskRunView>();
  const tell = (text?: string): void => {
    const now = [...runs.values()];
    const ended = now.filter(({ status }) => status === 'finished' || status === 'failed').length;
    const steps = (of: 'done' | 'total'): number => now.reduce((sum, run) => sum + run[of], 0);
    handle.report(steps('done'), steps('total'), text ?? `${ended} of ${now.length} runs re-executed`, now);
  };
  const { traces, ...reproduction } = await executeBundle({
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
  refuseCancelled(handle.signal);
  const { result } = reproduction;
  tell(result.sentence);
  if (context.scheduler === null) return { result, verdictId: null };
  try {
    const verdictId = await keepVerdict(context.workspace, { ...reproduction, seconds: (Date.now() - startedAt) / 1000, file: input.file, traces });
    context.emit('changed', { what: 'verdicts' });
    return { result, verdictId };
  } catch (error) {
    // Hours of re-execution must not be lost for want of a place to note them.
    tell(`${result.sentence} The verdict could not be kept: ${toErrorReport(error).message}`);
    return { result, verdictId: null };
  }
}
