/** Why no finished run stands in for a command that was asked before: which files of its code differ. */
import type { StudyPlan } from '../api/rows';
import type { CodeSnapshot } from '../events/provenance';
import type { Snapshot } from '../events/snapshot';
import { readSnapshot } from '../provenance/snapshot';
import type { Store } from '../store/types';
import type { RunPlan } from './plan-runs';

/** Files that are named at most. */
const MOST_NAMED = 5;

export type ChangedCode = NonNullable<StudyPlan['changedCode']>;

/**
 * Looks for finished runs of the experiment that would stand in for these, were the code as it was then.
 * @param plans runs for which nothing stands in, all planned over one code state
 * @param workspace where that code state was put
 * @returns null where no earlier run differs in its code alone
 */
export async function changedCode(store: Store, workspace: string, plans: readonly RunPlan[]): Promise<ChangedCode | null> {
  const [first] = plans;
  if (first === undefined || first.command === null) return null;
  const finished = store.listRuns({ kind: ['command'], experiment: first.config.experiment, status: ['finished'] });
  const newest = new Map(finished.map(({ configHash, runId }) => [configHash, runId]));
  const earlier = new Map(plans.flatMap((plan) => earlierRun(store, plan, newest.get(plan.configHash))));
  // Oldest first.
  const since = finished.findLast(({ runId }) => earlier.has(runId))?.runId ?? '';
  const code = earlier.get(since);
  if (code === undefined) return null;
  const files = await filesThatDiffer(store.workspace, code, workspace, first.command.code);
  return { runs: earlier.size, since, files: files.slice(0, MOST_NAMED), total: files.length };
}

/** The run with its code, where that is all that keeps it from standing in. */
function earlierRun(store: Store, { command, computeHash }: RunPlan, runId: string | undefined): [string, CodeSnapshot][] {
  if (runId === undefined || command === null) return [];
  const manifest = store.manifest(runId);
  if (manifest.kind !== 'command' || manifest.computeHash === computeHash) return [];
  const { code } = manifest.provenance;
  if (code === undefined || code === null) return [];
  return command.hashOver(code) === manifest.computeHash ? [[runId, code]] : [];
}

/** Paths in the order of their names; none where an earlier state is not kept any more. */
async function filesThatDiffer(thenIn: string, then: CodeSnapshot, nowIn: string, now: CodeSnapshot): Promise<string[]> {
  try {
    const [before, after] = [statesOf(await readSnapshot(thenIn, then.snapshot)), statesOf(await readSnapshot(nowIn, now.snapshot))];
    const differ = [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name)).toSorted();
    if (differ.length > 0) return differ;
    // Of withheld files only one digest over all is known.
    return [...after].flatMap(([name, state]) => (state.startsWith(SECRET) ? [name] : []));
  } catch {
    return [];
  }
}

const SECRET = 'withheld: secret ';

function statesOf({ files, withheld }: Snapshot): Map<string, string> {
  return new Map([
    ...files.map(({ path, mode, sha256 }): [string, string] => [path, `${mode} ${sha256}`]),
    ...withheld.map(({ path, reason, trace = '' }): [string, string] => [path, `withheld: ${reason} ${trace}`]),
  ]);
}
