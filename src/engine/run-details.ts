/** Use case: all that is known about one run. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Input, Output } from '../api/contract';
import type { RunDetails } from '../api/views';
import { lineOf } from '../config/command-line';
import { ARTIFACT_FILES, kindOf, type LoggedManifest, type RunManifest } from '../events/manifest';
import { RepriseError } from '../errors/errors';
import type { RunRow, Store } from '../store/types';
import type { EngineContext } from './context';
import { logOf } from './run-log';
import { secondsLeft } from './run-list';
import { sectionsOf } from './run-provenance';
import { declaredValue } from './yardstick';

const MOST_TWINS = 50;
const CHECKPOINT_FILE = /^checkpoint-(\d+)\.safetensors$/u;

/** @throws RepriseError RUN_NOT_FOUND, MANIFEST_MISSING, MANIFEST_INVALID */
export async function describeRunInFull({ store }: EngineContext, input: Input<'runs.details'>): Promise<Output<'runs.details'>> {
  const run = store.getRun(input.run);
  const { runId } = run;
  const manifest = store.manifest(runId);
  const listed = store.listedRun(runId);
  const folder = store.runFolder(runId);
  const log = attemptsOf(store, run);
  return {
    run,
    metric: declaredValue(store, run),
    secondsLeft: secondsLeft(listed, Date.now()),
    folder,
    config: manifest.kind === 'logged' ? {} : { ...manifest.config },
    command: manifest.kind === 'command' ? lineOf(manifest.config.task.command) : null,
    source: manifest.kind === 'logged' ? sourceOf(manifest) : null,
    ...namedData(store, manifest),
    provenance: [...(log.problem === null ? [] : [{ title: 'Event log', items: [{ name: 'Damaged', value: log.problem, kind: 'warning' as const }] }]), ...(await sectionsOf(store, manifest, run))],
    metrics: run.kind === 'training' ? store.metrics(runId) : [],
    artifacts: store.artifacts(runId).map(({ name, sha256, bytes }) => ({ name, file: ARTIFACT_FILES[name], sha256, bytes })),
    checkpoints: checkpointsIn(folder),
    size: log.size,
    attempts: log.attempts,
    places: log.places,
    lineage: lineageOf(store, run),
  };
}

const SYSTEMS: Readonly<Record<LoggedManifest['source']['system'], string>> = { mlflow: 'MLflow', tensorboard: 'TensorBoard', wandb: 'Weights & Biases', table: 'a table' };

/** `logged over the tracking API of MLflow`, `imported from TensorBoard, runs/today`. */
function sourceOf({ source: { system, from } }: LoggedManifest): string {
  return from === null ? `logged over the tracking API of ${SYSTEMS[system]}` : `imported from ${SYSTEMS[system]}, ${from}`;
}

/** Series of a training that its curves show. */
const CURVES = /^(?:train\.(?:loss|learningRate)$|validation\.|test\.)/u;

/** What the run's author named: parameters, tags, series, files, data sets. A training has its config and artifacts instead. */
function namedData(store: Store, manifest: RunManifest): Pick<RunDetails, 'params' | 'tags' | 'series' | 'files' | 'datasets'> {
  const { runId } = manifest;
  const training = kindOf(manifest) === 'training';
  const [data] = store.runData([runId]);
  const entries = (values: Readonly<Record<string, string>> | undefined): RunDetails['params'] => Object.entries(values ?? {}).map(([name, value]) => ({ name, value })).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return {
    params: training ? [] : entries(data?.params),
    tags: entries(data?.tags),
    series: store
      .latestMetrics(runId)
      .filter(({ key }) => !training || !CURVES.test(key))
      .map(({ key, value, step, points, min, max }) => ({ key, latest: value, step, points, min, max })),
    files: training ? [] : store.files(runId).map(({ path, sha256, bytes }) => ({ path, sha256, bytes })),
    datasets: store.datasets(runId).map(({ name, digest, source }) => ({ name, digest, source })),
  };
}

/** A damaged log hides nothing else of the run. */
function attemptsOf(store: Store, run: RunRow): Pick<RunDetails, 'attempts' | 'places' | 'size'> & { readonly problem: string | null } {
  try {
    const { attempts, places, size } = logOf(store, run);
    return { attempts: [...attempts], places: [...places], size, problem: null };
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    return { attempts: [], places: [], size: null, problem: error.message };
  }
}

function checkpointsIn(folder: string): RunDetails['checkpoints'] {
  return readdirSync(folder)
    .flatMap((file) => {
      const step = CHECKPOINT_FILE.exec(file)?.[1];
      const bytes = step === undefined ? null : sizeOf(join(folder, file));
      return step === undefined || bytes === null ? [] : [{ step: Number(step), file, bytes }];
    })
    .toSorted((left, right) => left.step - right.step);
}

/** Null where the worker removed the file just now. */
function sizeOf(file: string): number | null {
  try {
    return statSync(file).size;
  } catch {
    return null;
  }
}

function lineageOf(store: Store, run: RunRow): RunDetails['lineage'] {
  const usedBy = store.studiesWithRun(run.runId).flatMap(({ studyId, experiment, createdAt, variants }) => {
    const variant = variants.find(({ runIds }) => runIds.includes(run.runId));
    return variant === undefined ? [] : [{ studyId, experiment, variant: variant.name, createdAt }];
  });
  return {
    study: run.studyId === null || run.variant === null ? null : { studyId: run.studyId, experiment: run.experiment, variant: run.variant },
    usedBy,
    twins: (run.computeHash === null ? [] : store.sameComputeHash(run.computeHash, MOST_TWINS + 1))
      .filter(({ runId }) => runId !== run.runId)
      .slice(0, MOST_TWINS)
      .map(({ runId, status, weightsHash, createdAt }) => ({ runId, status, weightsHash, createdAt })),
  };
}
