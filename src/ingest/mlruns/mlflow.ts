/** What MLflow's two stores, the folder `mlruns` and the database `mlflow.db`, have in common. */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StateRecord } from '../../events/records';
import type { ImportSink, Lots } from '../import-sink';
import { keepFolder, liesIn } from '../sources/kept-folder';

/** The tag that a run's name stands in too; the name itself is told apart. */
export const RUN_NAME = 'mlflow.runName';

type Status = NonNullable<StateRecord['status']>;

/** MLflow's RunStatus by number, as `meta.yaml` has it. */
const NUMBERED: readonly (Status | undefined)[] = [undefined, 'running', 'scheduled', 'finished', 'failed', 'killed'];

export function statusOf(status: unknown): Status {
  if (typeof status === 'number') return NUMBERED[status] ?? 'running';
  const name = String(status).toLowerCase();
  return NUMBERED.find((known) => known === name) ?? 'running';
}

/** A number as Python writes it. */
export function pythonNumber(text: string): number {
  switch (text.toLowerCase()) {
    case 'nan':
      return Number.NaN;
    case 'inf':
    case 'infinity':
      return Infinity;
    case '-inf':
    case '-infinity':
      return -Infinity;
    default:
      return text.trim() === '' ? Number.NaN : Number(text);
  }
}

/** Where artifacts lie on this machine, as seen from what is imported; null where they lie in a server or a cloud. */
function localFolder(uri: string, root: string): string | null {
  if (uri.startsWith('file:')) return fileURLToPath(uri.replace(/^file:(?!\/\/)/u, 'file://'));
  // The server's own folder of artifacts, by default beside its database.
  const proxied = /^mlflow-artifacts:\/+(?:[^/]*:\d+\/)?(?<path>.*)$/u.exec(uri)?.groups?.['path'];
  if (proxied !== undefined) return join(root, 'mlartifacts', proxied);
  if (/^[a-z][a-z0-9+.-]+:/iu.test(uri)) return null;
  return isAbsolute(uri) ? uri : resolve(root, uri);
}

/**
 * Keeps a run's artifacts: those in its own folder where there is one, else those that its URI names. Nothing is read
 * from outside of the folder that is imported: a URI may have been written by anybody.
 * @param under folder in the run that they go into, or ''
 * @param own where they lie by default, or null
 */
export async function keepArtifacts({ uri, root, own, under }: { readonly uri: string; readonly root: string; readonly own: string | null; readonly under: string }, sink: ImportSink, runId: string, lots: Lots): Promise<void> {
  if (own !== null && existsSync(own)) {
    await keepFolder(own, under, sink, runId, lots);
    return;
  }
  if (uri === '') return;
  const folder = localFolder(uri, root);
  if (folder === null) await sink.problem(runId, uri, 'Its artifacts do not lie on this machine; they are not imported.');
  else if (existsSync(folder)) {
    if (await liesIn(folder, root)) await keepFolder(folder, under, sink, runId, lots);
    else await sink.problem(runId, folder, `Its artifacts lie outside of ${root}, which is imported; they are left out. Import a folder that holds both.`);
  }
}

/** The folder around a store: what is relative is relative to it, and nothing outside of it is read. */
export const rootOf = (path: string): string => dirname(resolve(path));
