/** Runs of either kind before they are made: what decides each, and the manifest it would get. */
import path from 'node:path';
import { isCommandConfig, type CommandConfig, type RunConfig } from '../config/command';
import { fillTask } from '../config/task';
import type { RunManifest, VariantRef } from '../events/manifest';
import type { Provenance } from '../events/provenance';
import { captureProvenance } from '../provenance/capture';
import { CommandIdentityFinder, commandManifestOf, type CommandIdentity } from './commands-identity';
import { writeOrigin } from './commands-copy';
import type { EngineContext } from './context';
import type { Workload } from './estimate';
import { IdentityFinder, manifestOf } from './identity';
import { packageRoot, repriseVersion } from './package-info';
import { refuseSecrets } from './refuse-secrets';
import { refuseEnvironment } from './warnings';

export interface RunPlan {
  readonly config: RunConfig;
  readonly configHash: string;
  readonly computeHash: string;
  /** What it costs; null for a command, of which nobody knows. */
  readonly workload: Workload | null;
  /** Of a command, what it was planned over; null for a training. */
  readonly command: Pick<CommandIdentity, 'code' | 'hashOver'> | null;
  readonly manifest: (provenance: Provenance, variant: VariantRef | null) => Exclude<RunManifest, { kind: 'logged' }>;
}

export interface PlannerOptions {
  /** Where prepared data, code and what is remembered of inputs are kept. */
  readonly workspace: string;
  /** The workspace whose runs these are planned beside, where that is another; nothing is written to it. */
  readonly home?: string;
  /** Where fingerprints of inputs are remembered; the workspace's own place when left out. */
  readonly cacheFolder?: string | undefined;
  /** What paths in a config are relative to. */
  readonly folder: string;
  /** The folder whose code is the user's; null where the config lies nowhere. */
  readonly codeFolder: string | null;
  /** One of the configs: the surroundings are captured for it, and hold for all. */
  readonly config: RunConfig;
  /** Inputs of commands among all configs, and whatever else is no code; absolute. */
  readonly inputs: readonly string[];
}

/** The inputs that the commands among some configs declare, absolute. */
export function inputsOf(configs: readonly RunConfig[], folder: string): string[] {
  const all = configs.flatMap((config) => (isCommandConfig(config) ? fillTask(config).inputs.map(({ path: name }) => path.resolve(folder, name)) : []));
  return [...new Set(all)];
}

export class RunPlanner {
  readonly #options: PlannerOptions;
  readonly #trainings: IdentityFinder;
  #provenance: Promise<Provenance> | null = null;
  #commands: CommandIdentityFinder | null = null;

  constructor(options: PlannerOptions) {
    this.#options = options;
    this.#trainings = new IdentityFinder(options.workspace, options.folder);
  }

  /** What is captured, once: for a command before its identity, which the code decides; for a training when it is asked for. */
  provenance(): Promise<Provenance> {
    this.#provenance ??= this.#capture();
    return this.#provenance;
  }

  /** @throws RepriseError of the data set or the model; CODE_NOT_CAPTURED, INPUT_MISSING, CONFIG_HOLDS_SECRET */
  async plan(config: RunConfig): Promise<RunPlan> {
    // Before anything is captured: the config's own file is part of the code.
    refuseSecrets(config);
    if (isCommandConfig(config)) return this.#planCommand(config);
    const identity = await this.#trainings.find(config);
    return {
      config,
      configHash: identity.configHash,
      computeHash: identity.computeHash,
      workload: { trainingGraphHash: identity.trainingGraphHash, threads: config.executor.threads, steps: identity.totalSteps, flopsPerStep: identity.flopsPerStep },
      command: null,
      manifest: (provenance, variant) => manifestOf(identity, provenance, variant),
    };
  }

  async #planCommand(config: CommandConfig): Promise<RunPlan> {
    const { folder, workspace, cacheFolder } = this.#options;
    this.#commands ??= new CommandIdentityFinder({ folder, workspace, cacheFolder, provenance: await this.provenance() });
    const identity = await this.#commands.find(config);
    return { config, configHash: identity.configHash, computeHash: identity.computeHash, workload: null, command: identity, manifest: (provenance, variant) => commandManifestOf(identity, provenance, variant) };
  }

  #capture(): Promise<Provenance> {
    const { workspace, home, codeFolder, config, inputs } = this.#options;
    const places = { workspace, exclude: inputs, ...(home === undefined ? {} : { home }) };
    const { environment } = config;
    if (!isCommandConfig(config)) return captureProvenance({ code: codeFolder === null ? null : { folder: codeFolder, ...places }, environment, packageRoot, repriseVersion });
    const folder = codeFolder ?? this.#options.folder;
    const task = fillTask(config);
    const command = Array.isArray(task.command) ? [...(task.command as readonly string[])] : config.task.command;
    return captureProvenance({
      code: { folder, ...places, withoutGit: 'capture' },
      command: { command, cwd: path.resolve(folder, task.cwd), env: { ...process.env, PYTHONUNBUFFERED: '1', ...task.env } },
      environment,
      packageRoot,
      repriseVersion,
    });
  }
}

/** Makes a planned run, not yet queued. @throws RepriseError ENVIRONMENT_MISMATCH: nothing was made then */
export async function makeRun(context: EngineContext, planner: RunPlanner, plan: RunPlan, variant: VariantRef | null, folder: string) {
  const provenance = await planner.provenance();
  refuseEnvironment(provenance);
  const manifest = plan.manifest(provenance, variant);
  const run = await context.store.createRun(manifest);
  if (manifest.kind === 'command') await writeOrigin(context.store.runFolder(run.runId), { folder, inputs: {} });
  // Where no core is free the scheduler has nothing to tell of it yet.
  context.emit('run', run);
  return run;
}
