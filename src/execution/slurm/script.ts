/** The batch script of a submission: what `sbatch` reads, shown before it is sent and kept with each run. It holds no value of an environment variable. */
import type { RunConfig } from '../../config/command';
import { bytesOf } from '../../config/facts';
import { RepriseError } from '../../errors/errors';
import { prologueOf, quotedPath } from '../remote/shell';
import { startLine, tasksOf, type SlurmConfig } from './launch';

/** What a submission adds to the config of its runs. */
export interface ScriptPlace {
  /** Of the submission, absolute; `runs` in it names the runs, one a line. */
  readonly folder: string;
  /** Of all runs, absolute. */
  readonly runs: string;
  /** Folder of Reprise on the cluster, absolute. */
  readonly base: string;
  /** Program and first arguments that carry out a run, whose folder follows. */
  readonly program: readonly string[];
}

export interface ScriptOptions {
  readonly executor: SlurmConfig;
  /** Of one of the runs; all are alike but for their parameters. */
  readonly config: RunConfig;
  /** Runs that the script starts. */
  readonly count: number;
  /** `afterok:12:13`, … */
  readonly dependencies?: readonly string[];
  readonly place: ScriptPlace;
}

const MEBIBYTE = 2 ** 20;
const LONGEST_NAME = 60;

/**
 * The text of the script.
 * @throws RepriseError SCRIPT_VALUE_INVALID for a value that no line can hold
 */
export function batchScript({ executor, config, count, dependencies = [], place }: ScriptOptions): string {
  const lines = [
    '#!/bin/bash',
    ...directives(executor, config.experiment, count, dependencies, place).map((option) => `#SBATCH ${directive(option)}`),
    '',
    'set -e',
    `run=$(sed -n "$((\${SLURM_ARRAY_TASK_ID:-0} + 1))p" ${quotedPath(`${place.folder}/runs`)})`,
    `exec >>${quotedPath(place.runs)}/"$run"/slurm.out 2>&1`,
    ...prologueOf(executor),
    ...meeting(executor),
    startLine(executor, config, [...place.program.map(quotedPath), `${quotedPath(place.runs)}/"$run"`], [place.base]),
  ];
  return `${lines.join('\n')}\n`;
}

/** The options of sbatch that a config asks for, the more special ones last. */
function directives(executor: SlurmConfig, experiment: string, count: number, dependencies: readonly string[], place: ScriptPlace): string[] {
  const { partition, account, qos, time, nodes = 1, gpus, memory, constraint, throttle, requeue = true, options = [] } = executor;
  const { tasks, cores } = tasksOf(executor);
  const given = (name: string, value: string | number | undefined): string[] => (value === undefined ? [] : [`--${name}=${value}`]);
  const bytes = memory === undefined ? null : bytesOf(memory);
  return [
    `--job-name=${jobName(experiment)}`,
    // In the names of files `%` begins what Slurm fills in.
    `--output=${place.folder.replaceAll('%', '%%')}/${count > 1 ? '%a' : '0'}.out`,
    '--open-mode=append',
    `--chdir=${place.folder}`,
    ...(count > 1 ? [`--array=0-${count - 1}${throttle === undefined ? '' : `%${throttle}`}`] : []),
    requeue ? '--requeue' : '--no-requeue',
    ...given('partition', partition),
    ...given('account', account),
    ...given('qos', qos),
    ...given('time', time),
    `--nodes=${nodes}`,
    `--ntasks-per-node=${tasks}`,
    `--cpus-per-task=${cores}`,
    ...(bytes === null ? [] : [`--mem=${Math.ceil(bytes / MEBIBYTE)}M`]),
    ...(gpus === undefined || gpus === 0 ? [] : [`--gres=gpu:${gpus}`]),
    ...given('constraint', constraint),
    ...(dependencies.length === 0 ? [] : [`--dependency=${dependencies.join(',')}`]),
    ...options,
  ];
}

/** The name that `squeue` shows: of an experiment what every tool prints as it is. */
export function jobName(experiment: string): string {
  return experiment.normalize('NFKD').replaceAll(/[^A-Za-z0-9_.-]+/gu, '_').slice(0, LONGEST_NAME).replaceAll(/^[_-]+|_+$/gu, '') || 'reprise';
}

/** An option as sbatch reads it from a comment: what is in double quotes stays together, a backslash takes a meaning away. */
function directive(option: string): string {
  if (/[\u0000-\u001f\u007f]/u.test(option)) throw new RepriseError('SCRIPT_VALUE_INVALID', `The option ${JSON.stringify(option)} cannot stand in a batch script, because of the control character in it.`, { hint: 'Take it out of the `executor` of the config.' });
  return /^[A-Za-z0-9_@%+=:,./-]+$/u.test(option) ? option : option.replace(/^(--[a-z0-9-]+=)?(.*)$/u, (_all, name: string | undefined, value: string) => `${name ?? ''}"${value.replaceAll(/["\\]/gu, String.raw`\$&`)}"`);
}

/** Where the processes of several nodes meet. */
function meeting({ nodes = 1, tasks = 1, launcher = 'none' }: SlurmConfig): string[] {
  if (launcher === 'none' || (nodes === 1 && tasks === 1 && launcher !== 'torchrun')) return [];
  return ['MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)', 'MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))', 'export MASTER_ADDR MASTER_PORT'];
}
