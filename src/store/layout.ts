/** Where things lie in a workspace. */
import { join } from 'node:path';
import { RepriseError } from '../errors/errors';

export const WORKSPACE_FILES = {
  database: 'reprise.db',
  runs: 'runs',
  studies: 'studies',
  experiments: 'experiments',
  objects: 'objects',
  cache: 'cache',
  /** Folders of deleted runs. */
  trash: 'trash',
  lock: 'host.lock',
  /** There while logs have what the database could not take when its host closed. */
  behind: 'reprise.behind',
} as const;

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Whether a text can name a folder or file of the workspace. */
export function isId(text: string): boolean {
  return ID.test(text);
}

/** @throws RepriseError ID_INVALID for an id that could leave the workspace */
export function runFolderOf(workspace: string, runId: string): string {
  return join(workspace, WORKSPACE_FILES.runs, checkedId(runId));
}

/** @throws RepriseError ID_INVALID for an id that could leave the workspace */
export function studyFileOf(workspace: string, studyId: string): string {
  return join(workspace, WORKSPACE_FILES.studies, `${checkedId(studyId)}.json`);
}

export function behindFileOf(workspace: string): string {
  return join(workspace, WORKSPACE_FILES.behind);
}

export function experimentFileOf(workspace: string, experimentId: number): string {
  return join(workspace, WORKSPACE_FILES.experiments, `${experimentId}.json`);
}

function checkedId(id: string): string {
  if (!isId(id)) {
    throw new RepriseError('ID_INVALID', `"${id}" is not an id: letters, digits, dots, underscores and hyphens, at most 128, are allowed.`, { kind: 'input' });
  }
  return id;
}
