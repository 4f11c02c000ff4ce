/** A training of a bundle, made ready to be executed here, and judged. */
import { basename, join, resolve } from 'node:path';
import type { BundleContent, TrainingBundleRun } from '../bundle/model';
import { recordedTrace } from '../bundle/recorded';
import { judgeRun } from '../bundle/verdict';
import { dataPaths, withDataPaths } from '../config/data';
import { hashJson } from '../config/hash';
import { showValue } from '../config/problems';
import type { DataConfig } from '../config/schema';
import { dataShape, loadPrepared } from '../datasets/prepared';
import { prepareData } from '../datasets/prepare';
import { RepriseError } from '../errors/errors';
import { isExact, type DataRef } from '../events/manifest';
import type { Provenance } from '../events/provenance';
import { objectName, objectPath } from '../files/objects';
import { sha256File } from '../files/hash';
import type { DataShape } from '../models/types';
import { missingData } from './bundles';
import { compareEnvironments, environmentLeaves } from './environment';
import { identityOn, manifestOf } from './identity';
import { loadModel, type PreparedModel } from './model-file';
import { providerObstacle } from './providers';
import { trainingHere } from './reproduce-place';
import { differencesOf, type Candidate, type Surroundings } from './reproduce-candidate';

interface LocatedData {
  readonly file: string;
  readonly ref: DataRef;
  readonly shape: DataShape;
}

/** The data of a run: the bundle's file as it is, else made again from a source that needs no file of the author's. */
async function locateData(run: TrainingBundleRun, content: BundleContent, { unpacked, work, data: given }: Surroundings): Promise<LocatedData | string> {
  const obstacle = missingData(run, content, given);
  if (obstacle !== null) return obstacle;
  const { config, data: recorded } = run.manifest;
  const bundled = content.data.find((data) => data.fingerprint === recorded.fingerprint)?.file ?? null;
  if (bundled !== null) {
    const file = join(unpacked, ...bundled.split('/'));
    const fingerprint = await sha256File(file);
    const prepared = await loadPrepared(file);
    return { file, ref: { ...recorded, fingerprint, file: objectName(fingerprint) }, shape: dataShape(prepared, config.data.split) };
  }
  const source = given === undefined ? config.data : dataAt(config.data, resolve(given));
  const { ref, shape } = await prepareData(source, { configFolder: unpacked, workspace: work, splitSeed: config.seeds.split });
  return { file: objectPath(work, ref.fingerprint), ref, shape };
}

/** The user's ONNX file as the bundle has it, or why it is not at hand; null where the model is none of a file. */
async function locateModel({ manifest, files }: TrainingBundleRun, unpacked: string): Promise<{ readonly file: string; readonly model: PreparedModel } | string | null> {
  if (manifest.model === undefined) return null;
  const held = files['model-file'];
  if (held === undefined) return 'the ONNX file of its model is not in the bundle';
  const file = join(unpacked, ...held.split('/'));
  try {
    return { file, model: await loadModel(file, manifest.model) };
  } catch (error) {
    if (!(error instanceof RepriseError)) throw error;
    return `the ONNX file of its model cannot be used (${error.message})`;
  }
}

/** The data from a place that a person gave: the one file or folder they are read from, or a folder that holds all. */
function dataAt(data: DataConfig, place: string): DataConfig {
  const several = dataPaths(data).length > 1;
  return withDataPaths(data, (path) => (several ? join(place, basename(path)) : place));
}

/** @throws RepriseError BUNDLE_INVALID for a record that cannot be read */
export async function trainingCandidate(run: TrainingBundleRun, content: BundleContent, surroundings: Surroundings, provenance: Provenance, chosen: string | null): Promise<Candidate> {
  const recordedRun = await recordedTrace(surroundings.unpacked, run);
  const losses = (values: readonly number[]): { readonly steps: readonly number[]; readonly values: readonly number[] } => ({ steps: values.map((_, step) => step), values });
  const judgeWith = (context: { readonly sameRuntime: boolean; readonly sameData: boolean; readonly differences: readonly string[] }): Candidate['judge'] => (executed, here) => {
    const actual = here === null ? null : (executed.trainings.get(here) ?? null);
    const judged = judgeRun(recordedRun, actual, { ...context, tolerance: run.tolerance, metric: run.manifest.config.selection.metric });
    return { ...judged, series: [], files: [], trace: { key: 'train.loss', recorded: losses(recordedRun.losses), here: losses(actual?.losses ?? []) } };
  };
  const unready = (obstacle: string): Candidate => ({ run, ready: null, obstacle, here: null, judge: judgeWith({ sameRuntime: false, sameData: false, differences: [] }) });
  const obstacle = chosen ?? providerObstacle(run.manifest.runtime.executionProvider);
  if (obstacle !== null) return unready(obstacle);
  const located = await locateData(run, content, surroundings);
  if (typeof located === 'string') return unready(located);
  const model = await locateModel(run, surroundings.unpacked);
  if (typeof model === 'string') return unready(model);
  const recorded = run.manifest;
  const identity = identityOn(trainingHere(recorded.config), located.ref, located.shape, { model: model?.model ?? null, provider: recorded.runtime.executionProvider, gpus: provenance.gpus });
  const differences = differencesOf(compareEnvironments(environmentLeaves(recorded.provenance, recorded.runtime), environmentLeaves(provenance, identity.runtime), showValue));
  if (!isExact(recorded.runtime)) differences.push(`${recorded.runtime.executionProvider} does not promise the same bits every time`);
  if (identity.trainingGraphHash !== recorded.trainingGraphHash) differences.push('this Reprise builds another training graph from the config');
  if (located.ref.fingerprint !== recorded.data.fingerprint) differences.push('the data in the bundle is not the data the run was trained on (its SHA-256 differs from the recorded fingerprint)');
  if (identity.model?.sha256 !== recorded.model?.sha256) differences.push('the ONNX file in the bundle is not the one the run was trained from (its SHA-256 differs from the recorded one)');
  return {
    run,
    ready: { manifest: manifestOf(identity, provenance, recorded.variant), objects: [located.file, ...(model === null ? [] : [model.file])] },
    obstacle: null,
    here: null,
    judge: judgeWith({
      // Same bits are promised by runtime and graph; other data or seeds are no excuse for a difference.
      sameRuntime: isExact(recorded.runtime) && hashJson(identity.runtime) === hashJson(recorded.runtime) && identity.trainingGraphHash === recorded.trainingGraphHash,
      sameData: located.ref.fingerprint === recorded.data.fingerprint && identity.model?.sha256 === recorded.model?.sha256,
      differences,
    }),
  };
}
