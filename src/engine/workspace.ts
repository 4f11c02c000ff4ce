/** What hosts ask of a workspace as a whole, without opening an engine on it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WORKSPACE_FILES } from '../store/layout';
import { holdsRecords } from '../store/open';

export { checkWorkspace } from '../store/check';
export { workspaceNotFound } from '../store/open';
export { rebuildWorkspace } from '../store/rebuild';

/** Whether a folder is a workspace: it holds a database, or run folders from which a host makes one again. */
export function isWorkspace(workspace: string): boolean {
  return existsSync(join(workspace, WORKSPACE_FILES.database)) || holdsRecords(workspace);
}
