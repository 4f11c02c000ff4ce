/** A run in a bundle against itself: index, manifest, config, event log and files must tell one story. */
import { createHash } from 'node:crypto';
import { canonicalJson, computeHash, configHash } from '../config/hash';
import { mapMetrics, type MetricNumbers } from '../config/metrics';
import { modelPath } from '../config/models';
import { parseTrainingConfig } from '../config/parse';
import { parseYaml } from '../config/yaml';
import type { Config } from '../config/schema';
import type { Problem } from '../errors/errors';
import { confusionSchema } from '../events/confusion';
import type { RunState } from '../events/fold';
import type { TrainingManifest } from '../events/manifest';
import { nextChain } from '../events/hash-chain';
import type { ArtifactName } from '../events/records';
import { initializerData } from '../onnx/initializers';
import { decodeSafetensors, tensorsHash, type NamedTensor } from '../tensors/safetensors';
import type { TrainingBundleRun } from './model';
import { sameMetrics } from './trace';

function same(a: number | null, b: number | null): boolean {
  return a === b || (a !== null && b !== null && Number.isNaN(a) && Number.isNaN(b));
}

function equalMetrics(left: MetricNumbers, right: MetricNumbers): boolean {
  return sameMetrics(left, right) && sameMetrics(right, left);
}

/** What the index says of a run against its event log. */
function outcomeProblems(run: TrainingBundleRun, log: RunState): string[] {
  const { finished } = log;
  const test = log.metrics.findLast((record) => record.split === 'test');
  const wrong: string[] = [];
  if (run.status !== log.status) wrong.push(`status "${run.status}", the log "${log.status}"`);
  if (run.totalSteps !== (log.totalSteps ?? 0)) wrong.push(`${run.totalSteps} steps, the log ${log.totalSteps ?? 0}`);
  if (finished !== null) {
    if (log.losses.length !== log.totalSteps) wrong.push(`a finished run, the log ${log.losses.length} of ${log.totalSteps} steps`);
    if (run.weightsHash !== finished.weightsHash) wrong.push('another weights hash than the log');
    if (run.selectedStep !== finished.selectedStep) wrong.push(`step ${run.selectedStep} as the selected one, the log ${finished.selectedStep}`);
    if (!same(run.finalLoss, Number(finished.finalLoss)) || !same(run.bestLoss, Number(finished.bestLoss))) wrong.push('other losses than the log');
    if (test === undefined) wrong.push('a finished run, the log no test metrics');
    else if (run.metrics === null || !equalMetrics(run.metrics, mapMetrics(test.values, Number))) wrong.push('other test metrics than the log');
  }
  return wrong;
}

/** What an event log says against what else it says. */
function logProblems(log: RunState): string[] {
  const wrong: string[] = [];
  if (log.learningRates.length !== log.losses.length) wrong.push(`has ${log.losses.length} losses and ${log.learningRates.length} learning rates.`);
  let chain = '';
  for (const link of log.weightsHashes) {
    chain = nextChain(chain, link.step, link.hash);
    if (link.chain === chain) continue;
    wrong.push(`has a broken hash chain: the link after ${link.step} steps does not follow from those before it.`);
    break;
  }
  const { finished } = log;
  if (finished === null) return wrong;
  const selected = log.weightsHashes.find(({ step }) => step === finished.selectedStep);
  if (selected !== undefined && selected.hash !== finished.weightsHash) wrong.push(`has two hashes of the weights after ${finished.selectedStep} steps.`);
  const test = log.metrics.findLast((record) => record.split === 'test');
  if (test !== undefined && test.step !== finished.selectedStep) wrong.push(`has test metrics after ${test.step} steps, and selects those after ${finished.selectedStep}.`);
  let best = Number.NaN;
  for (const loss of log.losses) if (!(best <= loss) && !Number.isNaN(loss)) best = loss;
  const last = log.losses.at(-1);
  if (last !== undefined && (!same(last, Number(finished.finalLoss)) || !same(best, Number(finished.bestLoss)))) wrong.push('ends with a final or best loss that is not that of its steps.');
  return wrong;
}

/**
 * What a manifest says against its own hashes, and of the model's file against its config.
 * @param config as it stands in the manifest: that of an earlier Reprise lacks settings that came later, of which its hashes know nothing
 */
function manifestProblems(manifest: TrainingManifest, config: Config): string[] {
  const { model, runtime, trainingGraphHash } = manifest;
  const wrong: string[] = [];
  if (manifest.configHash !== configHash(config)) wrong.push('has a configHash that is not that of its config.');
  if (manifest.computeHash !== computeHash(config, { dataFingerprint: manifest.data.fingerprint, modelFile: model?.sha256, trainingGraphHash, runtime })) {
    wrong.push('has a computeHash that is not that of its config, data, model, training graph and runtime.');
  }
  if ((modelPath(config.model) === null) !== (model === undefined)) wrong.push(model === undefined ? 'has a model that is read from a file, and no hash of that file.' : 'has the hash of a model file, and a model that is read from none.');
  return wrong;
}

/** Whether every weight stands in the inference graph under its name, bit for bit. */
function holdsWeights(inferenceGraph: Uint8Array, weights: readonly NamedTensor[]): boolean {
  const initializers = initializerData(inferenceGraph);
  return weights.every(({ name, data }) => {
    const found = initializers.get(name);
    return found !== undefined && Buffer.compare(found, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) === 0;
  });
}

/** What the check of a run may look at. */
export interface RunFiles {
  /** SHA-256 of a file, undefined where it could not be read. */
  readonly sha256: (path: string) => string | undefined;
  /** @throws RepriseError */
  readonly readText: (path: string) => Promise<string>;
  /** Bytes of a file, or null where it is not there or too large to be looked into. @throws RepriseError */
  readonly read: (path: string) => Promise<Uint8Array | null>;
  /** Does a check whose failure is a problem of `path`. */
  readonly attempt: (path: string, check: () => Promise<void>) => Promise<void>;
}

/** The first trainer whose runs have their initial weights in a file; those of earlier ones are drawn from the seed. */
const STORES_INITIAL_WEIGHTS = 3;

function artifactProblems(run: TrainingBundleRun, log: RunState, files: RunFiles): Problem[] {
  const problems: Problem[] = [];
  for (const [name, path] of Object.entries(run.files) as [ArtifactName, string | undefined][]) {
    const found = path === undefined ? undefined : files.sha256(path);
    if (path === undefined || found === undefined) continue;
    const recorded = log.artifacts.get(name);
    if (recorded === undefined) problems.push({ path, message: `is given as the ${name} of run ${run.manifest.runId}, of which ${run.eventLog} knows nothing.` });
    else if (recorded.sha256 !== found) problems.push({ path, message: `is not the ${name} that ${run.eventLog} names.` });
  }
  if (run.status !== 'finished') return problems;
  const { model, runtime } = run.manifest;
  const needed: readonly ArtifactName[] = [...(model === undefined ? [] : ['model-file' as const]), 'weights', 'training-graph', ...(runtime.trainer < STORES_INITIAL_WEIGHTS ? [] : ['initial-weights' as const]), 'scalars'];
  for (const name of needed) {
    if (run.files[name] === undefined) problems.push({ path: `data/runs/${run.manifest.runId}`, message: `has no ${name}, without which the run cannot be replayed.` });
  }
  const modelFile = run.files['model-file'];
  const modelHash = modelFile === undefined ? undefined : files.sha256(modelFile);
  if (modelFile !== undefined && modelHash !== undefined && modelHash !== model?.sha256) problems.push({ path: modelFile, message: `is not the model file that the run ${run.manifest.runId} names.` });
  const graph = run.files['training-graph'];
  const graphHash = graph === undefined ? undefined : files.sha256(graph);
  if (graph !== undefined && graphHash !== undefined && graphHash !== run.manifest.trainingGraphHash) {
    problems.push({ path: graph, message: `is not the training graph that the run ${run.manifest.runId} names.` });
  }
  return problems;
}

/** Tensors of a file whose hash the log gives; null where one of the two is missing. */
async function weightsOf(run: TrainingBundleRun, path: string | undefined, hash: string | undefined, files: RunFiles, problems: Problem[]): Promise<readonly NamedTensor[] | null> {
  const bytes = path === undefined || hash === undefined ? null : await files.read(path);
  if (path === undefined || bytes === null) return null;
  const { tensors } = decodeSafetensors(bytes);
  if (tensorsHash(tensors, () => createHash('sha256')) !== hash) problems.push({ path, message: `holds other weights than those whose hash ${run.eventLog} gives.` });
  return tensors;
}

/** The weights of the beginning and the end against their hashes in the log, and the inference graph against the weights. */
async function modelProblems(run: TrainingBundleRun, log: RunState, files: RunFiles): Promise<Problem[]> {
  const { weights: path, 'initial-weights': initialPath, 'inference-graph': graphPath } = run.files;
  const problems: Problem[] = [];
  await weightsOf(run, initialPath, log.weightsHashes.find(({ step }) => step === 0)?.hash, files, problems);
  const weights = await weightsOf(run, path, log.finished?.weightsHash, files, problems);
  if (weights === null) return problems;
  const graph = graphPath === undefined ? null : await files.read(graphPath);
  if (graphPath !== undefined && graph !== null && !holdsWeights(graph, weights)) problems.push({ path: graphPath, message: `holds other weights than ${path}.` });
  return problems;
}

/** The confusion matrix against the accuracy in the log. */
async function confusionProblems(run: TrainingBundleRun, log: RunState, files: RunFiles): Promise<Problem[]> {
  const path = run.files['confusion-matrix'];
  if (path === undefined) return [];
  const parsed = confusionSchema.safeParse(JSON.parse(await files.readText(path)));
  if (!parsed.success) return [{ path, message: 'is no confusion matrix.' }];
  const { counts } = parsed.data;
  const examples = counts.flat().reduce((sum, count) => sum + count, 0);
  const right = counts.reduce((sum, row, place) => sum + (row[place] ?? 0), 0);
  const accuracy = log.metrics.findLast((record) => record.split === 'test')?.values.accuracy;
  return accuracy !== undefined && same(right / examples, Number(accuracy)) ? [] : [{ path, message: `does not give the test accuracy that ${run.eventLog} does.` }];
}

/** Everything a training of a bundle says twice, compared. Appends to `problems`. */
export async function checkRun(run: TrainingBundleRun, log: RunState, files: RunFiles, problems: Problem[]): Promise<void> {
  const { manifest } = run;
  for (const wrong of outcomeProblems(run, log)) problems.push({ path: 'data/bundle.json', message: `gives run ${manifest.runId} ${wrong}.` });
  for (const message of logProblems(log)) problems.push({ path: run.eventLog, message });
  const source = `data/runs/${manifest.runId}/run.json`;
  await files.attempt(source, async () => {
    const { config } = JSON.parse(await files.readText(source)) as TrainingManifest;
    for (const message of manifestProblems(manifest, config)) problems.push({ path: source, message });
  });
  problems.push(...artifactProblems(run, log, files));
  await files.attempt(run.configFile, async () => {
    const config = parseTrainingConfig(parseYaml(await files.readText(run.configFile), run.configFile), run.configFile);
    if (canonicalJson(config) !== canonicalJson(manifest.config)) problems.push({ path: run.configFile, message: `is not the config in the manifest of run ${manifest.runId}.` });
  });
  await files.attempt(run.files['confusion-matrix'] ?? run.eventLog, async () => void problems.push(...(await confusionProblems(run, log, files))));
  await files.attempt(run.files.weights ?? run.eventLog, async () => void problems.push(...(await modelProblems(run, log, files))));
}
