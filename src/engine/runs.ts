/** Use cases of single runs: start, wait, cancel, retry, difference. */
import type { Input, Output } from '../api/contract';
import { diff, sameValue, type Difference } from '../config/diff';
import { configWarnings } from '../config/parse';
import { RepriseError } from '../errors/errors';
import type { RunManifest } from '../events/manifest';
import type { RunRow, Store } from '../store/types';
import { hostScheduler, type EngineContext } from './context';
import { naming, readConfig } from './inputs';
import { withMachine } from './machines-fill';
import { refuseBeyondPlace } from './place-limits';
import { inputsOf, makeRun, RunPlanner } from './plan-runs';
import { resultOf } from './results';
import { dataLeaves, environmentOfRun, type Leaves } from './side-by-side';
import { warningsOf } from './warnings';

/** Runs that will come to an end by themselves. */
const PENDING = ['queued', 'running', 'interrupted'] as const;

/** Queues one run of a config. An unfinished run of the same compute hash is taken up instead, unless `fresh`. */
export async function startRun(context: EngineContext, input: Input<'runs.start'>): Promise<Output<'runs.start'>> {
  const scheduler = hostScheduler(context);
  const { config, folder } = await readConfig(input.config, input.seed, (written) => withMachine(written, context.workspace, input.on));
  await refuseBeyondPlace(config, context.workspace, context.budget);
  const planner = new RunPlanner({ workspace: context.workspace, folder, codeFolder: folder, config, inputs: inputsOf([config], folder), places: context.places });
  const plan = await naming(input.config, () => planner.plan(config));
  const pending = input.fresh === true ? null : context.store.findByComputeHash(plan.computeHash, PENDING);
  // Only a run that was asked for in the same words: one of another experiment stays where it belongs.
  if (pending !== null && pending.configHash === plan.configHash && pending.experiment === config.experiment) {
    scheduler.enqueue(pending.runId);
    return { run: context.store.getRun(pending.runId), resumed: true, warnings: configWarnings(config) };
  }
  const run = await makeRun(context, planner, plan, null, folder);
  scheduler.enqueue(run.runId);
  return { run, resumed: false, warnings: [...configWarnings(config), ...warningsOf(await planner.provenance())] };
}

/** Waits until runs are at an end. */
export async function waitForRuns(context: EngineContext, input: Input<'runs.wait'>): Promise<Output<'runs.wait'>> {
  const ids = input.runs.map((run) => context.store.getRun(run).runId);
  await hostScheduler(context).drain(ids);
  return ids.map((id) => resultOf(context.store, context.store.getRun(id)));
}

export async function cancelRun(context: EngineContext, input: Input<'runs.cancel'>): Promise<RunRow> {
  const run = context.store.getRun(input.run);
  if (run.status === 'finished' || run.status === 'failed') {
    throw new RepriseError('RUN_ENDED', `Run ${run.runId} is ${run.status} already and cannot be cancelled.`, { kind: 'input' });
  }
  await hostScheduler(context).cancel(run.runId);
  return context.store.getRun(run.runId);
}

export async function retryRun(context: EngineContext, input: Input<'runs.retry'>): Promise<RunRow> {
  const run = context.store.getRun(input.run);
  if (run.status === 'finished') throw new RepriseError('RUN_ENDED', `Run ${run.runId} is finished; there is nothing to retry.`, { kind: 'input', hint: 'Start the config again for a fresh run.' });
  await hostScheduler(context).retry(run.runId);
  return context.store.getRun(run.runId);
}

/** Everything known about one run. */
export function describeRun(context: EngineContext, input: Input<'runs.get'>): Output<'runs.get'> {
  const { store } = context;
  const run = store.getRun(input.run);
  return {
    run,
    result: resultOf(store, run),
    metrics: store.metrics(run.runId),
    artifacts: store.artifacts(run.runId).map(({ name, sha256, bytes }) => ({ name, sha256, bytes })),
  };
}

/** Config, environment and data of two runs, leaf by leaf. */
export function diffRuns(context: EngineContext, input: Input<'runs.diff'>): Output<'runs.diff'> {
  const { store } = context;
  const left = store.manifest(store.getRun(input.left).runId);
  const right = store.manifest(store.getRun(input.right).runId);
  return {
    config: diff(settingsOf(store, left), settingsOf(store, right)),
    environment: leavesThatDiffer(environmentOfRun(left), environmentOfRun(right)),
    data: leavesThatDiffer(dataLeaves(store, left), dataLeaves(store, right)),
  };
}

function leavesThatDiffer(left: Leaves, right: Leaves): Difference[] {
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((path) => (sameValue(left.get(path), right.get(path)) ? [] : [{ path, left: left.get(path), right: right.get(path) }]));
}

/** A config, of a logged run its parameters. */
function settingsOf(store: Store, manifest: RunManifest): object {
  return manifest.kind === 'logged' ? (store.runData([manifest.runId])[0]?.params ?? {}) : manifest.config;
}
