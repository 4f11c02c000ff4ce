/** Where a command's code and inputs lie on this machine, and the working copy that is made of them. */
import { readFile, realpath } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { FilledTask } from '../config/task';
import { RepriseError } from '../errors/errors';
import { COMMAND_FILES } from '../events/command-files';
import type { CommandManifest } from '../events/manifest';
import type { CodeSnapshot } from '../events/provenance';
import { atomicWrite } from '../files/atomic-write';
import { fingerprintInput } from '../provenance/fingerprint';
import { makeWorkingCopy, workingCopyIn, type WorkingCopy } from '../provenance/working-copy';

const originSchema = z.object({
  /** The folder of the config on this machine, absolute; null where the code comes from somewhere else. */
  folder: z.string().nullable(),
  /** Where inputs lie, by the path that the config names them by, where not at that path from the folder. */
  inputs: z.record(z.string(), z.string()),
});
/** Where a run's code and data are on this machine: kept in its folder, and no part of what is recorded of it. */
export type CommandOrigin = z.infer<typeof originSchema>;

export async function writeOrigin(runFolder: string, origin: CommandOrigin): Promise<void> {
  await atomicWrite(path.join(runFolder, COMMAND_FILES.origin), `${JSON.stringify(origin)}\n`);
}

/** Nothing is known of a run whose folder came from elsewhere. */
export async function readOrigin(runFolder: string): Promise<CommandOrigin> {
  try {
    return originSchema.parse(JSON.parse(await readFile(path.join(runFolder, COMMAND_FILES.origin), 'utf8')));
  } catch {
    return { folder: null, inputs: {} };
  }
}

/** The recorded code of a command. @throws RepriseError CODE_NOT_CAPTURED: there is nothing to run then */
export function codeOf({ provenance }: Pick<CommandManifest, 'provenance'>): CodeSnapshot {
  if (provenance.code !== undefined && provenance.code !== null) return provenance.code;
  throw new RepriseError('CODE_NOT_CAPTURED', `The code of the command could not be recorded, so it is not run: ${provenance.problems[0] ?? 'its folder cannot be read'}`, {
    kind: 'input',
    hint: 'Put the config into the folder of its code, best a git repository.',
  });
}

/** Where an input lies on this machine; null where that is not known. */
export function inputPath({ folder, inputs }: CommandOrigin, name: string): string | null {
  const known = inputs[name];
  if (known !== undefined) return known;
  if (path.isAbsolute(name)) return name;
  return folder === null ? null : path.resolve(folder, name);
}

export function workingCopyOf(runFolder: string, code: CodeSnapshot): WorkingCopy {
  return workingCopyIn(runFolder, code.folder);
}

/** Makes the working copy of a run on this machine. @throws RepriseError CODE_NOT_CAPTURED, and what `makeWorkingCopy` throws */
export async function makeOwnCopy(workspace: string, runFolder: string, manifest: CommandManifest, { inputs, parameterFile, cwd }: FilledTask): Promise<WorkingCopy> {
  const code = codeOf(manifest);
  const origin = await readOrigin(runFolder);
  const from = origin.folder;
  return makeWorkingCopy({
    workspace,
    runFolder,
    snapshot: code.snapshot,
    folder: code.folder,
    inputs: new Map(inputs.map(({ path: name }) => [name, inputPath(origin, name)])),
    parameterFile,
    cwd,
    source: from === null ? null : () => topOf(from, code),
  });
}

/** The folder that corresponds to the top of the snapshot. */
async function topOf(folder: string, code: CodeSnapshot): Promise<string> {
  const depth = code.folder === '' ? 0 : code.folder.split('/').length;
  return path.resolve(await realpath(folder), ...Array.from({ length: depth }, () => '..'));
}

/**
 * A run may wait for long before it starts: its inputs must still be what its hash says. Unchanged files are not read
 * again.
 * @throws RepriseError INPUT_CHANGED
 */
export async function refuseChangedInputs(workspace: string, manifest: CommandManifest, origin: CommandOrigin): Promise<void> {
  for (const { path: name, fingerprint } of manifest.inputs) {
    const source = inputPath(origin, name);
    if (source === null) continue;
    const now = await fingerprintInput(source, { cacheFolder: path.join(workspace, 'cache') });
    if (now.fingerprint === null || now.fingerprint === fingerprint) continue;
    throw new RepriseError('INPUT_CHANGED', `The input ${name} changed after the run was made.`, { kind: 'input', hint: 'Put it back as it was, or start the config again for a run over the new data.' });
  }
}
