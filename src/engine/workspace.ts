/** Use cases on a workspace as a whole; they open no engine on it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { RepriseError, type Problem } from '../errors/errors';
import { checkWorkspace } from '../store/check';
import { holdsRecords } from '../store/open';
import { rebuildWorkspace, type RebuildResult } from '../store/rebuild';

/** Whether a folder is a workspace: it holds a database, or run folders from which a host makes one again. */
export function isWorkspace(workspace: string): boolean {
  return existsSync(join(workspace, 'reprise.db')) || holdsRecords(workspace);
}

export function workspaceNotFound(workspace: string): RepriseError {
  return new RepriseError('WORKSPACE_NOT_FOUND', `${workspace}: there is no workspace.`, { kind: 'input', hint: 'Check --workspace; a workspace is made by the first run.' });
}

/** Database against run folders. @throws RepriseError WORKSPACE_NOT_FOUND */
export function checkStore(workspace: string): Promise<Problem[]> {
  return checkWorkspace(workspace);
}

/** The database made again from the run folders; the old one is kept. @throws RepriseError WORKSPACE_NOT_FOUND, WORKSPACE_IN_USE */
export function rebuildStore(workspace: string): Promise<RebuildResult> {
  return rebuildWorkspace(workspace);
}
