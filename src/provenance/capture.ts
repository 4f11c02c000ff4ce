/** Captures everything that is recorded about a run before its first step. */
import path from 'node:path';
import type { TaskConfig } from '../config/command';
import type { Config } from '../config/schema';
import { sha256File } from '../files/hash';
import type { Provenance } from '../events/provenance';
import { containerOfCommand, findContainer } from './container';
import { checkEnvironment } from './environment';
import { captureCode, type CodeOptions } from './git-state';
import { captureInterpreter } from './interpreter';
import { findLockFiles } from './lock-files';
import { describeMachine, findCuda, findGpus } from './machine';
import { onnxruntimeVersion } from './runtime';
import { recordedVariables } from './variables';

/** A person's program as it will be started. */
export interface CommandCapture {
  readonly command: TaskConfig['command'];
  /** Absolute folder in the user's own code, not in a working copy: environments lie there. */
  readonly cwd: string;
  /** All variables it gets. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

export interface CaptureOptions {
  /** The code to capture; null where it is not the user's: nothing is asked of git then. */
  readonly code: CodeOptions | null;
  /** The program that will be started; left out for a built-in training. */
  readonly command?: CommandCapture;
  readonly environment: Config['environment'];
  /** The folder of Reprise's package.json. */
  readonly packageRoot: string;
  readonly repriseVersion: string;
}

/**
 * Versions, machine, code state and environment check, as they are now. What cannot be captured is named in
 * `problems`, one sentence each.
 * @throws RepriseError ONNXRUNTIME_MISSING: nothing could be trained anyway
 */
export async function captureProvenance(options: CaptureOptions): Promise<Provenance> {
  const capturedAt = Date.now();
  const versions: Provenance['versions'] = {
    reprise: options.repriseVersion,
    node: process.versions.node,
    electron: process.versions['electron'] ?? null,
    v8: process.versions.v8,
    onnxruntime: onnxruntimeVersion(),
  };
  const { command } = options;
  const [code, gpus, cuda, started, interpreter, lockFiles, lockfileHash] = await Promise.all([
    options.code === null ? { git: null, code: null, problems: [] } : captureCode(options.code),
    findGpus(),
    findCuda(),
    command !== undefined && Array.isArray(command.command) ? containerOfCommand(command.command) : null,
    command === undefined ? { python: null, problems: [] } : captureInterpreter(command.command, command.cwd, command.env),
    command === undefined ? [] : findLockFiles(command.cwd, options.code?.folder ?? command.cwd),
    sha256File(path.join(options.packageRoot, 'package-lock.json')).catch(() => null),
  ]);
  const machine = describeMachine();
  const container = started ?? findContainer();
  const problems = [...code.problems, ...interpreter.problems];
  if (machine.cpu.flags.length === 0) problems.push('This system does not tell the instruction sets of its processor, so runs on other processors cannot be told apart.');
  return {
    capturedAt,
    versions,
    ...machine,
    gpus,
    cuda,
    container,
    python: interpreter.python,
    lockFiles,
    ...(command === undefined ? {} : { variables: recordedVariables(command.env) }),
    lockfileHash,
    git: code.git,
    code: code.code,
    environmentCheck: checkEnvironment(options.environment, {
      reprise: versions.reprise,
      node: versions.node,
      onnxruntime: versions.onnxruntime,
      os: machine.os.platform,
      osName: machine.os.name,
      arch: machine.os.arch,
      memoryBytes: machine.memoryBytes,
      gpus,
      cuda,
      container,
      ...(command === undefined ? {} : { python: interpreter.python }),
      variables: command?.env ?? process.env,
    }),
    problems,
  };
}
