/**
 * The schema of `executor`: where a run is carried out and what it gets there. One field, `kind`, chooses among this
 * machine, a container, a remote machine and a cluster; the rest of a config says nothing of it.
 */
import { z } from 'zod';
import { bytesOf } from './facts';

/** ONNX Runtime's execution providers that can train. */
export const PROVIDERS = ['cpu', 'webgpu', 'cuda', 'directml', 'coreml'] as const;
export type Provider = (typeof PROVIDERS)[number];

/** Name of a machine that the workspace knows (`reprise machine list`). */
export const machineName = z.string().max(64).regex(/^[A-Za-z0-9][\w.-]*$/u, { error: 'is no name of a machine (letters, digits, _ . -)' });

const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/u, { error: 'is no name of an environment variable (letters, digits, _)' });
const variables = z.record(variableName, z.string().max(100_000)).optional().meta({ description: 'Environment variables of the run there' });
const secrets = z.array(variableName).max(100).optional().meta({ description: "Names of variables of Reprise's own environment that the run gets too; their values are kept nowhere" });

const size = z.string().max(32).refine((text) => (bytesOf(text) ?? 0) > 0, { error: 'must be a size such as 512m or 8g' });

const gpus = z.int().min(0).max(64).optional().meta({ description: 'GPUs the run gets for itself; it sees no others', unit: 'GPUs' });
const memory = size.optional().meta({ description: 'Memory the run may take, such as 8g' });
/** This machine keeps it free and counts on the run to keep to it. */
const reserved = size.optional().meta({ description: 'Memory that is kept free for the run, such as 8g; nothing holds the run to it' });

const providerChoice = z
  .enum([...PROVIDERS, 'auto'])
  .optional()
  .meta({ description: 'What computes: the processor (cpu), whose bits can be had again; a GPU through WebGPU, CUDA, DirectML or Core ML; or auto, the quickest that is there', default: 'cpu' });
const trainingThreads = z.int().min(1).max(256).default(1).meta({ description: 'Threads of ONNX Runtime in the worker; pinned, because the count can change bits', unit: 'threads' });
const commandThreads = z.int().min(1).max(256).default(1).meta({ description: 'Cores the command takes', unit: 'cores' });

/** This machine. */
const localFields = { kind: z.literal('local').default('local'), gpus, memory: reserved };

/** `/data:/workspace/data` or `./models:/models:ro`, as `docker run --volume` has them; what lies on this machine is read-only unless `rw` is said. */
const volume = z.string().max(8192).regex(/^[^:]+:\/[^:]*(?::(?:ro|rw))?$/u, { error: 'must be HOST_PATH:/PATH_IN_THE_CONTAINER, with :rw behind it where the run may write there' });
const limit = z.strictObject({ soft: z.int().min(-1), hard: z.int().min(-1) });

/** A container of Docker Engine. */
const dockerFields = {
  kind: z.literal('docker'),
  machine: machineName.optional().meta({ description: 'Name of the machine whose Docker Engine is used; the one of this machine when not set' }),
  image: z.string().min(1).max(1000).optional().meta({ description: 'Image; its tag is resolved to a digest before the run' }),
  build: z
    .strictObject({ dockerfile: z.string().min(1).max(4096).default('Dockerfile'), context: z.string().min(1).max(4096).default('.'), target: z.string().max(200).optional(), args: z.record(z.string(), z.string()).optional() })
    .optional()
    .meta({ description: 'Builds the image from a Dockerfile of the captured code, in place of `image`' }),
  pull: z.enum(['missing', 'always', 'never']).optional().meta({ description: 'When the image is fetched from its registry', default: 'missing' }),
  env: variables,
  secrets,
  volumes: z.array(volume).max(100).optional().meta({ description: 'Folders of this machine in the container, HOST_PATH:/PATH; read-only unless they end in :rw' }),
  memory,
  sharedMemory: size.optional().meta({ description: 'Size of /dev/shm, such as 1g' }),
  ulimits: z.record(z.string().regex(/^[a-z]+$/u), z.union([z.int().min(-1), limit])).optional().meta({ description: 'Limits such as nofile: 65536' }),
  gpus: z.union([z.literal('all'), z.int().min(0).max(64), z.array(z.string().min(1).max(200)).min(1).max(64)], { error: 'must be all, a number, or a list of device ids' }).optional().meta({ description: 'GPUs in the container: all, a number, or device ids' }),
  network: z.string().min(1).max(200).optional().meta({ description: 'Network of the container', default: 'none' }),
  user: z.string().min(1).max(200).optional().meta({ description: 'User in the container, as UID:GID or a name; that of this process when not set' }),
};

/** What is done on another machine before the program starts. */
const shellFields = {
  env: variables,
  secrets,
  venv: z.string().max(4096).optional().meta({ description: 'Python virtual environment there, whose programs come first' }),
  modules: z.array(z.string().min(1).max(200)).max(100).optional().meta({ description: 'Environment modules that are loaded before' }),
  prologue: z.array(z.string().max(10_000)).max(200).optional().meta({ description: 'Lines for the shell there that come before the program' }),
};

/** A machine that OpenSSH reaches. */
const sshFields = { kind: z.literal('ssh'), machine: machineName, gpus, memory, ...shellFields };

/** Jobs that must have come to an end before: those of experiments of the workspace. */
const after = z.strictObject({ ok: z.array(z.string().min(1).max(200)).max(100).optional(), any: z.array(z.string().min(1).max(200)).max(100).optional() });

/** A cluster of Slurm. What is left out, the machine's own defaults and then the cluster's say. */
const slurmFields = {
  kind: z.literal('slurm'),
  machine: machineName,
  partition: z.string().max(200).optional().meta({ description: 'Partition' }),
  account: z.string().max(200).optional().meta({ description: 'Account that is charged' }),
  qos: z.string().max(200).optional().meta({ description: 'Quality of service' }),
  time: z.string().regex(/^(?:\d+-)?\d+(?::\d+){0,2}$/u, { error: 'must be a time of Slurm: minutes, hours:minutes:seconds or days-hours:minutes:seconds' }).optional().meta({ description: 'Longest time of a run, such as 2:00:00' }),
  nodes: z.int().min(1).max(10_000).optional().meta({ description: 'Nodes of a run', unit: 'nodes' }),
  tasks: z.int().min(1).max(10_000).optional().meta({ description: 'Tasks of a run on each node', unit: 'tasks' }),
  launcher: z.enum(['none', 'srun', 'torchrun']).optional().meta({ description: 'What starts the command on all nodes', default: 'none' }),
  memory: memory.meta({ description: 'Memory of a run on each node, such as 8g' }),
  gpus: z.union([z.int().min(0).max(64), z.string().regex(/^[\w.-]+:\d+$/u)], { error: 'must be a number, or TYPE:NUMBER' }).optional().meta({ description: 'GPUs of a run on each node: a number, or type:number' }),
  constraint: z.string().max(1000).optional().meta({ description: 'Features that nodes must have' }),
  container: z.strictObject({ with: z.enum(['apptainer', 'pyxis']), image: z.string().min(1).max(4096) }).optional().meta({ description: 'Image that the command runs in' }),
  throttle: z.int().min(1).max(100_000).optional().meta({ description: 'Runs of an array that run at once, at most', unit: 'runs' }),
  requeue: z.boolean().optional().meta({ description: 'Whether the cluster may start a run again that a node or a preemption ended', default: true }),
  after: after.optional().meta({ description: 'Experiments that must have ended before: well (ok) or in any way (any)' }),
  options: z.array(z.string().regex(/^--[a-z][a-z0-9-]*(?:=[^\n]*)?$/u, { error: 'must be an option of sbatch, --NAME or --NAME=VALUE' })).max(50).optional().meta({ description: 'Further options of sbatch' }),
  ...shellFields,
};

const trainingFields = { provider: providerChoice, threads: trainingThreads };

/** Where a built-in training runs. A container without `image` or `build` is made of Reprise's own Dockerfile. */
export const executorSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ ...localFields, ...trainingFields }),
    z.strictObject({ ...dockerFields, ...trainingFields }),
    z.strictObject({ ...sshFields, ...trainingFields }),
    z.strictObject({ ...slurmFields, ...trainingFields }),
  ])
  // Asking for what holds anyway asks for nothing: both configs have one hash.
  .overwrite((executor) => {
    if (executor.provider !== 'cpu') return executor;
    const { provider: _cpu, ...rest } = executor;
    return rest as typeof executor;
  });

/** Where a person's own command runs. */
export const commandExecutorSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...localFields, threads: commandThreads }),
  z.strictObject({ ...dockerFields, threads: commandThreads }).refine(({ image, build }) => (image === undefined) !== (build === undefined), { path: ['image'], error: 'is needed, or `build`; not both' }),
  z.strictObject({ ...sshFields, threads: commandThreads }),
  z.strictObject({ ...slurmFields, threads: commandThreads }),
]);

export type TrainingExecutor = z.infer<typeof executorSchema>;
export type CommandExecutor = z.infer<typeof commandExecutorSchema>;
export type ExecutorConfig = TrainingExecutor | CommandExecutor;
export type ExecutorKind = ExecutorConfig['kind'];
export type ExecutorOf<K extends ExecutorKind> = Extract<ExecutorConfig, { readonly kind: K }>;
