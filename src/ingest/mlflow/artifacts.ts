/**
 * Files of runs and of logged models, by the proxy that `mlflow-artifacts:` addresses stand for. They lie in the object
 * store by their hash, and the run's log says which path has which.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { z } from 'zod';
import { putObjectFrom } from '../../files/object-stream';
import type { FileRow } from '../../store/tracking';
import { experimentIdOf, runOf, refuseUnwritable, type MlflowContext } from './context';
import { artifactRootOf } from './entities';
import { invalid, missing, MlflowError } from './errors';
import { runRef } from './fields';
import { isModelFile, modelFolderOf, runOfModel } from './model-tags';

/** Longest path in UTF-8 bytes, and longest part of one, as file systems know them. */
const LONGEST_PATH = 1024;
const LONGEST_SEGMENT = 255;

/**
 * A relative path with `/` that stays where it is. Empty stands for the root.
 * @throws MlflowError INVALID_PARAMETER_VALUE
 */
export function safePath(path: string): string {
  const plain = path.replace(/\/$/u, '');
  const segments = plain === '' ? [] : plain.split('/');
  const bad =
    // oxlint-disable-next-line no-control-regex
    /[\\\u0000-\u001f\u007f]/u.test(plain) ||
    /^[A-Za-z]:/u.test(plain) ||
    Buffer.byteLength(plain) > LONGEST_PATH ||
    segments.some((segment) => segment === '' || segment === '.' || segment === '..' || Buffer.byteLength(segment) > LONGEST_SEGMENT);
  if (bad) throw invalid(`Invalid path: ${JSON.stringify(path.slice(0, 200))}. A path is relative, with /, and has no "..", no backslash and no control character.`);
  return plain;
}

/** Whose files, and where among those of its run they lie. */
interface Place {
  readonly runId: string;
  /** Empty for the run's own files, `models/ID/` for a model's. */
  readonly folder: string;
  readonly path: string;
}

/** `EXPERIMENT/RUN/artifacts/…` or `EXPERIMENT/models/MODEL/artifacts/…`. @throws MlflowError */
export function placeOf(proxied: string): Place {
  const [experiment = '', ...parts] = safePath(proxied).split('/');
  const ofModel = parts[0] === 'models' && parts.length >= 3;
  const [owner = '', artifacts, ...rest] = ofModel ? parts.slice(1) : parts;
  if (!/^\d+$/u.test(experiment) || artifacts !== 'artifacts') throw missing(`There are no artifacts at '${proxied}'.`);
  const path = safePath(rest.join('/'));
  if (!ofModel) return { runId: owner, folder: '', path };
  const runId = runOfModel(owner);
  if (runId === null) throw missing(`Logged model with ID '${owner}' not found.`);
  return { runId, folder: modelFolderOf(owner), path };
}

/** Files of a place, by their paths within it. A run's own do not show those of its models. */
function filesOf({ store }: MlflowContext, { runId, folder }: Place): FileRow[] {
  return store
    .files(runId)
    .filter((file) => (folder === '' ? !isModelFile(file.path) : file.path.startsWith(folder)))
    .map((file) => ({ ...file, path: file.path.slice(folder.length) }));
}

interface FileEntity {
  readonly path: string;
  readonly is_dir: boolean;
  readonly file_size?: number;
}

/** What lies in a folder; nothing where the path is a file's. */
function listing(files: readonly FileRow[], folder: string): FileEntity[] {
  const prefix = folder === '' ? '' : `${folder}/`;
  const entries = new Map<string, FileEntity>();
  for (const { path, bytes } of files) {
    if (!path.startsWith(prefix)) continue;
    const [name = '', ...deeper] = path.slice(prefix.length).split('/');
    const full = prefix + name;
    entries.set(full, deeper.length > 0 ? { path: full, is_dir: true } : { path: full, is_dir: false, file_size: bytes });
  }
  return [...entries.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

export const listArtifactsRequest = z.intersection(runRef.transform((runId) => ({ runId })), z.object({ path: z.string().default('') }));
export const listProxiedRequest = z.object({ path: z.string().default('') });

export function listArtifacts(context: MlflowContext, { runId, path }: z.infer<typeof listArtifactsRequest>) {
  const { run } = runOf(context, runId);
  return { root_uri: artifactRootOf(experimentIdOf(context, run.experiment), runId), files: listing(filesOf(context, { runId, folder: '', path: '' }), safePath(path)) };
}

/** Paths are relative to the folder that was asked for. */
export function listProxied(context: MlflowContext, request: z.infer<typeof listProxiedRequest>) {
  const place = placeOf(request.path);
  runOf(context, place.runId);
  const cut = place.path === '' ? 0 : place.path.length + 1;
  return { files: listing(filesOf(context, place), place.path).map((entry) => ({ ...entry, path: entry.path.slice(cut) })) };
}

/** Hashed on its way in; answered when the file and its record are on disk. */
export async function putArtifact(context: MlflowContext, proxied: string, body: AsyncIterable<Uint8Array>): Promise<Record<string, never>> {
  const { store, turns, onRun } = context;
  const place = placeOf(proxied);
  if (place.path === '') throw invalid('An artifact needs a name.');
  refuseUnwritable(context, place.runId);
  const path = place.folder + place.path;
  const { sha256, bytes } = await putObjectFrom(store.workspace, body);
  await turns.take(place.runId, async () => {
    refuseClash(path, store.files(place.runId));
    await store.append(place.runId, [{ type: 'file', path, sha256, bytes }]);
  });
  onRun(place.runId);
  return {};
}

/** A path cannot be a file and a folder at once: it could not be exported. */
function refuseClash(path: string, files: readonly FileRow[]): void {
  const clash = files.find((file) => path.startsWith(`${file.path}/`) || file.path.startsWith(`${path}/`));
  if (clash !== undefined) throw invalid(`'${path}' cannot be an artifact beside '${clash.path}': one would be a file and a folder at once.`);
}

/** A file or all of a folder. */
export async function deleteArtifact(context: MlflowContext, proxied: string): Promise<Record<string, never>> {
  const place = placeOf(proxied);
  refuseUnwritable(context, place.runId);
  await context.turns.take(place.runId, async () => {
    const gone = filesOf(context, place).filter((file) => place.path === '' || file.path === place.path || file.path.startsWith(`${place.path}/`));
    if (gone.length === 0) throw missing(`There is no artifact at '${proxied}'.`);
    await context.store.append(place.runId, gone.map((file) => ({ type: 'file', path: place.folder + file.path, sha256: null, bytes: 0 })));
  });
  context.onRun(place.runId);
  return {};
}

export interface StoredArtifact {
  readonly bytes: number;
  readonly content: AsyncGenerator<Uint8Array>;
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export function getArtifact(context: MlflowContext, proxied: string): StoredArtifact {
  const place = placeOf(proxied);
  runOf(context, place.runId);
  const file = filesOf(context, place).find(({ path }) => path === place.path);
  if (file === undefined) throw missing(`There is no artifact at '${proxied}'.`);
  return { bytes: file.bytes, content: checked(context.store.objectPath(file.sha256), file) };
}

/**
 * Its bytes, of which the last are held back until the hash is known to be right: a damaged file is never received whole.
 * @throws MlflowError BAD_REQUEST
 */
async function* checked(object: string, file: FileRow): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  let held: Uint8Array | null = null;
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(object, { highWaterMark: 1 << 20 }) as AsyncIterable<Uint8Array>) {
      hash.update(chunk);
      bytes += chunk.byteLength;
      if (held !== null) yield held;
      held = chunk;
    }
  } catch (error) {
    throw new MlflowError('BAD_REQUEST', `The content of the artifact '${file.path}' cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (bytes !== file.bytes || hash.digest('hex') !== file.sha256) throw new MlflowError('BAD_REQUEST', `The content of the artifact '${file.path}' is damaged: it is not what was logged.`);
  if (held !== null) yield held;
}
