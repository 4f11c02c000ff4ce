/** Use case: everything about a bundle that can be known without executing anything of it. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Input } from '../api/contract';
import type { BundlePage } from '../api/views';
import { secondsPerStep } from '../bundle/durations';
import { isCommandRun, isTrainingRun, stepsOf, type BundleContent, type BundleRun } from '../bundle/model';
import { verifyBundle } from '../bundle/verify';
import { captureProvenance } from '../provenance/capture';
import { chooseRuns, neededFile, neededInputs } from './bundles';
import { commandsOf } from './bundle-commands';
import type { EngineContext } from './context';
import { bundleEnvironment } from './environment';
import { packageRoot, repriseVersion } from './package-info';

/** The author's files that are asked for, each once. */
function needsOf(runs: readonly BundleRun[], content: BundleContent): BundlePage['needs'] {
  const needed = runs.flatMap((run) => neededFile(run, content) ?? []);
  const files = [...new Map(needed.map((file) => [`${file.source}\n${file.sha256 ?? ''}`, file])).values()].map(({ source, sha256 }) => ({
    path: source,
    message: `The data set from ${source} is not in the bundle: re-executing asks for that file${sha256 === null ? '' : ` (its SHA-256 is ${sha256})`}.`,
  }));
  const inputs = runs.filter(isCommandRun).flatMap((run) => neededInputs(run, content));
  return [
    ...files,
    ...[...new Map(inputs.map((input) => [`${input.path}\n${input.fingerprint}`, input])).values()].map(({ path, fingerprint }) => ({ path, message: `The input ${path} is not in the bundle: re-executing asks for a folder that holds it (fingerprint ${fingerprint}).` })),
  ];
}

/** Seconds to start a worker, to evaluate and to write a run's files, in round numbers. */
const RUN_OVERHEAD_SECONDS = 0.5;

/**
 * Seconds that re-executing the runs takes if this machine is as fast as the one that recorded them: each run keeps as
 * many cores busy as it has threads. null where a run's steps were not timed.
 */
function estimatedSeconds(runs: readonly BundleRun[], perStep: ReadonlyMap<string, number>, cores: number): number | null {
  let coreSeconds = 0;
  let longest = 0;
  for (const run of runs) {
    const { manifest } = run;
    const recorded = isTrainingRun(run) ? perStep.get(manifest.runId) : wallSeconds(run);
    if (recorded === undefined) return null;
    const seconds = RUN_OVERHEAD_SECONDS + (isTrainingRun(run) ? recorded * run.totalSteps : recorded);
    coreSeconds += seconds * Math.min(manifest.config.executor.threads, cores);
    longest = Math.max(longest, seconds);
  }
  return runs.length === 0 ? null : Math.max(longest, coreSeconds / cores);
}

function wallSeconds({ startedAt, endedAt }: BundleRun): number | undefined {
  return startedAt === null || endedAt === null ? undefined : (endedAt - startedAt) / 1000;
}

/** @throws RepriseError of kind `input` for a file that is no bundle at all: those of `openBundle` */
export async function inspectBundle({ cores }: EngineContext, input: Input<'bundle.inspect'>): Promise<BundlePage> {
  const file = resolve(input.file);
  const { content, valid, digest, name, license, problems, checks, files } = await verifyBundle(file);
  const chosen = content === null ? [] : chooseRuns(content, undefined);
  const needs = content === null ? [] : needsOf(chosen, content);
  return {
    file,
    bytes: (await stat(file)).size,
    digest,
    name,
    license,
    createdAt: content?.createdAt ?? null,
    valid,
    problems: [...problems],
    checks: checks.map((check) => ({ ...check })),
    runs: (content?.runs ?? []).map((run) => ({
      runId: run.manifest.runId,
      reproductionId: run.manifest.reproductionId,
      variant: run.manifest.variant?.variant ?? null,
      seed: run.manifest.config.seed,
      status: run.status,
      totalSteps: stepsOf(run),
    })),
    commands: content === null ? [] : commandsOf(content),
    files: files.map(({ name: path, bytes }) => ({ path, bytes })),
    environment: content === null ? [] : bundleEnvironment(content.runs, await captureProvenance({ code: null, environment: {}, packageRoot, repriseVersion })),
    needs,
    needsData: needs.length > 0,
    estimatedSeconds: content === null ? null : estimatedSeconds(chosen, await secondsPerStep(file), cores),
  };
}
