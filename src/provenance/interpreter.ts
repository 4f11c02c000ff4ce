/** Asks the Python that a command starts for its version and packages, before it starts. */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { hashJson } from '../config/hash';
import type { TaskConfig } from '../config/command';
import type { PythonEnvironment, PythonPackage } from '../events/provenance';
import { findInterpreter, type Surroundings } from './find-interpreter';
import { PROBE, PROBE_MARK, probeAnswer, type ProbeAnswer } from './python-probe';
import { withoutCredentials } from './remote-url';
import { withoutPaths } from './sentences';

/** Milliseconds that the interpreter may take; a cold start from a network disk takes several seconds. */
const PROBE_LIMIT_MS = 30_000;

export interface CapturedInterpreter {
  /** Null where the command starts no Python, or it could not be asked. */
  readonly python: PythonEnvironment | null;
  readonly problems: readonly string[];
}

function packageOf({ name, version, direct }: ProbeAnswer['packages'][number]): PythonPackage {
  if (direct === undefined) return { name, version };
  // A folder of this machine means nothing elsewhere, and its name may be private.
  const url = /^file:/iu.test(direct.url) || direct.url === '' ? null : withoutCredentials(direct.url);
  const kind = direct.vcs_info !== undefined ? 'vcs' : direct.dir_info !== undefined ? 'folder' : 'archive';
  const commit = direct.vcs_info?.commit_id;
  return { name, version, origin: { kind, url, ...(commit === undefined ? {} : { commit }) }, ...(direct.dir_info?.editable === true ? { editable: true as const } : {}) };
}

/**
 * What decides the behaviour of a Python program besides its own code: implementation, version, platform and the
 * packages with their origins. Equal hashes for equal environments, wherever they lie.
 */
export function environmentLockHash({ implementation, version, platform, packages, torch }: Omit<PythonEnvironment, 'lockHash'>): string {
  const sorted = [...packages].sort((left, right) => (left.name < right.name ? -1 : left.name > right.name ? 1 : 0));
  return hashJson({ implementation, version, platform, packages: sorted, torch });
}

/** The answer as it is recorded. */
export function environmentOfProbe(answer: ProbeAnswer): PythonEnvironment {
  const packages = answer.packages.map(packageOf);
  const cudnn = packages.find(({ name }) => /^nvidia-cudnn(?:-cu\d+)?$/u.test(name))?.version ?? null;
  const torch = answer.torch?.version == null ? null : { version: answer.torch.version, cuda: answer.torch.cuda, rocm: answer.torch.rocm, cudnn: answer.torch.cuda === null ? null : cudnn };
  const { implementation, version, executable, prefix, virtual, platform } = answer;
  const environment = { implementation, version, executable, prefix, virtual, platform, packages, torch };
  return { ...environment, lockHash: environmentLockHash(environment) };
}

/** `problem` ends a sentence that begins with the interpreter. */
export type ProbeOutput = { readonly stdout: string } | { readonly problem: string };

function ask(executable: string, { env }: Surroundings): Promise<ProbeOutput> {
  return new Promise((resolve) => {
    // Not in the folder of the code: what lies there must not be imported.
    execFile(executable, ['-I', '-c', PROBE], { cwd: tmpdir(), env: { ...env }, timeout: PROBE_LIMIT_MS, maxBuffer: 16 * 2 ** 20, encoding: 'utf8', windowsHide: true }, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout });
      else if (error.killed === true) resolve({ problem: `did not answer within ${String(PROBE_LIMIT_MS / 1000)} s` });
      else resolve({ problem: `failed (${withoutPaths(stderr.trim().split('\n').at(-1) || error.message)})` });
    });
  });
}

/**
 * The Python environment of a command. Starts the interpreter once, isolated, with a program of our own: nothing of
 * the user's code is imported and nothing is fetched. Never rejects.
 * @param cwd absolute folder the command starts in
 * @param env the variables it gets
 */
export async function captureInterpreter(command: TaskConfig['command'], cwd: string, env: Surroundings['env']): Promise<CapturedInterpreter> {
  const words = Array.isArray(command) ? command : wordsOfScript(command.script);
  const found = await findInterpreter(words, { cwd, env }).catch((error: unknown) => ({ problem: `The interpreter was not found (${withoutPaths(String(error))}).` }));
  if (found === null) return { python: null, problems: [] };
  if ('problem' in found) return { python: null, problems: [found.problem] };
  return interpreterOf(await ask(found.executable, { cwd, env }));
}

/** What an interpreter answered `PROBE`, or why it did not. */
export function interpreterOf(output: ProbeOutput): CapturedInterpreter {
  if ('problem' in output) return { python: null, problems: [`The command's Python ${output.problem}, so its version and packages are not recorded; 3.8 or newer can be asked.`] };
  const line = output.stdout.split('\n').find((text) => text.startsWith(PROBE_MARK));
  try {
    return { python: environmentOfProbe(probeAnswer.parse(JSON.parse(line?.slice(PROBE_MARK.length) ?? ''))), problems: [] };
  } catch {
    return { python: null, problems: ["The command's Python gave no answer that can be read, so its version and packages are not recorded."] };
  }
}

/** The first simple command of a script that starts Python: enough to know which interpreter is meant. */
export function wordsOfScript(script: string): string[] {
  const commands = script.split(/&&|\|\||[;|\n]/u).map((part) => part.trim().split(/\s+/u).filter((word) => !/^[A-Za-z_]\w*=/u.test(word)).map((word) => word.replace(/^(["'])(.*)\1$/u, '$2')));
  return commands.find(([first = '']) => /(?:^|[\\/])(?:python[\d.]*|uv|poetry|pipenv|conda|mamba|micromamba|torchrun|accelerate)(?:\.exe)?$/u.test(first)) ?? [];
}
