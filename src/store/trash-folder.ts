/** Where the folders of deleted runs lie: `trash/RUN_ID`, for 30 days. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { WORKSPACE_FILES } from './layout';

export function trashFolderOf(workspace: string): string {
  return join(workspace, WORKSPACE_FILES.trash);
}

/** What lies in the trash. */
export function trashedRunIds(workspace: string): string[] {
  try {
    return readdirSync(trashFolderOf(workspace));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
