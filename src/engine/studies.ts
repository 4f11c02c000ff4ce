/** Use cases of ablations: plan and start. */
import { join } from 'node:path';
import type { Input, Output } from '../api/contract';
import type { StudyPlan } from '../api/rows';
import type { StudySource } from '../api/views';
import { describeChanges } from '../ablation/describe';
import { configFor, expandStudy, type Variant } from '../ablation/expand';
import { selfContainedStudy, type Study } from '../ablation/study';
import { isCommandConfig, type CommandConfig } from '../config/command';
import { hashJson, variantHash } from '../config/hash';
import { configWarnings } from '../config/parse';
import { formatYaml } from '../config/yaml';
import type { RunStatus, Store } from '../store/types';
import { changedCode } from './commands-changed';
import { hostScheduler, type EngineContext } from './context';
import { estimate } from './estimate';
import { coresOfPlaces } from './executors';
import { newId } from './identity';
import { scriptsOf } from './scripts';
import { naming, readStudy, type ReadStudy } from './inputs';
import { withMachine } from './machines-fill';
import { refuseBeyondPlace } from './place-limits';
import { inputsOf, makeRun, RunPlanner, type RunPlan } from './plan-runs';
import { inScratchFolder } from './scratch';
import { warningsOf } from './warnings';

interface PlannedRun {
  readonly seed: number;
  readonly plan: RunPlan;
  /** A finished run that stands in for it. */
  readonly reuses: string | null;
}

interface PlannedVariant {
  readonly variant: Variant;
  readonly runs: readonly PlannedRun[];
}

/**
 * A run of those statuses that can stand in for a planned one. Of a command it must also have kept and read what is asked
 * for now: outputs and metrics are no part of what it computes.
 */
function standInFor({ config, computeHash }: RunPlan, store: Store, statuses: readonly RunStatus[]): string | null {
  const found = store.findByComputeHash(computeHash, statuses);
  if (found === null || !isCommandConfig(config)) return found?.runId ?? null;
  const manifest = store.manifest(found.runId);
  return manifest.kind === 'command' && hashJson(takenFrom(manifest.config)) === hashJson(takenFrom(config)) ? found.runId : null;
}

function takenFrom({ task: { outputs, metrics } }: CommandConfig) {
  return { outputs, metrics };
}

async function planVariants(store: Store, planner: RunPlanner, study: Study, reuse: boolean): Promise<PlannedVariant[]> {
  const planned: PlannedVariant[] = [];
  for (const variant of expandStudy(study)) {
    const runs: PlannedRun[] = [];
    for (const seed of study.seeds) {
      const plan = await planner.plan(configFor(variant, seed));
      runs.push({ seed, plan, reuses: reuse ? standInFor(plan, store, ['finished']) : null });
    }
    planned.push({ variant, runs });
  }
  return planned;
}

async function viewOf(context: EngineContext, study: Study, planned: readonly PlannedVariant[], changed: StudyPlan['changedCode']): Promise<StudyPlan> {
  const all = planned.flatMap((variant) => variant.runs);
  const fresh = all.filter((run) => run.reuses === null);
  const workloads = fresh.map(({ plan }) => plan.workload).filter((workload) => workload !== null);
  const { seconds, basis } = workloads.length === fresh.length ? estimate(context.store, workloads, coresOfPlaces(context.workspace, context.cores)) : { seconds: null, basis: 'how long a command takes is not known' };
  return {
    experiment: study.experiment,
    design: study.design,
    seeds: [...study.seeds],
    variants: planned.map(({ variant, runs }) => ({
      name: variant.name,
      changes: [...variant.changes],
      summary: describeChanges(variant),
      runs: runs.map((run) => ({ seed: run.seed, computeHash: run.plan.computeHash, reuses: run.reuses })),
    })),
    totalRuns: all.length,
    reusedRuns: all.filter((run) => run.reuses !== null).length,
    estimatedSeconds: seconds,
    estimateBasis: basis,
    scripts: await scriptsOf(context.workspace, fresh.map(({ plan }) => plan.config)),
    changedCode: changed,
  };
}

/** @param workspace where code and prepared data go; what is remembered of inputs stays in the engine's own, so that large ones are read once */
function plannerOf({ workspace: own, store, places }: EngineContext, { study, folder, codeFolder }: ReadStudy, workspace: string): RunPlanner {
  const inputs = inputsOf(expandStudy(study).map(({ config }) => config), folder);
  return new RunPlanner({ workspace, folder, codeFolder, config: study.baseline, inputs: [own, ...inputs], places, ...(workspace === own ? {} : { home: own }), ...(store.readOnly ? {} : { cacheFolder: join(own, 'cache') }) });
}

function fileOf(source: StudySource): string | null {
  return typeof source === 'string' ? source : null;
}

/** What an ablation would run; trains nothing. */
export async function planStudy(context: EngineContext, input: Input<'studies.plan'>): Promise<StudyPlan> {
  const read = await readStudy(input.study, (written) => withMachine(written, context.workspace, input.on));
  const reuse = input.reuse ?? true;
  // A plan leaves no trace: data are prepared in a throw-away folder.
  return inScratchFolder(async (scratch) => {
    const planned = await naming(fileOf(input.study), () => planVariants(context.store, plannerOf(context, read, scratch), read.study, reuse));
    return viewOf(context, read.study, planned, await changesOf(context, planned, scratch, reuse));
  });
}

/** @param workspace where the code was put that was planned over */
function changesOf({ store }: EngineContext, planned: readonly PlannedVariant[], workspace: string, reuse: boolean): Promise<StudyPlan['changedCode']> {
  const fresh = planned.flatMap(({ runs }) => runs.filter(({ reuses }) => reuses === null).map(({ plan }) => plan));
  return reuse ? changedCode(store, workspace, fresh) : Promise.resolve(null);
}

/** Queues the runs of an ablation that no finished run can stand in for. */
export async function startStudy(context: EngineContext, input: Input<'studies.start'>): Promise<Output<'studies.start'>> {
  const scheduler = hostScheduler(context);
  const { store } = context;
  const read = await readStudy(input.study, (written) => withMachine(written, context.workspace, input.on));
  const { study, folder } = read;
  const reuse = input.reuse ?? true;
  for (const { config } of expandStudy(study)) {
    await refuseBeyondPlace(config, context.workspace, context.budget);
  }
  const planner = plannerOf(context, read, context.workspace);
  const planned = await naming(fileOf(input.study), () => planVariants(store, planner, study, reuse));
  // Asked before the new runs are there to be found.
  const changed = await changesOf(context, planned, context.workspace, reuse);
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
      const find = (statuses: readonly RunStatus[]): string | null => (reuse ? standInFor(cell.plan, store, statuses) : null);
      const finished = find(['finished']);
      let runId = finished ?? find(['queued', 'running', 'interrupted']);
      if (runId === null) {
        ({ runId } = await makeRun(context, planner, cell.plan, { studyId, variant: variant.name }, folder));
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
  return { experiment: study.experiment, studyId, plan: await viewOf(context, study, planned, changed), runs, warnings: [...configWarnings(study.baseline), ...warningsOf(await planner.provenance())] };
}
