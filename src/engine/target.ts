import { RepriseError } from '../errors/errors';
import type { RunRow, Store } from '../store/types';
import { arrange, type Arrangement } from './arrange';
import { isWithin, loggedData } from './nested';

/** What a report or a bundle is about: an experiment with its variants, or one run. */
export interface Target {
  readonly kind: 'experiment' | 'run';
  /** The experiment's name, or the run's reproductionId. */
  readonly name: string;
  readonly runs: readonly RunRow[];
  /** Null for a single run. */
  readonly arrangement: Arrangement | null;
  /** YAML of the study, or null. */
  readonly source: string | null;
}

/** The name each run has in the arrangement, by run id: a run that another study made keeps that study's name in its own record. */
export function variantNames(arrangement: Arrangement | null): Map<string, string> {
  return new Map(arrangement?.variants.flatMap(({ name, runs }) => runs.flatMap((run) => (run === null ? [] : [[run.runId, name] as const]))));
}

/**
 * An experiment by its name, else a run by its id.
 * @param options.executable of an experiment only the runs that Reprise started; there may be none
 * @throws RepriseError TARGET_NOT_FOUND
 */
export function chooseTarget(store: Store, name: string, options: { readonly executable?: boolean } = {}): Target {
  if (store.latestStudy(name) !== null || store.listRuns({ experiment: name }).length > 0) {
    const arrangement = arrange(store, name, options);
    const runs = arrangement.variants.flatMap((variant) => variant.runs.filter((run) => run !== null));
    return { kind: 'experiment', name, runs: [...new Map(runs.map((run) => [run.runId, run])).values()], arrangement, source: arrangement.source };
  }
  try {
    const run = store.getRun(name);
    return { kind: 'run', name: run.reproductionId, runs: [run], arrangement: null, source: null };
  } catch (error) {
    if (!(error instanceof RepriseError) || error.code !== 'RUN_NOT_FOUND') throw error;
    const known = store.listExperiments().map((row) => row.name);
    throw new RepriseError('TARGET_NOT_FOUND', `There is no experiment and no run ${JSON.stringify(name)} in ${store.workspace}.`, {
      kind: 'input',
      hint: known.length === 0 ? 'The workspace has no runs yet.' : `Experiments: ${known.slice(0, 10).join(', ')}.`,
    });
  }
}

/** What a bundle can hold of a target, and what it cannot. */
export interface Exportable {
  readonly target: Target;
  /** Logged runs that executing the others does not make anew. */
  readonly leftOut: readonly RunRow[];
}

/**
 * Of an experiment the runs that Reprise started. What their programs nested in them comes anew with them.
 * @throws RepriseError TARGET_NOT_FOUND, RUN_LOGGED where all were logged by other programs
 */
export function chooseExportable(store: Store, name: string): Exportable {
  const target = chooseTarget(store, name, { executable: true });
  const runs = target.kind === 'run' ? target.runs : store.listRuns({ experiment: name });
  const logged = loggedData(store, runs);
  const executed = new Set(runs.flatMap(({ kind, runId }) => (kind === 'logged' ? [] : [runId])));
  const leftOut = runs.filter(({ kind, runId }) => kind === 'logged' && !isWithin(runId, logged, (id) => executed.has(id)));
  if (leftOut.length > 0 && !target.runs.some(({ kind }) => kind !== 'logged')) {
    throw new RepriseError('RUN_LOGGED', `${target.kind === 'run' ? `Run ${leftOut[0]?.runId ?? name} was` : `All runs of ${JSON.stringify(name)} were`} logged by another program: nobody recorded what would execute ${target.kind === 'run' ? 'it' : 'them'} again.`, {
      kind: 'input',
      hint: 'Write a report (`reprise report`), or start the program by a config with a `task` and export that.',
    });
  }
  return { target, leftOut };
}
