/** The files of a W&B run: pictures and tables, what was saved, artifacts, the client's own. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { filePath } from '../tail/file-path';
import type { RecordCollector } from '../tail/collector';
import type { PutObject } from '../tail/types';
import type { Artifact } from './proto/record_pb';

/** What the client writes for itself. */
const OWN_FILES = /^(?:config\.yaml|requirements\.txt|conda-environment\.yaml|output\.log|diff(?:_[0-9a-f]+)?\.patch|wandb-[\w-]+\.json|upstream_diff_[0-9a-f]+\.patch)$/u;

export interface FileKeeper {
  readonly put: PutObject;
  readonly into: RecordCollector;
  /** Stands before every path. */
  readonly prefix: string;
  /** Whether links are followed to wherever they lead: `wandb.save` makes them. Else only within `within`. */
  readonly followLinks: boolean;
  readonly within: string;
}

async function mayRead(path: string, { followLinks, within }: FileKeeper): Promise<boolean> {
  if (!(await stat(path)).isFile()) return false;
  if (followLinks || !(await lstat(path)).isSymbolicLink()) return true;
  return (await realpath(path)).startsWith(`${await realpath(within)}${sep}`);
}

async function keep(path: string, as: string, keeper: FileKeeper): Promise<boolean> {
  try {
    if (!(await mayRead(path, keeper))) {
      keeper.into.note('warning', `The file ${as} of the W&B run is a link that leads out of its folder; it is left out.`);
      return true;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  const stored = await keeper.put({ file: path });
  keeper.into.add({ type: 'file', path: `${keeper.prefix}${as}`, sha256: stored.sha256, bytes: stored.bytes });
  return true;
}

/** Keeps a file of the run's folder `files`. @returns whether it was there */
export async function keepRunFile(folder: string, name: string, keeper: FileKeeper): Promise<boolean> {
  const as = filePath(name);
  return keep(join(folder, 'files', as), OWN_FILES.test(as) ? `wandb/${as}` : as, keeper);
}

/** All files of the run's folder `files` but those that are `known`. */
export async function keepAllFiles(folder: string, known: ReadonlySet<string>, keeper: FileKeeper): Promise<void> {
  const root = join(folder, 'files');
  let entries;
  try {
    entries = await readdir(root, { recursive: true, withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries.filter((one) => !one.isDirectory())) {
    const name = relative(root, join(entry.parentPath, entry.name)).replaceAll(sep, '/');
    if (!known.has(name)) await keepRunFile(folder, name, keeper);
  }
}

async function md5Of(file: string): Promise<string> {
  const hash = createHash('md5');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
  return hash.digest('base64');
}

/** The files of a logged artifact that still lie where the log says, with the content that it says: anybody can write a path into a log. */
export async function keepArtifact({ name, type, manifest }: Artifact, keeper: FileKeeper): Promise<void> {
  for (const { path, localPath, digest } of manifest?.contents ?? []) {
    if (localPath === '') continue;
    const as = filePath('artifacts', name, path);
    try {
      if ((await md5Of(localPath)) === digest) await keep(localPath, as, { ...keeper, followLinks: true });
      else keeper.into.note('warning', `The file ${path} of the ${type} ${name} is not what it was when it was logged; it is left out.`);
    } catch (error) {
      keeper.into.note('warning', `The file ${path} of the ${type} ${name} cannot be read: ${(error as Error).message}`);
    }
  }
}
