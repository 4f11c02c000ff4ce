/** The surroundings of a run by name, and how two of them compare. The names are those of a verdict's causes. */
import type { BundlePage } from '../api/views';
import { isTrainingRun, type BundleRun } from '../bundle/model';
import { sameValue } from '../config/diff';
import { hasOwnGpus } from '../config/facts';
import { leavesOf } from '../config/leaves';
import type { RuntimeIdentity } from '../events/manifest';
import type { Provenance } from '../events/provenance';
import { environmentOf } from '../provenance/environment';
import { runtimeIdentity } from '../provenance/runtime';

/** Name → value: versions, machine, runtime. */
export function environmentLeaves(provenance: Provenance, runtime: RuntimeIdentity): Map<string, unknown> {
  return new Map<string, unknown>([...Object.entries(environmentOf(provenance)), ...leavesOf({ runtime: { ...runtime } })]);
}

/** The same of a command: its interpreter with each package, and what else can change its numbers. */
export function commandEnvironmentLeaves(provenance: Provenance): Map<string, unknown> {
  return new Map(Object.entries(environmentOf(provenance)).filter(([name]) => !OF_REPRISE.test(name)));
}

/** What only a training's numbers depend on. */
const OF_REPRISE = /^(?:versions\.(?:node|electron|v8|onnxruntime)|lockfile)$/u;

export type EnvironmentRow = BundlePage['environment'][number];

/** A value whole, as a page shows it. */
function plain(value: unknown): string {
  if (value === undefined) return 'not recorded';
  if (value === null) return 'none';
  return Array.isArray(value) ? value.map((entry) => plain(entry)).join(' ') : String(value);
}

/** One row a name that either side has. @param show how a value is written */
export function compareEnvironments(recorded: ReadonlyMap<string, unknown>, here: ReadonlyMap<string, unknown>, show: (value: unknown) => string = plain): EnvironmentRow[] {
  return [...new Set([...recorded.keys(), ...here.keys()])].map((name) => ({
    name,
    recorded: show(recorded.get(name)),
    here: show(here.get(name)),
    same: recorded.has(name) === here.has(name) && sameValue(recorded.get(name), here.get(name)),
  }));
}

/**
 * What the runs of a bundle recorded against this machine, as one list.
 * @param commands what was found for the commands, by run id; the interpreter of one that is not there was not asked for
 */
export function bundleEnvironment(runs: readonly BundleRun[], here: Provenance, commands: ReadonlyMap<string, Provenance> = new Map()): EnvironmentRow[] {
  return mergeEnvironments(
    runs.map((run) => {
      if (isTrainingRun(run)) {
        const { provenance, runtime, config } = run.manifest;
        return compareEnvironments(environmentLeaves(provenance, runtime), environmentLeaves(here, runtimeIdentity(config.executor.threads, runtime.executionProvider, here.gpus, hasOwnGpus(config.executor))));
      }
      const { runId, provenance } = run.manifest;
      const found = commands.get(runId);
      if (found !== undefined) return compareEnvironments(commandEnvironmentLeaves(provenance), commandEnvironmentLeaves(found));
      // The interpreter is that of a folder that is not unpacked yet: of this machine only the rest is known.
      const { python: _python, variables: _variables, ...rest } = provenance;
      const { python: _ours, variables: _own, ...own } = here;
      return compareEnvironments(commandEnvironmentLeaves(rest), commandEnvironmentLeaves(own));
    }),
  );
}

/** Rows of several runs as one list: where runs differ among themselves, a row names each value. */
function mergeEnvironments(lists: readonly (readonly EnvironmentRow[])[]): EnvironmentRow[] {
  const byName = new Map<string, EnvironmentRow[]>();
  for (const row of lists.flat()) byName.set(row.name, [...(byName.get(row.name) ?? []), row]);
  const distinct = (values: readonly string[]): string => [...new Set(values)].join(' or ');
  return [...byName].map(([name, rows]) => ({
    name,
    recorded: distinct(rows.map((row) => row.recorded)),
    here: distinct(rows.map((row) => row.here)),
    same: rows.every((row) => row.same),
  }));
}
