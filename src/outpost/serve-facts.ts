/** What this machine is and has. */
import { statfs } from 'node:fs/promises';
import { RepriseError } from '../errors/errors';
import { captureInterpreter } from '../provenance/interpreter';
import { describeMachine, findCuda, findGpus, nvidiaSmi, outputOf } from '../provenance/machine';
import { onnxruntimeVersion } from '../provenance/runtime';
import type { Input, Output } from './protocol';
import { afterPrologue, execute } from './serve-shell';

/** Milliseconds that a program may take to tell its version. */
const VERSION_MS = 10_000;
/** The same for a prologue: modules and environments come from slow disks. */
const PROLOGUE_MS = 60_000;

const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  docker: ['docker', '--version'],
  sbatch: ['sbatch', '--version'],
  apptainer: ['apptainer', '--version'],
  python3: ['python3', '--version'],
  'nvidia-smi': [nvidiaSmi() ?? 'nvidia-smi', '--version'],
};

async function programs(): Promise<Record<string, string>> {
  const found = await Promise.all(
    Object.entries(PROGRAMS).map(async ([name, [program = '', ...args]]) => {
      const [line = ''] = ((await outputOf(program, args, VERSION_MS)) ?? '').trim().split('\n');
      return [name, line.trim()] as const;
    }),
  );
  return Object.fromEntries(found.filter(([, line]) => line !== ''));
}

export async function facts(base: string): Promise<Output<'facts'>> {
  const [gpus, cuda, disk, found] = await Promise.all([findGpus(), findCuda(), statfs(base), programs()]);
  return {
    machine: { ...describeMachine(), gpus: [...gpus] } as Output<'facts'>['machine'],
    versions: { node: process.versions.node, v8: process.versions.v8, onnxruntime: onnxruntimeVersion() },
    cuda,
    freeBytes: disk.bavail * disk.bsize,
    programs: found,
  };
}

const MARK = '\u001ereprise-environment ';

/** The variables that a program has after the lines of a prologue. @throws RepriseError PROLOGUE_FAILED */
async function environmentAfter(prologue: readonly string[]): Promise<NodeJS.ProcessEnv> {
  if (prologue.length === 0) return process.env;
  const script = `process.stdout.write(${JSON.stringify(MARK)} + JSON.stringify(process.env) + '\\n')`;
  const { exitCode, signal, stdout, stderr } = await execute({ argv: [...afterPrologue(prologue, [process.execPath, '-e', script])], timeoutMs: PROLOGUE_MS }, new Uint8Array());
  const line = stdout.toString('utf8').split('\n').find((text) => text.startsWith(MARK));
  if (exitCode === 0 && line !== undefined) return JSON.parse(line.slice(MARK.length)) as NodeJS.ProcessEnv;
  const words = stderr.toString('utf8').trim().split('\n').slice(-3).join('\n');
  throw new RepriseError('PROLOGUE_FAILED', `What comes before a run there failed (${signal ?? `exit code ${exitCode ?? 'unknown'}`})${words === '' ? '' : `: ${words}`}`, { kind: 'input', hint: 'See `modules`, `venv` and `prologue` of the executor.' });
}

/** @throws RepriseError PROLOGUE_FAILED */
export async function python(base: string, { command, env, prologue, cwd = base }: Input<'python'>): Promise<Output<'python'>> {
  const { python: found, problems } = await captureInterpreter(command, cwd, { ...(await environmentAfter(prologue)), ...env });
  return { python: found, problems: [...problems] };
}
