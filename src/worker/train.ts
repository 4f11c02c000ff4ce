/** The training of one run, from its first step or its newest checkpoint to its end. */
import { diff } from '../config/diff';
import { hasOwnGpus, resolveSeeds } from '../config/facts';
import { higherIsBetter, mapMetrics, metricOf } from '../config/metrics';
import type { Config, SelectionConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { foldEvents } from '../events/fold';
import type { TrainingManifest } from '../events/manifest';
import { fromLogged, toLogged, type CheckpointRecord, type SplitName } from '../events/records';
import type { EventLogWriter } from '../events/writer';
import { buildEvaluationGraph } from '../models/evaluation-graph';
import { buildInferenceGraph } from '../models/inference-graph';
import { initialState, initialWeights } from '../models/initialize';
import type { Model } from '../models/model';
import { resolvedModel } from '../models/onnx-file';
import { learningRateAt, stepScalars } from '../models/scalars';
import { targetOf } from '../models/target';
import { elementsOf, type TensorSpec, type TrainingGraph } from '../models/types';
import { evaluatedWeights } from '../models/update';
import { findGpus } from '../provenance/machine';
import { runtimeIdentity } from '../provenance/runtime';
import { fillMask } from '../random/streams';
import { encodeSafetensors, type NamedTensor } from '../tensors/safetensors';
import { encodeScalars, writeArtifact, writeReplay } from './artifacts';
import { augmentedBy } from './augmented';
import { BatchOrder } from './batches';
import { newestCheckpoint, pruneCheckpoints, readCheckpoint, removeTornFiles, writeCheckpoint, type Checkpoint } from './checkpoints';
import { dataWarnings } from './data-warnings';
import { diverged, lossProblem, tensorProblem } from './divergence';
import { hasStalled } from './early-stopping';
import { Evaluator, type Measured } from './evaluator';
import { nextLink, weightsHashOf } from './hash-chain';
import { Feeder, fitChunks } from './feeder';
import { openData, type WorkerData } from './inputs';
import { readModelFile } from './model-file';
import { batchNote, chunkEnd, dueAfter, planSteps, type StepPlan } from './plan';
import { startProvider } from './providers';
import type { Executor } from './runtime';
import { placeable, Trainer } from './trainer';
import { trainingGraphFor, type HashedTrainingGraph } from './training-graph';

export interface TrainOptions {
  readonly runFolder: string;
  readonly dataFile: string;
  readonly manifest: TrainingManifest;
  readonly log: EventLogWriter;
  /** Awaited between calls of ONNX Runtime; throws to stop. */
  readonly breathe: () => Promise<void>;
}

/** Flips the last bit of the mantissa of the first output weight: unlike a first-layer weight, it meets no input that is always 0. */
export function perturb(parameters: readonly NamedTensor[]): void {
  const target = [...parameters].reverse().find((tensor) => tensor.shape.length >= 2) ?? parameters[0];
  if (target === undefined) return;
  const bits = new Int32Array(target.data.buffer, target.data.byteOffset, 1);
  bits[0]! ^= 1;
}

/** Whether a validation value beats the best so far; of equal ones the earliest stays, and NaN never wins. */
export function beats(selection: SelectionConfig, value: number, best: number | null): boolean {
  if (Number.isNaN(value)) return false;
  if (best === null) return true;
  return higherIsBetter(selection.metric) ? value > best : value < best;
}

/** The run can only be begun or gone on with by the runtime it was made for: another one may compute other bits. */
async function checkRuntime({ runtime, config }: TrainingManifest): Promise<void> {
  const { threads, executionProvider: provider } = runtime;
  const here = runtimeIdentity(threads, provider, provider === 'cpu' ? [] : await findGpus(), hasOwnGpus(config.executor));
  const [difference] = diff(runtime, here);
  if (difference === undefined) return;
  throw new RepriseError('RUN_RUNTIME_CHANGED', `The run was made for ${difference.path} ${JSON.stringify(difference.left)}, this machine has ${JSON.stringify(difference.right)}: going on could change its numbers.`, {
    hint: 'Start it as a new run.',
  });
}

function checkGraph(manifest: TrainingManifest, graph: HashedTrainingGraph): void {
  if (graph.sha256 === manifest.trainingGraphHash) return;
  throw new RepriseError(
    'TRAINING_GRAPH_CHANGED',
    `The run was begun with the training graph ${manifest.trainingGraphHash}, this version of Reprise builds ${graph.sha256}.`,
    { hint: 'Start it as a new run, or use the version of Reprise it was begun with.' },
  );
}

/** Everything that stays the same over a run. */
interface Context extends TrainOptions {
  readonly config: Config;
  readonly model: Model;
  readonly data: WorkerData;
  readonly graph: HashedTrainingGraph;
  readonly specs: readonly TensorSpec[];
  readonly plan: StepPlan;
  readonly seeds: ReturnType<typeof resolveSeeds>;
  readonly evaluator: Evaluator;
  readonly feeder: Feeder;
  /** Checkpoints announced up to where this attempt began, then its own, by step. */
  readonly checkpoints: Map<number, CheckpointRecord>;
  /** The validation values of the selection's metric up to where this attempt began, then its own. */
  readonly validated: number[];
}

/**
 * Trains a run to its end: resumes from the newest checkpoint that is whole, logs every step, and leaves
 * the artifacts in the run folder. The weights are the same whether it was interrupted or not.
 * @throws RepriseError; whatever `breathe` throws
 */
export async function trainRun(options: TrainOptions): Promise<void> {
  const { manifest, runFolder, dataFile } = options;
  const executor: Executor = { provider: manifest.runtime.executionProvider, threads: manifest.runtime.threads };
  await startProvider(executor);
  await checkRuntime(manifest);
  await removeTornFiles(runFolder);
  const data = await openData(dataFile, manifest, resolveSeeds(manifest.config).split);
  try {
    await trainOn({ ...data, train: placeable(data.train, executor) }, executor, options);
  } finally {
    await data.close();
  }
}

async function trainOn(data: WorkerData, executor: Executor, options: TrainOptions): Promise<void> {
  const { manifest, log, runFolder } = options;
  const { config } = manifest;
  const seeds = resolveSeeds(config);
  const modelFile = await readModelFile(options.dataFile, manifest);
  const graph = trainingGraphFor(config, data.shape, modelFile, executor.provider);
  const model = resolvedModel(config.model, modelFile);
  checkGraph(manifest, graph);
  const { batchSize } = config.training;
  const augment = augmentedBy(config, data, seeds.noise);
  const plan = fitChunks(planSteps(config.training, data.shape.trainSize, graph.flopsPerStep), data, augment, batchSize);
  const specs: readonly TensorSpec[] = [...graph.parameters, ...graph.buffers, ...graph.optimizerState];

  const before = foldEvents(log.existing);
  const { checkpoint, passedOver } = await newestCheckpoint(runFolder, before.checkpoints, specs, {
    computeHash: manifest.computeHash,
    needsBest: config.selection.checkpoint === 'best',
  });
  const fromStep = checkpoint?.step ?? 0;
  log.append({ type: 'attempt', attempt: before.attempts + 1, fromStep, totalSteps: plan.totalSteps, stepsPerEpoch: plan.stepsPerEpoch, parameters: elementsOf(graph.parameters), flopsPerStep: graph.flopsPerStep, pid: process.pid });
  if (passedOver > 0) {
    log.append({ type: 'message', level: 'warning', text: `${passedOver} newer checkpoint${passedOver === 1 ? ' is' : 's are'} missing or damaged; going on from step ${fromStep}.` });
  }
  if (before.attempts === 0) for (const text of dataWarnings(manifest.data)) log.append({ type: 'message', level: 'warning', text });
  const note = batchNote(batchSize, data.shape.trainSize);
  if (note !== null && before.attempts === 0) log.append({ type: 'message', level: 'info', text: note });
  if (modelFile !== null) log.append(await writeArtifact(runFolder, 'model-file', modelFile.bytes));
  log.append(await writeArtifact(runFolder, 'training-graph', graph.bytes));
  const initial = weightsBefore(manifest, graph, seeds.init);
  log.append(await writeArtifact(runFolder, 'initial-weights', encodeSafetensors(initial, { format: 'reprise-weights-1', step: '0' })));
  log.append(await writeArtifact(runFolder, 'scalars', encodeScalars(config, plan, graph, data.indices.train)));
  await writeReplay(runFolder);
  log.sync();

  const evaluator = await Evaluator.create(buildEvaluationGraph(model, data.shape, config.training, targetOf(executor.provider)), data.shape, executor);
  const checkpoints = new Map(before.checkpoints.filter(({ step }) => step <= fromStep).map((record) => [record.step, record]));
  const validated = before.metrics.filter(({ split, step }) => split === 'validation' && step <= fromStep).map(({ values }) => fromLogged(values[config.selection.metric] ?? 'NaN'));
  const feeder = new Feeder(data, augment, new BatchOrder(data.shape.trainSize, batchSize, seeds.order), plan);
  const context: Context = { ...options, config, model, data, graph, specs, plan, seeds, evaluator, feeder, checkpoints, validated };
  const start = checkpoint ?? firstState(context, initial);
  const trainer = await Trainer.create(graph, data.train.whole, start.tensors, executor);
  const end = await trainSteps(context, trainer, start);
  await finish(context, end);
}

/** Parameters and buffers as training finds them. */
function weightsBefore({ perturbInit }: TrainingManifest, { parameters, buffers }: TrainingGraph, initSeed: number): readonly NamedTensor[] {
  const weights = initialWeights([...parameters, ...buffers], initSeed);
  if (perturbInit === true) perturb(weights);
  return weights;
}

/** Logs the next link of the hash chain, with the norm of the parameters; gives the chain up to it. */
function appendLink({ graph, log }: Context, chain: string, step: number, weights: readonly NamedTensor[]): string {
  const link = nextLink(chain, step, weights);
  log.append({ ...link, norm: toLogged(normOf(weights.slice(0, graph.parameters.length))) });
  return link.chain;
}

function firstState(context: Context, weights: readonly NamedTensor[]): Checkpoint {
  const { graph } = context;
  return { step: 0, chain: appendLink(context, '', 0, weights), best: null, finalLoss: NaN, bestLoss: NaN, tensors: [...weights, ...initialState(graph.optimizerState)] };
}

async function measure(context: Context, parameters: readonly NamedTensor[], split: Exclude<SplitName, 'train'>, step: number): Promise<Measured> {
  const measured = await context.evaluator.evaluate(parameters, context.data[split], context.breathe);
  const values = mapMetrics(measured.metrics, toLogged);
  context.log.append({ type: 'metrics', split, step, epoch: Math.floor(step / context.plan.stepsPerEpoch), values });
  return measured;
}

/** √Σw² over all tensors, summed in float64 in their order. */
function normOf(tensors: readonly NamedTensor[]): number {
  let squares = 0;
  for (const { data } of tensors) for (const value of data as Float32Array) squares += value * value;
  return Math.sqrt(squares);
}

/** Computes and logs the steps from … to − 1; gives their losses, up to the first that is no number. */
async function trainChunk({ config, data, graph, plan, seeds, log, feeder }: Context, trainer: Trainer, from: number, to: number): Promise<Float32Array> {
  const begin = performance.now();
  const steps = to - from;
  const { batchSize } = config.training;
  const scalars = stepScalars(config.training, graph.scalarNames, from, steps, plan.totalSteps);
  const masks = new Map<string, { data: Uint8Array; width: number }>();
  for (const { name, width, dropProbability } of graph.masks) {
    const kept = new Uint8Array(steps * batchSize * width);
    for (let step = from; step < to; step++) {
      const start = (step - from) * batchSize * width;
      fillMask(kept.subarray(start, start + batchSize * width), seeds.noise, name, step, dropProbability);
    }
    masks.set(name, { data: kept, width });
  }
  const { seen, ...examples } = await feeder.next(from);
  const told = await trainer.step({ steps, ...examples, scalars, masks });
  // Steps after a loss that is no number say nothing.
  const losses = told.losses.subarray(0, told.losses.findIndex((loss) => !Number.isFinite(loss)) + 1 || steps);
  const column = graph.scalarNames.indexOf('learningRate');
  log.append({
    type: 'steps',
    firstStep: from,
    losses: Array.from(losses, toLogged),
    learningRates: Array.from({ length: losses.length }, (_, step) => scalars[step * graph.scalarNames.length + column]!),
    ...(told.gradientNorms === null ? {} : { gradientNorms: Array.from(told.gradientNorms.subarray(0, losses.length), toLogged) }),
    examples: seen,
    ...(data.shape.input.kind === 'tokens' ? { tokens: seen * data.shape.input.length } : {}),
    memory: process.memoryUsage.rss(),
    seconds: (performance.now() - begin) / 1000,
  });
  return losses;
}

/**
 * @param problem a number of the training that is none, or null
 * @param step number of steps done
 * @throws RepriseError TRAINING_DIVERGED where there is such a number
 */
function refuse({ config, plan, checkpoints }: Context, problem: string | null, step: number): void {
  if (problem !== null) throw diverged(problem, learningRateAt(config.training, step - 1, plan.totalSteps), Math.max(0, ...checkpoints.keys()));
}

function stalls({ config, validated }: Context): boolean {
  const { earlyStopping } = config.training;
  return earlyStopping !== undefined && hasStalled(validated, earlyStopping, higherIsBetter(config.selection.metric));
}

async function trainSteps(context: Context, trainer: Trainer, start: Checkpoint): Promise<Checkpoint> {
  const { config, graph, plan, log, runFolder, manifest } = context;
  let { step, chain, best, finalLoss, bestLoss } = start;
  const tensors = (): NamedTensor[] => [...trainer.weights(), ...trainer.optimizerState()];
  const weights = (): NamedTensor[] => evaluatedWeights([...graph.parameters, ...graph.buffers], tensors());
  // A run that was interrupted while it ended early goes on with its end.
  let stalled = stalls(context);
  while (step < plan.totalSteps && !stalled) {
    await context.breathe();
    const to = chunkEnd(plan, step);
    const losses = await trainChunk(context, trainer, step, to);
    finalLoss = losses[losses.length - 1]!;
    refuse(context, lossProblem(`training loss of step ${step + losses.length - 1}`, finalLoss), step + losses.length);
    for (const loss of losses) if (!(bestLoss <= loss)) bestLoss = loss;
    step = to;

    const due = dueAfter(plan, step);
    if (due.validation || due.hash || due.checkpoint) await trainer.fetch();
    // What is kept must be of use: an update may have gone past the largest number before a loss shows it.
    if (due.checkpoint) refuse(context, tensorProblem(tensors(), step), step);
    if (due.validation) {
      const { metrics } = await measure(context, weights(), 'validation', step);
      refuse(context, lossProblem(`validation loss after step ${step}`, metrics.loss), step);
      const value = metrics[config.selection.metric] ?? Number.NaN;
      if (beats(config.selection, value, best?.value ?? null)) best = { step, value };
      context.validated.push(value);
      stalled = stalls(context);
    }
    if (due.hash || stalled) chain = appendLink(context, chain, step, weights());
    if (due.checkpoint) {
      const record = await writeCheckpoint(runFolder, { step, chain, best, finalLoss, bestLoss, tensors: tensors() }, manifest.computeHash);
      context.checkpoints.set(step, record);
      log.append(record);
      // Older files may go only when the record of the new one cannot be lost.
      log.sync();
      await pruneCheckpoints(runFolder, best === null || config.selection.checkpoint === 'last' ? [step] : [step, best.step]);
    }
  }
  return { step, chain, best, finalLoss, bestLoss, tensors: tensors() };
}

/** The checkpoint the config declared: the last, or the one with the best validation value. */
async function select(context: Context, end: Checkpoint): Promise<Checkpoint> {
  const { config, log, runFolder, specs, manifest } = context;
  if (config.selection.checkpoint === 'last' || end.best?.step === end.step) return end;
  if (end.best === null) {
    log.append({ type: 'message', level: 'warning', text: `No validation has a ${metricOf(config.selection.metric).title} that is a number: the last checkpoint is selected.` });
    return end;
  }
  const bestStep = end.best.step;
  const record = context.checkpoints.get(bestStep);
  const best = record === undefined ? null : await readCheckpoint(runFolder, record, specs, manifest.computeHash);
  if (best === null) {
    throw new RepriseError('CHECKPOINT_LOST', `The best checkpoint, of step ${bestStep}, was deleted or damaged while the run trained.`, {
      kind: 'system',
      hint: 'Retry the run: it begins again where it can.',
    });
  }
  return best;
}

async function finish(context: Context, end: Checkpoint): Promise<void> {
  const { config, model, data, graph, plan, log, runFolder } = context;
  const early = end.step < plan.totalSteps;
  if (config.training.earlyStopping !== undefined && early) {
    const { patience, minDelta } = config.training.earlyStopping;
    const enough = minDelta === 0 ? '' : ` by more than ${minDelta}`;
    log.append({ type: 'message', level: 'info', text: `Stopped early after ${end.step} of ${plan.totalSteps} steps: the validation ${metricOf(config.selection.metric).title} has not improved${enough} in ${patience} validation${patience === 1 ? '' : 's'}.` });
  }
  const selected = await select(context, end);
  const weights = evaluatedWeights([...graph.parameters, ...graph.buffers], selected.tensors);
  // With averages as the weights, the parameters that are trained further belong to the state.
  const state = selected.tensors.filter(({ data: values }) => weights.every((weight) => weight.data !== values));
  const step = String(selected.step);
  await context.breathe();
  const tested = await measure(context, weights, 'test', selected.step);
  refuse(context, lossProblem(`test loss after step ${step}`, tested.metrics.loss), selected.step);
  log.append(await writeArtifact(runFolder, 'weights', encodeSafetensors(weights, { format: 'reprise-weights-1', step })));
  log.append(await writeArtifact(runFolder, 'inference-graph', buildInferenceGraph(model, data.shape, weights)));
  log.append(await writeArtifact(runFolder, 'optimizer-state', encodeSafetensors(state, { format: 'reprise-optimizer-1', step })));
  if (tested.confusion !== null) log.append(await writeArtifact(runFolder, 'confusion-matrix', tested.confusion.encode(data.classNames, selected.step)));
  log.sync();
  log.append({
    type: 'finished',
    weightsHash: weightsHashOf(weights),
    selectedStep: selected.step,
    finalLoss: toLogged(end.finalLoss),
    bestLoss: toLogged(end.bestLoss),
    ...(early ? { stoppedAfter: end.step } : {}),
  });
  log.sync();
  // The weights and the optimizer's state are artifacts now.
  await pruneCheckpoints(runFolder, []);
}
