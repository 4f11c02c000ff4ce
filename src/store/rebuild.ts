/** Makes a workspace's database again from its run folders and studies. */
import { existsSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Problem } from '../errors/errors';
import { syncFolder } from '../files/atomic-write';
import { adoptFolders } from './adopt';
import { openDatabase } from './database';
import { fillRuns } from './fill';
import { WORKSPACE_FILES } from './layout';
import { migrate } from './migrations';
import { holdsRecords, lockWorkspace, makeFolders, workspaceNotFound } from './open';
import { tablesOf } from './tables/all';
import { adoptTrash } from './trash';

export interface RebuildResult {
  /** Runs in the new database. */
  readonly runs: number;
  /** Absolute path of the old database, kept; null where there was none. */
  readonly backup: string | null;
  /** Folders and files that could not be taken in, and why. */
  readonly problems: readonly Problem[];
}

/** SQLite keeps these beside a database; they belong to it and move with it. */
const COMPANIONS = ['', '-wal', '-shm'] as const;

/**
 * Builds the new database aside, then puts it in the old one's place, which is kept as `reprise.db.before-rebuild-N`.
 * A crash in between leaves either the old database or none, and the next host then makes it from the folders too.
 * @throws RepriseError WORKSPACE_NOT_FOUND, WORKSPACE_IN_USE, WORKSPACE_ON_NETWORK
 */
export async function rebuildWorkspace(workspace: string): Promise<RebuildResult> {
  const folder = resolve(workspace);
  const file = join(folder, WORKSPACE_FILES.database);
  if (!existsSync(file) && !holdsRecords(folder)) throw workspaceNotFound(folder);
  const lock = await lockWorkspace(folder);
  try {
    await makeFolders(folder);
    const aside = `${file}.rebuilding`;
    await removeDatabase(aside);
    const database = openDatabase(aside, { readonly: false });
    let adoption;
    try {
      migrate(database, aside);
      const tables = tablesOf(database);
      await fillRuns(database, tables, folder);
      const adopted = await adoptFolders(database, tables, folder);
      const trash = await adoptTrash(database, tables, folder);
      adoption = { runs: adopted.runs, problems: [...adopted.problems, ...trash.problems] };
    } finally {
      // Closing the only connection folds the write-ahead log into the file.
      database.close();
    }
    const backup = existsSync(file) ? await keepOld(folder, file) : null;
    await rename(aside, file);
    await syncFolder(folder);
    return { ...adoption, backup };
  } finally {
    lock.release();
  }
}

async function keepOld(folder: string, file: string): Promise<string> {
  const prefix = `${WORKSPACE_FILES.database}.before-rebuild-`;
  const numbers = (await readdir(folder)).filter((name) => name.startsWith(prefix)).map((name) => Number.parseInt(name.slice(prefix.length), 10));
  const next = Math.max(0, ...numbers.filter((number) => Number.isSafeInteger(number))) + 1;
  const backup = join(folder, `${prefix}${next}`);
  for (const companion of COMPANIONS) if (existsSync(file + companion)) await rename(file + companion, backup + companion);
  return backup;
}

async function removeDatabase(file: string): Promise<void> {
  for (const companion of COMPANIONS) await rm(file + companion, { force: true });
}
