import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../src/config/parse';
import { launchCommand, type SlurmConfig } from '../../../src/execution/slurm/launch';
import { previewScript } from '../../../src/execution/slurm/preview';
import { batchScript, jobName, type ScriptOptions } from '../../../src/execution/slurm/script';

const base = '/home/a b/.reprise';
const place = { folder: `${base}/jobs/t1`, runs: `${base}/runs`, base, program: [`${base}/kit/h/bin/node`, `${base}/kit/h/out/outpost.js`, 'run'] };

interface Plan extends Pick<ScriptOptions, 'config'> {
  readonly executor: SlurmConfig;
}

function plan(config: Record<string, unknown>, fields: Record<string, unknown>): Plan {
  const parsed = parseConfig({ seed: 1, ...config, executor: { kind: 'slurm', machine: 'cluster', ...fields } });
  if (parsed.executor.kind !== 'slurm') throw new Error('another kind');
  return { config: parsed, executor: parsed.executor };
}
const ofCommand = (fields: Record<string, unknown> = {}, experiment = 'cnn'): Plan => plan({ experiment, task: { command: ['python', 'train.py'] } }, fields);
const ofTraining = (fields: Record<string, unknown> = {}): Plan =>
  plan({ experiment: 'iris', model: { kind: 'mlp' }, data: { kind: 'csv', path: 'x.csv', target: 'y' }, training: { learningRate: 0.1, batchSize: 4 } }, fields);
const scriptOf = (given: Plan, count = 1, dependencies: readonly string[] = []): string => batchScript({ ...given, count, dependencies, place });
const optionsIn = (script: string): string[] => script.split('\n').filter((line) => line.startsWith('#SBATCH ')).map((line) => line.slice(8));

describe('a batch script', () => {
  test('of one run asks for no more than the config does', () => {
    expect(scriptOf(ofTraining())).toBe(
      [
        '#!/bin/bash',
        '#SBATCH --job-name=iris',
        '#SBATCH --output="/home/a b/.reprise/jobs/t1/0.out"',
        '#SBATCH --open-mode=append',
        '#SBATCH --chdir="/home/a b/.reprise/jobs/t1"',
        '#SBATCH --requeue',
        '#SBATCH --nodes=1',
        '#SBATCH --ntasks-per-node=1',
        '#SBATCH --cpus-per-task=1',
        '',
        'set -e',
        `run=$(sed -n "$((\${SLURM_ARRAY_TASK_ID:-0} + 1))p" '/home/a b/.reprise/jobs/t1/runs')`,
        `exec >>'/home/a b/.reprise/runs'/"$run"/slurm.out 2>&1`,
        `exec '/home/a b/.reprise/kit/h/bin/node' '/home/a b/.reprise/kit/h/out/outpost.js' run '/home/a b/.reprise/runs'/"$run"`,
        '',
      ].join('\n'),
    );
  });

  test('of many is an array with a throttle, and asks for all that the config does', () => {
    const given = ofCommand({
      partition: 'gpu', account: 'lab 7', qos: 'high', time: '1-2:00:00', nodes: 2, tasks: 4, threads: 3, launcher: 'srun', memory: '1.5g', gpus: 'a100:2',
      constraint: '[rack1|rack2]&"new"', throttle: 8, requeue: false, options: ['--exclusive', '--comment=a "b" \\ $(id) #c'],
    });
    expect(optionsIn(scriptOf(given, 500, ['afterok:12:13', 'afterany:14']))).toEqual([
      '--job-name=cnn', '--output="/home/a b/.reprise/jobs/t1/%a.out"', '--open-mode=append', '--chdir="/home/a b/.reprise/jobs/t1"', '--array=0-499%8', '--no-requeue',
      '--partition=gpu', '--account="lab 7"', '--qos=high', '--time=1-2:00:00', '--nodes=2', '--ntasks-per-node=4', '--cpus-per-task=3', '--mem=1536M', '--gres=gpu:a100:2',
      String.raw`--constraint="[rack1|rack2]&\"new\""`, '--dependency=afterok:12:13,afterany:14', '--exclusive', String.raw`--comment="a \"b\" \\ $(id) #c"`,
    ]);
  });

  test('a name is safe for every tool, whatever the experiment is called', () => {
    expect(['Größe "x" $(id); rm', 'a b', '日本', '--x', 'v1.2-3_y'].map(jobName)).toEqual(['Gro_e_x_id_rm', 'a_b', 'reprise', 'x', 'v1.2-3_y']);
    expect(jobName('x'.repeat(500))).toHaveLength(60);
  });

  test('what no line can hold is refused', () => {
    expect(() => scriptOf(ofCommand({ partition: 'a\nscancel -u root' }))).toThrow(expect.objectContaining({ code: 'SCRIPT_VALUE_INVALID' }));
  });

  test('the values of environment variables are not in it', () => {
    const script = scriptOf(ofCommand({ env: { TOKEN: 'hunter2' } }));
    expect(script).not.toContain('hunter2');
    expect(script).not.toContain('TOKEN');
  });

  test('modules, venv and prologue come before the program, in bash, each one word', () => {
    const folder = mkdtempSync(join(tmpdir(), 'reprise-script-'));
    try {
      const venv = join(folder, "it's a venv");
      mkdirSync(join(venv, 'bin'), { recursive: true });
      writeFileSync(join(venv, 'bin', 'activate'), 'echo venv');
      writeFileSync(join(folder, 'runs'), 'run-a\nrun-b\nrun-c\n');
      const runs = join(folder, 'all runs');
      mkdirSync(join(runs, 'run-b'), { recursive: true });
      const given = ofCommand({ modules: ['cuda/12.4', '$(touch evil) x'], venv, prologue: ['echo "prologue"; echo "$((1 + 1))"'] });
      const script = batchScript({ ...given, count: 3, place: { ...place, folder, runs, program: ['printf', '%s\n', "it's"] } });
      execFileSync('bash', ['-c', `module() { printf '<%s>' "$@"; echo; }\n${script}`], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'], env: { PATH: process.env['PATH'], SLURM_ARRAY_TASK_ID: '1' } });
      expect(readFileSync(join(runs, 'run-b', 'slurm.out'), 'utf8').split('\n')).toEqual(['<load><cuda/12.4>', '<load><$(touch evil) x>', 'venv', 'prologue', '2', "it's", `${runs}/run-b`, '']);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a prologue that fails starts nothing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'reprise-script-'));
    try {
      writeFileSync(join(folder, 'runs'), 'run-a\n');
      mkdirSync(join(folder, 'run-a'));
      const script = batchScript({ ...ofCommand({ prologue: ['cd /nowhere/at/all'] }), count: 1, place: { ...place, folder, runs: folder, program: ['echo', 'started'] } });
      expect(spawnSync('bash', ['-c', script]).status).toBe(1);
      expect(readFileSync(join(folder, 'run-a', 'slurm.out'), 'utf8')).toMatch(/^bash: line \d+: cd: \/nowhere\/at\/all: No such file or directory\n$/u);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a training runs in its container as a whole', () => {
    const last = (fields: Record<string, unknown>): string | undefined => scriptOf(ofTraining(fields)).trimEnd().split('\n').at(-1);
    const program = `'/home/a b/.reprise/kit/h/bin/node' '/home/a b/.reprise/kit/h/out/outpost.js' run '/home/a b/.reprise/runs'/"$run"`;
    expect(last({ gpus: 1, container: { with: 'apptainer', image: 'docker://x/y:1' } })).toBe(`exec apptainer exec --nv --bind '/home/a b/.reprise' --pwd "$PWD" docker://x/y:1 ${program}`);
    expect(last({ threads: 2, container: { with: 'pyxis', image: 'nvcr.io#x/y' } })).toBe(`exec srun --nodes=1 --ntasks=1 --cpus-per-task=2 --container-image='nvcr.io#x/y' --container-mounts='/home/a b/.reprise:/home/a b/.reprise' --container-workdir="$PWD" ${program}`);
  });
});

test('what is planned is shown as it will be sent, but for what is known only then', () => {
  const { config } = ofCommand({ partition: 'gpu', throttle: 4, after: { ok: ['prepare'], any: ['a', 'b'] } });
  expect(previewScript({ config, count: 12, machine: { folder: '~/.reprise' } })).toBe(
    [
      '#!/bin/bash',
      '#SBATCH --job-name=cnn',
      '#SBATCH --output="~/.reprise/jobs/<submission>/%a.out"',
      '#SBATCH --open-mode=append',
      '#SBATCH --chdir="~/.reprise/jobs/<submission>"',
      '#SBATCH --array=0-11%4',
      '#SBATCH --requeue',
      '#SBATCH --partition=gpu',
      '#SBATCH --nodes=1',
      '#SBATCH --ntasks-per-node=1',
      '#SBATCH --cpus-per-task=1',
      '#SBATCH --dependency="afterok:<jobs of prepare>,afterany:<jobs of a>:<jobs of b>"',
      '',
      'set -e',
      `run=$(sed -n "$((\${SLURM_ARRAY_TASK_ID:-0} + 1))p" ~/'.reprise/jobs/<submission>/runs')`,
      'exec >>~/.reprise/runs/"$run"/slurm.out 2>&1',
      `exec ~/'.reprise/kit/<version>/bin/node' ~/'.reprise/kit/<version>/outpost.js' run ~/.reprise/runs/"$run"`,
      '',
    ].join('\n'),
  );
});

describe('the command of a run', () => {
  const lineOf = (fields: Record<string, unknown>, words: readonly string[] = ['python', 'train.py', '--name', 'a b']): string => {
    const command = launchCommand(ofCommand(fields).executor, [...words], [base]) as readonly string[];
    expect([command[0], command[1], command[3], ...command.slice(4)]).toEqual(['bash', '-c', 'launch', ...words]);
    return command[2] ?? '';
  };

  test('stays as it is where nothing launches it', () => {
    const script = { shell: 'sh' as const, script: 'echo' };
    expect(launchCommand(ofCommand().executor, ['a', 'b'], [])).toEqual(['a', 'b']);
    expect(launchCommand(ofCommand().executor, script, [])).toEqual(script);
  });

  test('srun starts it in every task', () => {
    expect(lineOf({ launcher: 'srun', nodes: 2, tasks: 4, threads: 3 })).toBe('exec srun --ntasks-per-node=4 --cpus-per-task=3 --kill-on-bad-exit=1 "$@"');
  });

  test('torchrun of its own Python starts its processes on every node', () => {
    const options = '--nnodes="$SLURM_JOB_NUM_NODES" --nproc-per-node=4 --rdzv-backend=c10d --rdzv-id="$SLURM_JOB_ID" --rdzv-endpoint="$MASTER_ADDR:$MASTER_PORT" --no-python "$@"';
    expect(lineOf({ launcher: 'torchrun', nodes: 2, tasks: 4, threads: 3 })).toBe(`exec srun --ntasks-per-node=1 --cpus-per-task=12 --kill-on-bad-exit=1 python -m torch.distributed.run ${options}`);
    expect(lineOf({ launcher: 'torchrun', tasks: 4 }, ['./train'])).toContain(` torchrun ${options}`);
    expect(scriptOf(ofCommand({ launcher: 'torchrun', nodes: 2 }))).toContain('\nMASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)\n');
  });

  test('containers hold it alone, inside of srun', () => {
    expect(lineOf({ container: { with: 'apptainer', image: '/i/m g.sif' } })).toBe(`exec apptainer exec --bind '/home/a b/.reprise' --pwd "$PWD" '/i/m g.sif' "$@"`);
    expect(lineOf({ launcher: 'srun', tasks: 2, container: { with: 'apptainer', image: 'i.sif' } })).toBe(`exec srun --ntasks-per-node=2 --cpus-per-task=1 --kill-on-bad-exit=1 apptainer exec --bind '/home/a b/.reprise' --pwd "$PWD" i.sif "$@"`);
    expect(lineOf({ container: { with: 'pyxis', image: 'i' } })).toBe(`exec srun --nodes=1 --ntasks=1 --cpus-per-task=1 --container-image=i --container-mounts='/home/a b/.reprise:/home/a b/.reprise' --container-workdir="$PWD" "$@"`);
    expect(scriptOf(ofCommand({ container: { with: 'apptainer', image: 'i.sif' } }))).not.toContain('apptainer');
  });

  test('a line for a shell is one argument of that shell', () => {
    expect(launchCommand(ofCommand({ launcher: 'srun' }).executor, { shell: 'zsh', script: 'echo "$X" $(id)' }, [])).toEqual(['bash', '-c', 'exec srun --ntasks-per-node=1 --cpus-per-task=1 --kill-on-bad-exit=1 "$@"', 'launch', 'zsh', '-c', 'echo "$X" $(id)']);
    expect(() => launchCommand(ofCommand({ launcher: 'srun' }).executor, { shell: 'cmd', script: 'dir' }, [])).toThrow(expect.objectContaining({ code: 'SHELL_NOT_THERE' }));
  });
});
