/** What a command will compute, as far as it can be known before it runs: code, inputs, packages, hardware and the two hashes. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { CommandConfig } from '../config/command';
import { commandComputeHash, configHash } from '../config/hash';
import { fillTask } from '../config/task';
import { RepriseError } from '../errors/errors';
import type { CommandManifest, InputRef, VariantRef } from '../events/manifest';
import type { CodeSnapshot, Provenance } from '../events/provenance';
import { fingerprintInput, type InputFingerprint } from '../provenance/fingerprint';
import { reproductionId } from '../provenance/reproduction-id';
import { numericFlags } from '../provenance/runtime';
import { recordedVariables } from '../provenance/variables';
import { codeOf } from './commands-copy';
import { variablesHere, withHashSeed } from './commands-variables';
import { newId } from './identity';
import { environmentHash, variablesThere } from './place-provenance';

export interface CommandIdentity {
  readonly config: CommandConfig;
  readonly configHash: string;
  readonly computeHash: string;
  readonly inputs: readonly InputRef[];
  /** Of those that can change numbers, what the command gets besides what follows from its seed. */
  readonly variables: Readonly<Record<string, string>>;
  readonly code: CodeSnapshot;
  /** The compute hash that it would have over another code state, all else being as it is. */
  readonly hashOver: (code: CodeSnapshot) => string;
}

/** Processor and GPUs, as far as they can change a float. */
function hardwareOf({ os, cpu, gpus }: Provenance): object {
  const flags = numericFlags(cpu.flags);
  return { platform: os.platform, arch: os.arch, cpu: flags.length > 0 ? flags : [`model: ${cpu.model}`], gpus: gpus.map(({ name }) => name).toSorted() };
}

export interface CommandFinderOptions {
  /** The folder of the config. */
  readonly folder: string;
  readonly provenance: Provenance;
  readonly workspace: string;
  /** Where fingerprints of inputs are remembered; the workspace's own place when left out. */
  readonly cacheFolder?: string | undefined;
  /** Where inputs lie that do not lie where the config says. */
  readonly inputs?: Readonly<Record<string, string>>;
}

/** Finds identities; runs of a study mostly share their inputs, which are looked at once. */
export class CommandIdentityFinder {
  readonly #options: CommandFinderOptions;
  readonly #inputs = new Map<string, Promise<InputFingerprint>>();

  constructor(options: CommandFinderOptions) {
    this.#options = options;
  }

  /** @throws RepriseError CODE_NOT_CAPTURED, INPUT_MISSING */
  async find(config: CommandConfig): Promise<CommandIdentity> {
    const { provenance } = this.#options;
    const code = codeOf({ provenance });
    const inputs: InputRef[] = [];
    for (const [index, { path: name, license }] of fillTask(config).inputs.entries()) inputs.push(await this.#input(name, license, index));
    const variables = config.executor.kind === 'local' ? variablesHere(config) : recordedVariables(variablesThere(config));
    const facts = {
      inputs: Object.fromEntries(inputs.map((input) => [input.path, input.fingerprint])),
      environment: environmentHash(config.executor, provenance),
      variables,
      hardware: hardwareOf(provenance),
    };
    const hashOver = ({ snapshot, withheldDigest }: CodeSnapshot): string => commandComputeHash(config, { code: snapshot, withheld: withheldDigest, ...facts });
    return { config, configHash: configHash(config), computeHash: hashOver(code), inputs, variables, code, hashOver };
  }

  async #input(name: string, license: string, index: number): Promise<InputRef> {
    const { folder, workspace, cacheFolder = path.join(workspace, 'cache'), inputs } = this.#options;
    const file = inputs?.[name] ?? path.resolve(folder, name);
    const key = `${license}\n${file}`;
    const known = this.#inputs.get(key) ?? fingerprintInput(file, { cacheFolder, license });
    this.#inputs.set(key, known);
    const found = await known;
    if (found.fingerprint !== null) return { path: name, ...found };
    throw inputMissing(index, file);
  }
}

function inputMissing(index: number, file: string): RepriseError {
  return new RepriseError('INPUT_MISSING', `task.inputs[${index}]: there is no ${file}.`, { kind: 'input', hint: 'Correct the path; inputs are looked for from the folder of the config.' });
}

/** @throws RepriseError INPUT_MISSING for the first declared input that is not there */
export function refuseMissingInputs(config: CommandConfig, folder: string): void {
  for (const [index, { path: name }] of fillTask(config).inputs.entries()) {
    const file = path.resolve(folder, name);
    if (!existsSync(file)) throw inputMissing(index, file);
  }
}

/** The manifest of a new run. */
export function commandManifestOf(identity: CommandIdentity, provenance: Provenance, variant: VariantRef | null): CommandManifest {
  const { config } = identity;
  return {
    format: 1,
    kind: 'command',
    runId: newId(),
    reproductionId: reproductionId(config.experiment, config.seed, identity.computeHash),
    experiment: config.experiment,
    variant,
    config,
    configHash: identity.configHash,
    computeHash: identity.computeHash,
    inputs: identity.inputs,
    createdAt: Date.now(),
    provenance: { ...provenance, variables: withHashSeed(config, identity.variables) },
  };
}
