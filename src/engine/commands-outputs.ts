/** The outputs of a command: files of its working copy that the config declares. */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { outputPattern } from '../config/output-pattern';
import { COMMAND_FILES } from '../events/command-files';
import type { EventBody, FileRecord } from '../events/records';
import { putObject } from '../files/objects';
import type { WorkingCopy } from '../provenance/working-copy';

/** Files that are kept of a run. */
const MOST_FILES = 10_000;

const pathsSchema = z.array(z.string());

/** Paths of outputs that stay where a run was carried out, if the machine is not asked for files as large. */
export async function outputsElsewhere(runFolder: string): Promise<string[]> {
  try {
    return pathsSchema.parse(JSON.parse(await readFile(path.join(runFolder, COMMAND_FILES.leftThere), 'utf8')));
  } catch {
    return [];
  }
}

/** The folder below which all that a pattern can mean lies; empty for the top. */
function folderOf(glob: string): string {
  const parts = path.posix.normalize(glob.replaceAll('\\', '/')).split('/');
  const wild = parts.findIndex((part) => part.includes('*'));
  return (wild < 0 ? parts.slice(0, -1) : parts.slice(0, wild)).filter((part) => part !== '.').join('/');
}

/** Files below a folder, sorted; what links lead to is one of them where it is a file inside the copy. */
async function filesBelow(copy: WorkingCopy, folder: string, found: Set<string>): Promise<void> {
  const entries = await readdir(path.join(copy.folder, folder), { withFileTypes: true }).catch(() => []);
  const top = await realpath(copy.top);
  for (const entry of entries) {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) await filesBelow(copy, name, found);
    else if (entry.isFile()) found.add(name);
    else if (entry.isSymbolicLink()) {
      const target = await realpath(path.join(copy.folder, name)).catch(() => null);
      if (target !== null && target.startsWith(top + path.sep) && (await stat(target)).isFile()) found.add(name);
    }
  }
}

/**
 * Puts the declared outputs into the object store; a message for each pattern that nothing matched, and for what cannot be read.
 * @param elsewhere paths of outputs that stay where the run was carried out
 */
export async function keepOutputs(workspace: string, copy: WorkingCopy, patterns: readonly string[], elsewhere: readonly string[]): Promise<EventBody[]> {
  const found = new Set<string>();
  for (const folder of new Set(patterns.map(folderOf))) await filesBelow(copy, folder, found);
  const files = [...found].toSorted((a, b) => (a < b ? -1 : 1));
  const records: EventBody[] = [];
  const wanted = new Set<string>();
  for (const pattern of patterns) {
    const isMeant = outputPattern(pattern);
    const matching = files.filter((file) => isMeant.test(file));
    if (matching.length === 0 && !elsewhere.some((file) => isMeant.test(file))) records.push({ type: 'message', level: 'warning', text: `The command made no output ${pattern}.` });
    for (const file of matching) wanted.add(file);
  }
  const kept = [...wanted].slice(0, MOST_FILES);
  if (wanted.size > kept.length) records.push({ type: 'message', level: 'warning', text: `${wanted.size} files are outputs; the first ${MOST_FILES} are kept.` });
  for (const file of kept) records.push(await keepFile(workspace, path.join(copy.folder, file), file));
  return records;
}

async function keepFile(workspace: string, file: string, name: string): Promise<EventBody> {
  try {
    const { sha256, bytes } = await putObject(workspace, { file });
    return { type: 'file', path: name, sha256, bytes } satisfies FileRecord;
  } catch (error) {
    return { type: 'message', level: 'error', text: `The output ${name} could not be kept: ${error instanceof Error ? error.message : String(error)}` };
  }
}
