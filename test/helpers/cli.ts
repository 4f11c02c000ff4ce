/** Runs the built command line as a user does: a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** A program of the build; of a build apart, where REPRISE_OUT names its folder as for the build itself. @throws where it was not built */
export function builtProgram(name: string): string {
  const entry = resolve(projectRoot, process.env['REPRISE_OUT'] ?? 'out', name);
  if (!existsSync(entry)) throw new Error(`${entry} is missing: run npm run build first`);
  return entry;
}

export interface CliResult {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Node keeps here what it compiled: a start of the command line takes a fifth less time. */
const compiled = join(projectRoot, 'node_modules', '.reprise', 'compiled');

export function startCli(args: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): { child: ChildProcess; done: Promise<CliResult> } {
  const child = spawn(process.execPath, [builtProgram('cli.js'), ...args], { cwd: options.cwd ?? projectRoot, env: { NODE_COMPILE_CACHE: compiled, ...process.env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const done = new Promise<CliResult>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, done };
}

export function cli(args: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): Promise<CliResult> {
  return startCli(args, options).done;
}

/** Runs with --json and answers with the document; the exit code must be the one expected. */
export async function cliJson<T>(args: readonly string[], expected = 0): Promise<T> {
  const result = await cli([...args, '--json']);
  if (result.code !== expected) throw new Error(`exit ${result.code}, expected ${expected}: reprise ${args.join(' ')}\n${result.stderr}\n${result.stdout}`);
  return JSON.parse(result.stdout) as T;
}

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<{ path: string; write: (name: string, text: string | Uint8Array) => Promise<string>; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'reprise-test-'));
  return {
    path,
    async write(name, text) {
      const file = join(path, name);
      await writeFile(file, text);
      return file;
    },
    remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** A config that trains in about a second. */
export function smallConfig(overrides: { readonly epochs?: number; readonly samples?: number; readonly dropout?: number; readonly checkpointEvery?: number; readonly experiment?: string } = {}): string {
  return `experiment: ${overrides.experiment ?? 'small'}
model: { kind: mlp, hidden: [32], dropout: ${overrides.dropout ?? 0.1} }
training: { learningRate: 0.02, batchSize: 32, epochs: ${overrides.epochs ?? 8}, checkpointEvery: ${overrides.checkpointEvery ?? 20}, hashEvery: 10 }
data: { kind: spirals, samples: ${overrides.samples ?? 600}, noise: 0.1 }
seed: 1
selection: { metric: accuracy, checkpoint: best }
`;
}
