/** What is recorded of a run that another machine carries out: the code from here, the surroundings from there. */
import path from 'node:path';
import { isCommandConfig, type RunConfig } from '../config/command';
import type { ExecutorConfig } from '../config/executor';
import { hashJson } from '../config/hash';
import { fillTask } from '../config/task';
import type { Container, Gpu, ImageRef, Provenance } from '../events/provenance';
import { sha256File } from '../files/hash';
import { checkEnvironment } from '../provenance/environment';
import { captureCode, type CodeOptions } from '../provenance/git-state';
import { findLockFiles } from '../provenance/lock-files';
import { recordedVariables } from '../provenance/variables';
import { packageRoot, repriseVersion } from './package-info';
import type { Place } from './place';

export interface CaptureAtOptions {
  readonly config: RunConfig;
  /** Null where the config lies nowhere. */
  readonly code: CodeOptions | null;
}

/**
 * What is captured here and asked there. What cannot be had is named in `problems`.
 * @throws RepriseError where the place cannot be asked; IMAGE_MISSING
 */
export async function captureAt(place: Place, { config, code: codeOptions }: CaptureAtOptions): Promise<Provenance> {
  const { executor, environment } = config;
  const task = isCommandConfig(config) ? fillTask(config) : null;
  const variables = variablesThere(config);
  const folder = codeOptions?.folder ?? null;
  const [code, lockfileHash, lockFiles, facts, image, interpreter] = await Promise.all([
    codeOptions === null ? { git: null, code: null, problems: [] } : captureCode(codeOptions),
    sha256File(path.join(packageRoot, 'package-lock.json')).catch(() => null),
    task === null || folder === null ? [] : findLockFiles(path.resolve(folder, task.cwd), folder),
    place.facts(),
    place.image(),
    isCommandConfig(config) ? place.interpreter(commandOf(config), variables) : null,
  ]);
  const { versions, os, cpu, memoryBytes, cuda } = facts;
  const container = containerOf(executor, image);
  const gpus = seesGpus(executor) ? facts.gpus : [];
  const python = interpreter?.python;
  return {
    capturedAt: Date.now(),
    versions: { reprise: repriseVersion, ...versions, electron: null },
    os,
    cpu,
    memoryBytes,
    gpus: gpus.map(gpuOf),
    cuda,
    container,
    ...(image === null ? {} : { image }),
    ...(task === null ? {} : { python: python ?? null, lockFiles, variables: recordedVariables(variables) }),
    lockfileHash,
    git: code.git,
    code: code.code,
    environmentCheck: checkEnvironment(environment, {
      reprise: repriseVersion,
      node: versions.node,
      onnxruntime: versions.onnxruntime,
      os: os.platform,
      osName: os.name,
      arch: os.arch,
      memoryBytes,
      gpus: gpus.map(gpuOf),
      cuda,
      container,
      ...(interpreter === null || python === undefined ? {} : { python }),
      variables,
    }),
    problems: [...code.problems, ...(interpreter?.problems ?? []), ...(task !== null && interpreter === null && environment.python !== undefined ? [`The Python of an image is not looked at before the run: ${image?.digest ?? image?.id ?? 'what it is built of'} stands for it.`] : [])],
  };
}

function commandOf(config: Extract<RunConfig, { readonly task: unknown }>) {
  const { command } = fillTask(config);
  return Array.isArray(command) ? [...(command as readonly string[])] : config.task.command;
}

/** Variables that a run elsewhere gets: this machine's own stay here. */
export function variablesThere(config: RunConfig): Record<string, string> {
  const own = config.executor.kind === 'local' ? {} : (config.executor.env ?? {});
  return { ...own, ...(isCommandConfig(config) ? fillTask(config).env : {}) };
}

/** What decides a command besides its own files: the lock of its packages, or the image in their place, and what is set up before it starts. */
export function environmentHash(executor: ExecutorConfig, { python, image }: Provenance): string | null {
  const lock = python?.lockHash ?? null;
  const setUp = setUpOf(executor, image, lock !== null);
  return Object.keys(setUp).length === 0 ? lock : hashJson({ ...(lock === null ? {} : { lock }), ...setUp });
}

/** Of what an executor says, that which can change what a command finds there. */
function setUpOf(executor: ExecutorConfig, image: ImageRef | undefined, hasLock: boolean): object {
  const some = (fields: Readonly<Record<string, unknown>>): object => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)));
  switch (executor.kind) {
    case 'local':
      return {};
    case 'docker':
      return some({ image: image?.digest ?? image?.id, build: executor.build, volumes: executor.volumes });
    case 'ssh':
    case 'slurm': {
      const { venv, modules, prologue } = executor;
      // The packages of a virtual environment are in the lock, where they are known.
      return some({ venv: hasLock ? undefined : venv, modules, prologue, ...(executor.kind === 'slurm' ? { container: executor.container, launcher: executor.launcher, nodes: executor.nodes, tasks: executor.tasks } : {}) });
    }
  }
}

function containerOf(executor: ExecutorConfig, image: ImageRef | null): Container | null {
  if (executor.kind === 'docker') return { kind: 'docker', image: executor.image ?? null, digest: image?.digest ?? image?.id ?? null };
  if (executor.kind !== 'slurm' || executor.container === undefined) return null;
  const { with: by, image: name } = executor.container;
  return { kind: by === 'apptainer' ? 'singularity' : 'other', image: name, digest: /@(sha256:[0-9a-f]{64})$/u.exec(name)?.[1] ?? null };
}

/** A container sees the GPUs that it is given, a job of a cluster those that it asks for; what is plainly started there sees all. */
function seesGpus(executor: ExecutorConfig): boolean {
  return executor.kind === 'ssh' || executor.kind === 'local' || (executor.gpus !== undefined && executor.gpus !== 0);
}

function gpuOf({ name, driver, memoryBytes }: { readonly name: string; readonly driver: string | null; readonly memoryBytes?: number | undefined }): Gpu {
  return { name, driver, ...(memoryBytes === undefined ? {} : { memoryBytes }) };
}
