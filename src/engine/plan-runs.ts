/** Runs of either kind before they are made: what decides each, and the manifest it would get. */
import path from 'node:path';
import { isCommandConfig, type CommandConfig, type RunConfig } from '../config/command';
import { placeOf } from '../config/facts';
import { hashJson } from '../config/hash';
import { fillTask } from '../config/task';
import type { RunManifest, VariantRef } from '../events/manifest';
import type { Provenance } from '../events/provenance';
import { captureProvenance } from '../provenance/capture';
import type { CodeOptions } from '../provenance/git-state';
import { CommandIdentityFinder, commandManifestOf, type CommandIdentity } from './commands-identity';
import { writeOrigin } from './commands-copy';
import type { EngineContext } from './context';
import type { Workload } from './estimate';
import { IdentityFinder, manifestOf } from './identity';
import { packageRoot, repriseVersion } from './package-info';
import { runtimeThere, type Place, type Places } from './place';
import { captureAt } from './place-provenance';
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
  /** One of the configs, whose surroundings are meant where none is named. */
  readonly config: RunConfig;
  /** Inputs of commands among all configs, and whatever else is no code; absolute. */
  readonly inputs: readonly string[];
  /** Those that configs may name; this machine alone where there are none. */
  readonly places?: Places;
}

/** The inputs that the commands among some configs declare, absolute. */
export function inputsOf(configs: readonly RunConfig[], folder: string): string[] {
  const all = configs.flatMap((config) => (isCommandConfig(config) ? fillTask(config).inputs.map(({ path: name }) => path.resolve(folder, name)) : []));
  return [...new Set(all)];
}

/** What holds for all runs of one place. */
interface Surroundings {
  /** Null for this machine. */
  readonly place: Place | null;
  /** Captured when it is first asked for, for the first config that goes there. */
  readonly provenance: () => Promise<Provenance>;
  /** The first command's; others share its inputs. */
  commands: CommandIdentityFinder | null;
}

export class RunPlanner {
  readonly #options: PlannerOptions;
  readonly #trainings: IdentityFinder;
  readonly #surroundings = new Map<string, Promise<Surroundings>>();

  constructor(options: PlannerOptions) {
    this.#options = options;
    this.#trainings = new IdentityFinder(options.workspace, options.folder);
  }

  /** What is captured, once for each place: for a command before its identity, which the code decides; for a training when it is asked for. */
  async provenance(config: RunConfig = this.#options.config): Promise<Provenance> {
    return (await this.#surroundingsOf(config)).provenance();
  }

  /** @throws RepriseError of the data set or the model; CODE_NOT_CAPTURED, INPUT_MISSING, CONFIG_HOLDS_SECRET; where another machine cannot be asked */
  async plan(config: RunConfig): Promise<RunPlan> {
    // Before anything is captured: the config's own file is part of the code.
    refuseSecrets(config);
    const surroundings = await this.#surroundingsOf(config);
    if (isCommandConfig(config)) return this.#planCommand(config, surroundings);
    const { place } = surroundings;
    const identity = await this.#trainings.find(config, place === null ? null : runtimeThere(await place.facts(), config.executor.threads));
    return {
      config,
      configHash: identity.configHash,
      computeHash: identity.computeHash,
      workload: { place: placeOf(config.executor), trainingGraphHash: identity.trainingGraphHash, threads: config.executor.threads, steps: identity.totalSteps, flopsPerStep: identity.flopsPerStep },
      command: null,
      manifest: (provenance, variant) => manifestOf(identity, provenance, variant),
    };
  }

  async #planCommand(config: CommandConfig, surroundings: Surroundings): Promise<RunPlan> {
    const { folder, workspace, cacheFolder } = this.#options;
    surroundings.commands ??= new CommandIdentityFinder({ folder, workspace, cacheFolder, provenance: await surroundings.provenance() });
    const identity = await surroundings.commands.find(config);
    return { config, configHash: identity.configHash, computeHash: identity.computeHash, workload: null, command: identity, manifest: (provenance, variant) => commandManifestOf(identity, provenance, variant) };
  }

  #surroundingsOf(config: RunConfig): Promise<Surroundings> {
    const { executor } = config;
    const key = executor.kind === 'local' ? 'local' : hashJson({ ...executor, threads: 0 });
    const known = this.#surroundings.get(key) ?? this.#look(config);
    this.#surroundings.set(key, known);
    return known;
  }

  async #look(config: RunConfig): Promise<Surroundings> {
    const place = (await this.#options.places?.of(config.executor)) ?? null;
    let captured: Promise<Provenance> | null = null;
    return { place, provenance: () => (captured ??= place === null ? this.#captureHere(config) : captureAt(place, { config, code: this.#code(config) })), commands: null };
  }

  /** The code to capture; that of a command whether it lies in a repository or not. */
  #code(config: RunConfig): CodeOptions | null {
    const { workspace, home, folder, codeFolder, inputs } = this.#options;
    const places = { workspace, exclude: inputs, ...(home === undefined ? {} : { home }) };
    if (isCommandConfig(config)) return { folder: codeFolder ?? folder, ...places, withoutGit: 'capture' };
    return codeFolder === null ? null : { folder: codeFolder, ...places };
  }

  #captureHere(config: RunConfig): Promise<Provenance> {
    const { environment } = config;
    const code = this.#code(config);
    if (!isCommandConfig(config)) return captureProvenance({ code, environment, packageRoot, repriseVersion });
    const task = fillTask(config);
    const command = Array.isArray(task.command) ? [...(task.command as readonly string[])] : config.task.command;
    return captureProvenance({
      code,
      command: { command, cwd: path.resolve(code?.folder ?? this.#options.folder, task.cwd), env: { ...process.env, PYTHONUNBUFFERED: '1', ...task.env } },
      environment,
      packageRoot,
      repriseVersion,
    });
  }
}

/** Makes a planned run, not yet queued. @throws RepriseError ENVIRONMENT_MISMATCH: nothing was made then */
export async function makeRun(context: EngineContext, planner: RunPlanner, plan: RunPlan, variant: VariantRef | null, folder: string) {
  const provenance = await planner.provenance(plan.config);
  refuseEnvironment(provenance);
  const manifest = plan.manifest(provenance, variant);
  const run = await context.store.createRun(manifest);
  if (manifest.kind === 'command') await writeOrigin(context.store.runFolder(run.runId), { folder, inputs: {} });
  // Where no core is free the scheduler has nothing to tell of it yet.
  context.emit('run', run);
  return run;
}
