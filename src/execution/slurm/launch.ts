/** How the program of a job is started on its nodes: by itself, by `srun` or by `torchrun`, and in which container. */
import { isCommandConfig, type RunConfig } from '../../config/command';
import type { ExecutorOf } from '../../config/executor';
import { RepriseError } from '../../errors/errors';
import type { CommandOrder } from '../executor';
import { quoted } from '../remote/shell';

export type SlurmConfig = ExecutorOf<'slurm'>;

/** Tasks of a job on each of its nodes, and cores of each task. torchrun starts its processes itself, out of one task. */
export function tasksOf({ launcher, tasks = 1, threads }: SlurmConfig): { readonly tasks: number; readonly cores: number } {
  return launcher === 'torchrun' ? { tasks: 1, cores: threads * tasks } : { tasks, cores: threads };
}

/**
 * The line that starts a program in the container of a config, if it has one; the program is `"$@"` where it is not given.
 * @param shared folders that are the same inside, absolute
 */
function containerLine({ container, gpus }: SlurmConfig, shared: readonly string[], program: string): { readonly srun: readonly string[]; readonly program: string } {
  switch (container?.with) {
    case undefined:
      return { srun: [], program };
    case 'apptainer': {
      const graphics = gpus === undefined || gpus === 0 ? '' : ' --nv';
      return { srun: [], program: `apptainer exec${graphics}${shared.map((folder) => ` --bind ${quoted(folder)}`).join('')} --pwd "$PWD" ${quoted(container.image)} ${program}` };
    }
    case 'pyxis':
      return { srun: [`--container-image=${quoted(container.image)}`, `--container-mounts=${quoted(shared.map((folder) => `${folder}:${folder}`).join(','))}`, '--container-workdir="$PWD"'], program };
  }
}

const srun = (options: readonly string[], program: string): string => ['srun', ...options, program].join(' ');
const ONE_TASK = ['--nodes=1', '--ntasks=1'];

/** The line that starts the command of a run on all nodes of its job; the command is `"$@"`. */
export function launchLine(executor: SlurmConfig, command: readonly string[], shared: readonly string[]): string {
  const { launcher = 'none', tasks: processes = 1 } = executor;
  const { tasks, cores } = tasksOf(executor);
  // srun does not take the cores of a task from the job (since Slurm 22.05).
  const all = [`--ntasks-per-node=${tasks}`, `--cpus-per-task=${cores}`, '--kill-on-bad-exit=1'];
  switch (launcher) {
    case 'none': {
      const { srun: options, program } = containerLine(executor, shared, '"$@"');
      return options.length === 0 ? program : srun([...ONE_TASK, `--cpus-per-task=${cores}`, ...options], program);
    }
    case 'srun': {
      const { srun: options, program } = containerLine(executor, shared, '"$@"');
      return srun([...all, ...options], program);
    }
    case 'torchrun': {
      const torchrun = [
        torchrunOf(command),
        '--nnodes="$SLURM_JOB_NUM_NODES"',
        `--nproc-per-node=${processes}`,
        '--rdzv-backend=c10d',
        '--rdzv-id="$SLURM_JOB_ID"',
        '--rdzv-endpoint="$MASTER_ADDR:$MASTER_PORT"',
        '--no-python',
        '"$@"',
      ].join(' ');
      const { srun: options, program } = containerLine(executor, shared, torchrun);
      return srun([...all, ...options], program);
    }
  }
}

/** torchrun of the Python that the command names, or else the one on the PATH. */
function torchrunOf([program = '']: readonly string[]): string {
  return /(?:^|\/)python[\d.]*$/u.test(program) ? `${quoted(program)} -m torch.distributed.run` : 'torchrun';
}

/** The command of a run as the program on the first node starts it. */
export function launchCommand(executor: SlurmConfig, command: CommandOrder['command'], shared: readonly string[]): CommandOrder['command'] {
  const { launcher = 'none', container } = executor;
  if (launcher === 'none' && container === undefined) return command;
  const words = Array.isArray(command) ? (command as readonly string[]) : wordsOf(command as Exclude<CommandOrder['command'], readonly string[]>);
  return ['bash', '-c', `exec ${launchLine(executor, words, shared)}`, 'launch', ...words];
}

function wordsOf({ shell, script }: Exclude<CommandOrder['command'], readonly string[]>): readonly string[] {
  if (shell === 'pwsh') return ['pwsh', '-NoProfile', '-NonInteractive', '-Command', script];
  if (shell === 'cmd') throw new RepriseError('SHELL_NOT_THERE', 'A cluster has no shell cmd.', { hint: 'Write `task.command` for sh or bash, or as a list of a program and its arguments.' });
  return [shell, '-c', script];
}

/** The line of a batch script that carries out a run. A training runs in the container as a whole; of a command the command alone, because `srun` is outside. */
export function startLine(executor: SlurmConfig, config: RunConfig, program: readonly string[], shared: readonly string[]): string {
  const words = program.join(' ');
  if (isCommandConfig(config)) return `exec ${words}`;
  const { srun: options, program: inside } = containerLine(executor, shared, words);
  return `exec ${options.length === 0 ? inside : srun([...ONE_TASK, `--cpus-per-task=${tasksOf(executor).cores}`, ...options], inside)}`;
}
