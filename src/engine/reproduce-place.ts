/** A run of a bundle is executed on this machine, wherever it was carried out then: its executor here, and what that changes. */
import type { CommandConfig } from '../config/command';
import { showValue } from '../config/problems';
import type { ExecutorOf } from '../config/executor';
import type { Config } from '../config/schema';
import type { CommandManifest } from '../events/manifest';
import type { ImageRef } from '../events/provenance';
import { toErrorReport } from '../errors/errors';
import { engineOf } from '../execution/docker/client';
import { findRecordedImage } from '../execution/docker/image';
import { listed } from '../provenance/sentences';
import type { Place } from './place';
import { dockerOptions, dockerPlace } from './place-docker';

/** A built-in training needs nothing of the place where it was: the same graph on the same threads. */
export function trainingHere(config: Config): Config {
  const { threads, provider, kind } = config.executor;
  return kind === 'local' ? config : { ...config, executor: { kind: 'local', threads, ...(provider === undefined ? {} : { provider }) } };
}

export interface CommandHere {
  readonly config: CommandConfig;
  /** The Docker Engine of this machine, where the command goes into its recorded image. */
  readonly place: Place | null;
  /** What is not as it was there, the ends of sentences. */
  readonly differences: readonly string[];
}

type CommandExecutor = CommandConfig['executor'];

/** Of what a stranger asks for: nothing that reaches into this machine, as its folders and its users do. */
function containerHere(executor: Extract<CommandExecutor, { readonly kind: 'docker' }>): CommandExecutor {
  const { machine: _machine, volumes: _volumes, user: _user, network, ...rest } = executor;
  return { ...rest, ...(network !== undefined && /^(?:none|bridge|host)$/u.test(network) ? { network } : {}) };
}

/** Started here as it is, with the variables that the place had set. */
function plain(config: CommandConfig): CommandConfig {
  const { executor, task } = config;
  if (executor.kind === 'local') return config;
  // What the place set is no template.
  const own = Object.fromEntries(Object.entries(executor.env ?? {}).map(([name, value]) => [name, value.replaceAll('{', '{{').replaceAll('}', '}}')]));
  return { ...config, executor: { kind: 'local', threads: executor.threads }, task: { ...task, env: { ...own, ...task.env } } };
}

/** What a place did before the program started, or around it. */
function doneThere(executor: CommandExecutor): string[] {
  switch (executor.kind) {
    case 'local':
      return [];
    case 'docker':
      return (executor.volumes ?? []).length === 0 ? [] : [`the folders ${listed(executor.volumes ?? [])} were in its container, and are not here`];
    case 'ssh':
    case 'slurm': {
      const { modules = [], prologue = [] } = executor;
      const { nodes = 1, tasks = 1, launcher = 'none', container } = executor.kind === 'slurm' ? executor : ({} as Partial<ExecutorOf<'slurm'>>);
      return [
        ...(modules.length === 0 ? [] : [`the environment modules ${listed(modules)} were loaded there`]),
        ...(prologue.length === 0 ? [] : [`these lines came before it there: ${prologue.map((line) => showValue(line)).join(', ')}`]),
        ...(launcher === 'none' && nodes * tasks === 1 ? [] : [`${launcher === 'none' ? 'the cluster' : launcher} started it on ${nodes} ${nodes === 1 ? 'node' : 'nodes'} with ${tasks} ${tasks === 1 ? 'task' : 'tasks'} each, and here it is started once`]),
        ...(container === undefined ? [] : [`it ran in the image ${container.image} there`]),
      ];
    }
  }
}

/** The recorded image in the Docker Engine of this machine, or why it cannot be had. */
async function imageHere(recorded: ImageRef): Promise<ImageRef | string> {
  try {
    const engine = engineOf(dockerOptions(null, null));
    try {
      return await findRecordedImage(engine, recorded, { pull: 'missing', tell: () => undefined });
    } finally {
      engine.close();
    }
  } catch (error) {
    return toErrorReport(error).message;
  }
}

/** Whether this machine can build images. */
async function buildsHere(): Promise<true | string> {
  return dockerPlace(dockerOptions(null, null), null).facts().then(
    () => true as const,
    (error: unknown) => toErrorReport(error).message,
  );
}

/** How a command is executed here: in its recorded image where Docker has it, else as it is. */
export async function commandHere({ config, provenance }: CommandManifest): Promise<CommandHere> {
  const { executor } = config;
  const differences = doneThere(executor);
  if (executor.kind !== 'docker') return { config: plain(config), place: null, differences };
  const found = provenance.image === undefined ? await buildsHere() : await imageHere(provenance.image);
  const name = provenance.image === undefined ? 'an image built of its own Dockerfile' : `the image ${provenance.image.name} (${provenance.image.digest ?? provenance.image.id})`;
  // One sentence of the engine, as the end of another.
  if (typeof found === 'string') return { config: plain(config), place: null, differences: [...differences, `it ran in ${name}, which cannot be had here (${found.replace(/\.$/u, '')})`] };
  const own = containerHere(executor);
  const place = dockerPlace(dockerOptions(null, null), own.kind === 'docker' ? own : null);
  return {
    config: { ...config, executor: own },
    // Whatever its name means here by now.
    place: found === true ? place : { ...place, image: () => Promise.resolve(found) },
    differences: found === true ? [...differences, `its image is built anew, of ${name.replace(/^an image built of /u, '')}`] : differences,
  };
}
