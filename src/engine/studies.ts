/** Use cases of ablations: plan and start. */
import type { Input, Output } from '../api/contract';
import type { StudyPlan } from '../api/rows';
import type { StudySource } from '../api/views';
import { describeChanges } from '../ablation/describe';
import { configFor, expandStudy, type Variant } from '../ablation/expand';
import { selfContainedStudy, type Study } from '../ablation/study';
import { variantHash } from '../config/hash';
import { formatYaml } from '../config/yaml';
import { captureProvenance } from '../provenance/capture';
import type { RunStatus, Store } from '../store/types';
import { hostScheduler, type EngineContext } from './context';
import { estimate, type Workload } from './estimate';
import { IdentityFinder, manifestOf, newId, refuseThreads, type RunIdentity } from './identity';
import { naming, readStudy } from './inputs';
import { packageRoot, repriseVersion } from './package-info';
import { inScratchFolder } from './scratch';
import { warningsOf } from './warnings';

interface PlannedRun {
  readonly seed: number;
  readonly identity: RunIdentity;
  /** A finished run with the same compute hash. */
  readonly reuses: string | null;
}

interface PlannedVariant {
  readonly variant: Variant;
  readonly runs: readonly PlannedRun[];
}

async function planVariants(store: Store, finder: IdentityFinder, study: Study, reuse: boolean): Promise<PlannedVariant[]> {
  const planned: PlannedVariant[] = [];
  for (const variant of expandStudy(study)) {
    const runs: PlannedRun[] = [];
    for (const seed of study.seeds) {
      const identity = await finder.find(configFor(variant, seed));
      runs.push({ seed, identity, reuses: reuse ? (store.findByComputeHash(identity.computeHash, ['finished'])?.runId ?? null) : null });
    }
    planned.push({ variant, runs });
  }
  return planned;
}

function viewOf(context: EngineContext, study: Study, planned: readonly PlannedVariant[]): StudyPlan {
  const all = planned.flatMap((variant) => variant.runs);
  const workloads: Workload[] = all
    .filter((run) => run.reuses === null)
    .map(({ identity }) => ({ trainingGraphHash: identity.trainingGraphHash, threads: identity.config.executor.threads, steps: identity.totalSteps, flopsPerStep: identity.flopsPerStep }));
  const { seconds, basis } = estimate(context.store, workloads, context.cores);
  return {
    experiment: study.experiment,
    design: study.design,
    seeds: [...study.seeds],
    variants: planned.map(({ variant, runs }) => ({
      name: variant.name,
      changes: [...variant.changes],
      summary: describeChanges(variant),
      runs: runs.map((run) => ({ seed: run.seed, computeHash: run.identity.computeHash, reuses: run.reuses })),
    })),
    totalRuns: all.length,
    reusedRuns: all.filter((run) => run.reuses !== null).length,
    estimatedSeconds: seconds,
    estimateBasis: basis,
  };
}

function fileOf(source: StudySource): string | null {
  return typeof source === 'string' ? source : null;
}

/** What an ablation would run; trains nothing. */
export async function planStudy(context: EngineContext, input: Input<'studies.plan'>): Promise<StudyPlan> {
  const { study, folder } = await readStudy(input.study);
  // A plan leaves no trace: data are prepared in a throw-away folder.
  return inScratchFolder(async (scratch) => viewOf(context, study, await naming(fileOf(input.study), () => planVariants(context.store, new IdentityFinder(scratch, folder), study, input.reuse ?? true))));
}

/** Queues the runs of an ablation that no finished run can stand in for. */
export async function startStudy(context: EngineContext, input: Input<'studies.start'>): Promise<Output<'studies.start'>> {
  const scheduler = hostScheduler(context);
  const { store } = context;
  const { study, folder, codeFolder } = await readStudy(input.study);
  const reuse = input.reuse ?? true;
  for (const variant of expandStudy(study)) refuseThreads(variant.config, context.cores);
  const planned = await naming(fileOf(input.study), () => planVariants(store, new IdentityFinder(context.workspace, folder), study, reuse));
  const provenance = await captureProvenance({ code: codeFolder === null ? null : { folder: codeFolder, workspace: context.workspace }, environment: study.baseline.environment, packageRoot, repriseVersion });
  const studyId = newId();
  const seeds = [...study.seeds];
  const variants = planned.map(({ variant }) => ({
    name: variant.name,
    changes: [...variant.changes],
    variantHash: variantHash(variant.config),
    runIds: seeds.map((): string | null => null),
  }));
  const runs: { run: string; reused: boolean }[] = [];
  // Seed by seed, so that an ablation stopped half way has whole seeds to compare.
  for (const [column, _seed] of seeds.entries()) {
    for (const [row, { variant, runs: cells }] of planned.entries()) {
      const cell = cells[column];
      const target = variants[row];
      if (cell === undefined || target === undefined) continue;
      // Looked for again: since the plan was made a run may have been deleted, or come to its end.
      const find = (statuses: readonly RunStatus[]): string | null => (reuse ? (store.findByComputeHash(cell.identity.computeHash, statuses)?.runId ?? null) : null);
      const finished = find(['finished']);
      let runId = finished ?? find(['queued', 'running', 'interrupted']);
      if (runId === null) {
        const run = await store.createRun(manifestOf(cell.identity, provenance, { studyId, variant: variant.name }));
        context.emit('run', run);
        ({ runId } = run);
      }
      target.runIds[column] = runId;
      runs.push({ run: runId, reused: finished !== null });
    }
  }
  // Kept whole, so that report and bundle hand on a study that needs no other file.
  const source = formatYaml(selfContainedStudy(study));
  await store.saveStudy({ studyId, experiment: study.experiment, createdAt: Date.now(), source, variants, seeds });
  context.emit('changed', { what: 'studies' });
  // Its runs are asked for now, whatever other study holds them.
  for (const { run, reused } of runs) if (!reused) scheduler.enqueue(run);
  return { experiment: study.experiment, studyId, plan: viewOf(context, study, planned), runs, warnings: warningsOf(provenance) };
}
