/** What a config will compute: data, training graph, runtime and the two hashes, before anything runs. */
import { randomBytes } from 'node:crypto';
import type { RunConfig } from '../config/command';
import { computeHash, configHash, hashJson } from '../config/hash';
import { modelPath } from '../config/models';
import type { Provider } from '../config/executor';
import { hasOwnGpus } from '../config/facts';
import type { Config } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { prepareData } from '../datasets/prepare';
import type { DataRef, ModelRef, TrainingManifest, RuntimeIdentity, VariantRef } from '../events/manifest';
import type { Gpu, Provenance } from '../events/provenance';
import { targetOf } from '../models/target';
import type { DataShape } from '../models/types';
import { findGpus } from '../provenance/machine';
import { reproductionId } from '../provenance/reproduction-id';
import { runtimeIdentity } from '../provenance/runtime';
import { planSteps } from '../worker/plan';
import { trainingGraphFor } from '../worker/training-graph';
import { prepareModel, type PreparedModel } from './model-file';
import { chooseProvider } from './providers';

export interface RunIdentity {
  readonly config: Config;
  readonly configHash: string;
  readonly computeHash: string;
  readonly data: DataRef;
  /** Null where the model is read from no file. */
  readonly model: ModelRef | null;
  readonly shape: DataShape;
  readonly trainingGraphHash: string;
  readonly flopsPerStep: number;
  readonly totalSteps: number;
  readonly runtime: RuntimeIdentity;
}

interface PreparedSource {
  readonly ref: DataRef;
  readonly shape: DataShape;
}

/**
 * Finds identities and remembers what configs share: a study's runs differ in little, and neither a data set
 * nor a graph is made twice.
 */
export class IdentityFinder {
  private readonly data = new Map<string, Promise<PreparedSource>>();
  private readonly models = new Map<string, Promise<PreparedModel | null>>();
  private readonly graphs = new Map<string, { sha256: string; flopsPerStep: number }>();

  /** @param workspace where prepared data and models are kept. @param configFolder what paths in a config are relative to. */
  constructor(
    private readonly workspace: string,
    private readonly configFolder: string,
  ) {}

  /**
   * @param there the runtime that it has on another machine, whose processor computes; null for this one
   * @throws RepriseError of the data set (CSV_…), of the model's file (ONNX_…), or MODEL_…
   */
  async find(config: Config, there: RuntimeIdentity | null = null): Promise<RunIdentity> {
    const { ref, shape } = await this.prepared(config);
    const common = { graphs: this.graphs, model: await this.model(config) };
    if (there !== null) return identityOn(config, ref, shape, { ...common, runtime: there });
    const { provider = 'cpu' } = config.executor;
    const chosen = provider === 'auto' ? await chooseProvider(identityOn(config, ref, shape, common).flopsPerStep) : provider;
    return identityOn(config, ref, shape, { ...common, provider: chosen, gpus: chosen === 'cpu' ? [] : await findGpus() });
  }

  private model({ model }: Config): Promise<PreparedModel | null> {
    const path = modelPath(model) ?? '';
    const found = this.models.get(path) ?? prepareModel(model, this.configFolder, this.workspace);
    this.models.set(path, found);
    return found;
  }

  private prepared(config: Config): Promise<PreparedSource> {
    const key = hashJson([config.data, config.seeds.split]);
    let found = this.data.get(key);
    if (found === undefined) {
      found = prepareData(config.data, { configFolder: this.configFolder, workspace: this.workspace, splitSeed: config.seeds.split });
      this.data.set(key, found);
    }
    return found;
  }
}

/** What an identity hangs on besides a config and its data. */
export interface Circumstances {
  /** Graphs that are known already, and those that are not once they are built. */
  readonly graphs?: Map<string, { sha256: string; flopsPerStep: number }>;
  /** What was read of the model's file, where the model is one. */
  readonly model?: PreparedModel | null;
  /** What computes, where it is not the processor, and the GPUs that are there. */
  readonly provider?: Provider;
  readonly gpus?: readonly Gpu[];
  /** Where another machine computes, its own. */
  readonly runtime?: RuntimeIdentity;
}

/** The identity of a config on data and a model that are prepared already (a bundle's). */
export function identityOn(
  config: Config,
  data: DataRef,
  shape: DataShape,
  { graphs = new Map(), model = null, provider = 'cpu', gpus = [], runtime = runtimeIdentity(config.executor.threads, provider, gpus, hasOwnGpus(config.executor)) }: Circumstances = {},
): RunIdentity {
  // What only the scalars of the steps or the rhythm of the run follow is no part of a graph.
  const inGraph = { ...config.training, learningRate: 0, schedule: null, epochs: 0, steps: 0, earlyStopping: null, evaluateEvery: 0, checkpointEvery: 0, hashEvery: 0 };
  const key = hashJson([config.model, model?.sha256 ?? null, inGraph, config.selection.metric, shape, targetOf(provider)]);
  let graph = graphs.get(key);
  if (graph === undefined) {
    graph = trainingGraphFor(config, shape, model, provider);
    graphs.set(key, { sha256: graph.sha256, flopsPerStep: graph.flopsPerStep });
  }
  return {
    config,
    configHash: configHash(config),
    computeHash: computeHash(config, { dataFingerprint: data.fingerprint, modelFile: model?.sha256, trainingGraphHash: graph.sha256, runtime }),
    data,
    model: model?.ref ?? null,
    shape,
    trainingGraphHash: graph.sha256,
    flopsPerStep: graph.flopsPerStep,
    totalSteps: planSteps(config.training, shape.trainSize, graph.flopsPerStep).totalSteps,
    runtime,
  };
}

/** Threads are pinned, so a run cannot be given fewer cores than it asks for. @param where the cores are @throws RepriseError THREADS_EXCEED_CORES */
export function refuseThreads(config: Pick<RunConfig, 'executor'>, cores: number, where = 'here'): void {
  const { threads } = config.executor;
  if (threads <= cores) return;
  throw new RepriseError('THREADS_EXCEED_CORES', `executor.threads is ${threads}, but workers may use ${cores} core${cores === 1 ? '' : 's'} ${where}.`, {
    kind: 'input',
    hint: `Set executor.threads to at most ${cores}; more threads than cores only slow a run down.`,
  });
}

const ID_ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';

/** 12 random characters (60 bits) that are hard to mistake for one another. */
export function newId(): string {
  return Array.from(randomBytes(12), (byte) => ID_ALPHABET[byte % 32]).join('');
}

/** The manifest of a new run. */
export function manifestOf(identity: RunIdentity, provenance: Provenance, variant: VariantRef | null, options: { readonly perturbInit?: boolean } = {}): TrainingManifest {
  return {
    format: 1,
    runId: newId(),
    reproductionId: reproductionId(identity.config.experiment, identity.config.seed, identity.computeHash),
    experiment: identity.config.experiment,
    variant,
    config: identity.config,
    configHash: identity.configHash,
    computeHash: identity.computeHash,
    runtime: identity.runtime,
    data: identity.data,
    ...(identity.model === null ? {} : { model: identity.model }),
    trainingGraphHash: identity.trainingGraphHash,
    createdAt: Date.now(),
    provenance,
    ...(options.perturbInit === true ? { perturbInit: true } : {}),
  };
}
