/** The working copy that an attempt of a command runs in, and what stands in it besides the code. */
import { existsSync } from 'node:fs';
import { lstat, mkdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { FilledTask } from '../config/task';
import { RepriseError } from '../errors/errors';
import { COMMAND_FILES } from '../events/command-run';
import type { CommandManifest } from '../events/manifest';
import type { CodeSnapshot } from '../events/provenance';
import { atomicWrite } from '../files/atomic-write';
import { fingerprintInput } from '../provenance/fingerprint';
import { completeFromSource, restoreSnapshot } from '../provenance/restore';

const ORIGIN_FILE = 'origin.json';

const originSchema = z.object({
  /** The folder of the config on this machine, absolute; null where the code comes from somewhere else. */
  folder: z.string().nullable(),
  /** Where inputs lie, by the path that the config names them by, where not at that path from the folder. */
  inputs: z.record(z.string(), z.string()),
});
/** Where a run's code and data are on this machine: kept in its folder, and no part of what is recorded of it. */
export type CommandOrigin = z.infer<typeof originSchema>;

export async function writeOrigin(runFolder: string, origin: CommandOrigin): Promise<void> {
  await atomicWrite(path.join(runFolder, ORIGIN_FILE), `${JSON.stringify(origin)}\n`);
}

/** Nothing is known of a run whose folder came from elsewhere. */
export async function readOrigin(runFolder: string): Promise<CommandOrigin> {
  try {
    return originSchema.parse(JSON.parse(await readFile(path.join(runFolder, ORIGIN_FILE), 'utf8')));
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

export interface WorkingCopy {
  /** Absolute path of the copy's top, and of the config's folder in it. */
  readonly top: string;
  readonly folder: string;
}

export function workingCopyOf(runFolder: string, code: CodeSnapshot): WorkingCopy {
  const top = path.join(runFolder, COMMAND_FILES.work);
  return { top, folder: path.join(top, ...code.folder.split('/')) };
}

/**
 * Makes the copy anew: the recorded code; what could not be recorded of it, from the person's own folder; links to the
 * inputs, which are read where they lie; the parameter file; the folder it starts in.
 * @throws RepriseError of the snapshot (OBJECT_MISSING, …), CODE_INCOMPLETE, INPUT_MISSING, INPUT_OUTSIDE
 */
export async function makeWorkingCopy(workspace: string, runFolder: string, manifest: CommandManifest, task: FilledTask): Promise<WorkingCopy> {
  const code = codeOf(manifest);
  const copy = workingCopyOf(runFolder, code);
  const origin = await readOrigin(runFolder);
  await rm(copy.top, { recursive: true, force: true });
  const snapshot = await restoreSnapshot(workspace, code.snapshot, copy.top);
  await mkdir(copy.folder, { recursive: true });
  if (snapshot.withheld.length > 0 && origin.folder !== null) await completeFromSource(snapshot, await topOf(origin.folder, code), copy.top);
  for (const { path: name } of task.inputs) await linkInput(copy, name, inputPath(origin, name));
  if (task.parameterFile !== null) {
    const file = path.join(copy.folder, task.parameterFile.path);
    if (!(await isOwn(copy, file))) {
      throw new RepriseError('PARAMETER_FILE_INVALID', `The parameter file ${task.parameterFile.path} would be written into an input, or behind a link that leads out of the code.`, { kind: 'input', hint: 'Name another place in `task.parameterFile`.' });
    }
    await mkdir(path.dirname(file), { recursive: true });
    // A link in the code must not lead what is written elsewhere.
    await rm(file, { force: true });
    await writeFile(file, task.parameterFile.text);
  }
  await mkdir(path.join(copy.folder, task.cwd), { recursive: true });
  return copy;
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

/** An input that is named by its whole path is found there by itself; any other gets a link at its place. */
async function linkInput(copy: WorkingCopy, name: string, source: string | null): Promise<void> {
  if (source === null || !existsSync(source)) {
    throw new RepriseError('INPUT_MISSING', `The input ${name} is not there${source === null || source === name ? '' : ` (looked for at ${source})`}.`, { kind: 'input', hint: 'Put it back, or correct `task.inputs`.' });
  }
  if (path.isAbsolute(name)) return;
  const place = path.resolve(copy.folder, name);
  if (place !== copy.top && !place.startsWith(copy.top + path.sep)) throw inputOutside(name);
  if (place === copy.top) throw new RepriseError('INPUT_INVALID', `The input ${name} is the folder of the code itself.`, { kind: 'input', hint: 'Name the files and folders below it that are read; the code is recorded in any case.' });
  // Behind a link to another input, or to where the code itself leads: it is there already, or nothing may be put there.
  if (!(await isOwn(copy, place))) {
    if (await isSame(place, source)) return;
    throw new RepriseError('INPUT_INVALID', `The input ${name} lies behind a link, which leads to other data than ${source}.`, { kind: 'input', hint: 'Name it by its whole path, in `task.inputs` and where the command is told of it.' });
  }
  await rm(place, { recursive: true, force: true });
  await mkdir(path.dirname(place), { recursive: true });
  const info = await lstat(source);
  await symlink(source, place, info.isDirectory() ? 'junction' : 'file');
}

/** Whether a place is of the copy itself: no link on the way to it leads out, to what is a person's own. */
async function isOwn(copy: WorkingCopy, place: string): Promise<boolean> {
  const parent = path.dirname(place);
  const real = await realpath(parent).catch(() => null);
  if (real === null) return isOwn(copy, parent);
  const top = await realpath(copy.top);
  return real === top || real.startsWith(top + path.sep);
}

async function isSame(left: string, right: string): Promise<boolean> {
  const [one, other] = await Promise.all([realpath(left), realpath(right)].map((real) => real.catch(() => null)));
  return one !== null && one === other;
}

function inputOutside(name: string): RepriseError {
  return new RepriseError('INPUT_OUTSIDE', `The input ${name} lies outside of the code that is recorded, where a relative path does not lead from a working copy.`, {
    kind: 'input',
    hint: 'Name it by its whole path, in `task.inputs` and where the command is told of it.',
  });
}
