/** The working copy that an attempt of a command runs in, and what stands in it besides the code. */
import { existsSync } from 'node:fs';
import { lstat, mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { RepriseError } from '../errors/errors';
import { COMMAND_FILES } from '../events/command-files';
import { completeFromSource, restoreSnapshot } from './restore';

export interface WorkingCopy {
  /** Absolute path of the copy's top, and of the config's folder in it. */
  readonly top: string;
  readonly folder: string;
}

/** @param folder the config's, from the top of the code, with `/` */
export function workingCopyIn(runFolder: string, folder: string): WorkingCopy {
  const top = path.join(runFolder, COMMAND_FILES.work);
  return { top, folder: path.join(top, ...folder.split('/')) };
}

export interface WorkingCopyOptions {
  /** Its object store holds the code. */
  readonly workspace: string;
  readonly runFolder: string;
  /** SHA-256 of the object that lists the code. */
  readonly snapshot: string;
  /** Of the config, from the top of the code, with `/`. */
  readonly folder: string;
  /** Where each input lies on this machine, by the path that the config names it by; null where that is not known. */
  readonly inputs: ReadonlyMap<string, string | null>;
  /** Its path, from the config's folder. */
  readonly parameterFile: { readonly path: string; readonly text: string } | null;
  /** Where the program starts, from the config's folder. */
  readonly cwd: string;
  /** Tells the folder that corresponds to the top, where the code came from: asked for what could not be recorded of it. Null where there is none. */
  readonly source: (() => Promise<string>) | null;
}

/**
 * Makes the copy anew: the recorded code; what could not be recorded of it, from the person's own folder; links to the
 * inputs, which are read where they lie; the parameter file; the folder it starts in.
 * @throws RepriseError of the snapshot (OBJECT_MISSING, …), INPUT_MISSING, INPUT_OUTSIDE, INPUT_INVALID, PARAMETER_FILE_INVALID
 */
export async function makeWorkingCopy({ workspace, runFolder, snapshot: sha256, folder, inputs, parameterFile, cwd, source }: WorkingCopyOptions): Promise<WorkingCopy> {
  const copy = workingCopyIn(runFolder, folder);
  await rm(copy.top, { recursive: true, force: true });
  const snapshot = await restoreSnapshot(workspace, sha256, copy.top);
  await mkdir(copy.folder, { recursive: true });
  if (snapshot.withheld.length > 0 && source !== null) await completeFromSource(snapshot, await source(), copy.top);
  for (const [name, place] of inputs) await linkInput(copy, name, place);
  if (parameterFile !== null) {
    const file = path.join(copy.folder, parameterFile.path);
    if (!(await isOwn(copy, file))) {
      throw new RepriseError('PARAMETER_FILE_INVALID', `The parameter file ${parameterFile.path} would be written into an input, or behind a link that leads out of the code.`, { kind: 'input', hint: 'Name another place in `task.parameterFile`.' });
    }
    await mkdir(path.dirname(file), { recursive: true });
    // A link in the code must not lead what is written elsewhere.
    await rm(file, { force: true });
    await writeFile(file, parameterFile.text);
  }
  await mkdir(path.join(copy.folder, cwd), { recursive: true });
  return copy;
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
