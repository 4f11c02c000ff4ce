/** Use cases: how fit a run is to be repeated, before and after it. */
import type { Input, Output } from '../api/contract';
import type { Score, ScoreFact } from '../api/provenance';
import { baselinePath } from '../ablation/study';
import type { LoggedManifest, RunManifest } from '../events/manifest';
import type { Snapshot } from '../events/snapshot';
import { readSnapshot } from '../provenance/snapshot';
import type { RunRow, Store } from '../store/types';
import type { EngineContext } from './context';
import { naming, readConfig, readDocument, readStudy } from './inputs';
import { withMachine } from './machines-fill';
import { inputsOf, RunPlanner } from './plan-runs';
import { qualityOf, type Quality } from './score-quality';
import { factsOf, scoreOf, type Fact, type Outcome } from './score-facts';
import { inScratchFolder } from './scratch';
import { chooseTarget } from './target';

/** Runs of the same compute hash that are looked at. */
const MOST_TWINS = 20;

interface Scored {
  readonly facts: readonly Fact[];
  readonly quality: readonly Quality[];
}

function outcomeOf(store: Store, manifest: RunManifest, row: RunRow): Outcome {
  const hashes = manifest.kind === 'logged' || row.computeHash === null ? [] : store.sameComputeHash(row.computeHash, MOST_TWINS).flatMap(({ weightsHash }) => weightsHash ?? []);
  return {
    finished: row.status === 'finished',
    status: row.status,
    repeats: hashes.length < 2 ? null : new Set(hashes).size === 1,
    logged: manifest.kind === 'logged' ? loggedOf(store, manifest) : null,
  };
}

function loggedOf(store: Store, { runId }: LoggedManifest): Outcome['logged'] {
  const [data] = store.runData([runId]);
  return { params: Object.keys(data?.params ?? {}), tags: data?.tags ?? {}, datasets: store.datasets(runId).length };
}

/** The list of the code's files; null where it is not kept (any more): its facts then count as missing. */
async function snapshotOf(workspace: string, manifest: RunManifest): Promise<Snapshot | null> {
  const code = manifest.kind === 'logged' ? null : (manifest.provenance.code ?? null);
  return code === null ? null : readSnapshot(workspace, code.snapshot).catch(() => null);
}

async function scored(workspace: string, manifest: RunManifest, outcome: Outcome | null): Promise<Scored> {
  const facts = factsOf(manifest, outcome);
  return { facts, quality: qualityOf(manifest, facts, outcome, await snapshotOf(workspace, manifest)) };
}

/** Facts of several runs as one list: a fact is as bad as in the worst of them, and says in how many it is good. */
function merged(runs: readonly Scored[]): ScoreFact[] {
  const byId = new Map<string, Fact[]>();
  for (const { facts } of runs) for (const fact of facts) byId.set(fact.id, [...(byId.get(fact.id) ?? []), fact]);
  const order: readonly Fact['group'][] = ['Code', 'Environment', 'Randomness', 'Data', 'Result', 'Metadata'];
  const list = [...byId.values()].flatMap((facts): ScoreFact[] => {
    const shown = facts.find(({ state }) => state === 'bad') ?? facts.find(({ state }) => state === 'missing') ?? facts[0];
    return shown === undefined ? [] : [{ ...shown, good: facts.filter(({ state }) => state === 'good').length, of: facts.length }];
  });
  return list.sort((left, right) => order.indexOf(left.group) - order.indexOf(right.group));
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function view(kind: Score['kind'], name: string, runs: readonly Scored[]): Score {
  const scores = runs.map(({ facts }) => scoreOf(facts));
  const quality = (runs[0]?.quality ?? []).map((metric, index) => ({
    ...metric,
    percent: mean(runs.map((run) => run.quality[index]?.percent ?? 0)),
    missing: [...new Set(runs.flatMap((run) => run.quality[index]?.missing ?? []))],
  }));
  return { kind, name, runs: runs.length, score: mean(scores), least: Math.min(...scores), facts: merged(runs), quality };
}

/** Of a run, or of the runs of an experiment that its comparison shows. @throws RepriseError TARGET_NOT_FOUND */
export async function scoreRuns({ store }: EngineContext, input: Input<'runs.score'>): Promise<Output<'runs.score'>> {
  const target = chooseTarget(store, input.target);
  const runs: Scored[] = [];
  for (const row of target.runs) {
    const manifest = store.manifest(row.runId);
    runs.push(await scored(store.workspace, manifest, outcomeOf(store, manifest, row)));
  }
  return view(target.kind, target.name, runs);
}

/**
 * Of a config, or a study by its baseline, as it would run here and now. Captures code and environment in a throw-away
 * folder; nothing is started.
 * @throws RepriseError of reading the file, its data or its model
 */
export async function scoreConfig(context: EngineContext, input: Input<'config.score'>): Promise<Output<'config.score'>> {
  const { value } = await readDocument(input.config);
  const complete = (written: unknown): unknown => withMachine(written, context.workspace);
  const isStudy = baselinePath(value) !== null || (typeof value === 'object' && value !== null && 'baseline' in value);
  const read = isStudy ? await readStudy(input.config, complete).then(({ study, folder }) => ({ config: study.baseline, folder })) : await readConfig(input.config, input.seed, complete);
  const { config, folder } = read;
  return inScratchFolder(async (scratch) => {
    const planner = new RunPlanner({ workspace: scratch, folder, codeFolder: folder, config, inputs: [context.workspace, ...inputsOf([config], folder)], places: context.places });
    const plan = await naming(input.config, () => planner.plan(config));
    return view('config', config.experiment, [await scored(scratch, plan.manifest(await planner.provenance(), null), null)]);
  });
}
