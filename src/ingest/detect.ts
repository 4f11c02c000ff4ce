/** What kind of runs lie at a path. */
import { open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { RepriseError } from '../errors/errors';
import { FileFinder } from './tail/find-files';
import { isEventFile } from './tensorboard/run-folders';

export const IMPORT_FORMATS = ['mlruns', 'mlflow-db', 'tensorboard', 'wandb', 'csv', 'json', 'jsonl', 'parquet'] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

export interface Found {
  readonly format: ImportFormat;
  /** Folder or file to read. */
  readonly path: string;
}

const ENDINGS: Readonly<Record<string, ImportFormat>> = {
  '.csv': 'csv', '.tsv': 'csv', '.json': 'json', '.jsonl': 'jsonl', '.ndjson': 'jsonl', '.parquet': 'parquet', '.pq': 'parquet',
  '.db': 'mlflow-db', '.sqlite': 'mlflow-db', '.sqlite3': 'mlflow-db', '.wandb': 'wandb',
};

async function startsWith(file: string, text: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(text.length), 0, text.length, 0);
    return buffer.subarray(0, bytesRead).toString('latin1') === text;
  } finally {
    await handle.close();
  }
}

async function formatOfFile(file: string): Promise<Found | null> {
  if (isEventFile(basename(file))) return { format: 'tensorboard', path: dirname(file) };
  if (await startsWith(file, 'SQLite format 3')) return { format: 'mlflow-db', path: file };
  if (await startsWith(file, 'PAR1')) return { format: 'parquet', path: file };
  const format = ENDINGS[extname(file).toLowerCase()];
  if (format === undefined) return null;
  return { format, path: format === 'wandb' ? dirname(file) : file };
}

/** A folder of MLflow's file store has folders of experiments, each with its meta.yaml. */
async function isMlruns(folder: string): Promise<boolean> {
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.isDirectory() && /^\d+$/u.test(entry.name) && (await stat(join(folder, entry.name, 'meta.yaml')).then(() => true, () => false))) return true;
    }
  } catch {
    // It is no folder.
  }
  return false;
}

async function formatsInFolder(folder: string): Promise<Found[]> {
  const found: Found[] = [];
  for (const path of [folder, join(folder, 'mlruns')]) if (await isMlruns(path)) found.push({ format: 'mlruns', path });
  const database = join(folder, 'mlflow.db');
  if (await stat(database).then((there) => there.isFile(), () => false)) found.push({ format: 'mlflow-db', path: database });
  if (found.length > 0) return found;
  const logs = await new FileFinder(folder, (name) => name.endsWith('.wandb') || isEventFile(name)).find();
  if (logs.some((file) => file.endsWith('.wandb'))) found.push({ format: 'wandb', path: folder });
  if (logs.some((file) => !file.endsWith('.wandb'))) found.push({ format: 'tensorboard', path: folder });
  return found;
}

/**
 * What there is to import at a path.
 * @param format where the caller knows; it is looked for at the path, or directly in it
 * @throws RepriseError IMPORT_NOT_FOUND, IMPORT_FORMAT_UNKNOWN, IMPORT_FORMAT_AMBIGUOUS
 */
export async function findImport(path: string, format: ImportFormat | undefined): Promise<Found> {
  const there = await stat(path).catch(() => null);
  if (there === null) throw new RepriseError('IMPORT_NOT_FOUND', `There is nothing at ${path}.`, { hint: 'Name a folder or a file that is there.' });
  const all = there.isDirectory() ? await formatsInFolder(path) : [await formatOfFile(path)].filter((one) => one !== null);
  const found = format === undefined ? all : all.filter((one) => one.format === format);
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  if (first !== undefined) {
    throw new RepriseError('IMPORT_FORMAT_AMBIGUOUS', `${path} holds several kinds of runs: ${found.map((one) => `${one.format} (${one.path})`).join(', ')}.`, { hint: `Choose one with --format, such as --format ${first.format}.` });
  }
  // Somebody who says what it is knows better than its name does.
  if (format !== undefined && there.isDirectory() === ['mlruns', 'tensorboard', 'wandb'].includes(format)) return { format, path };
  throw new RepriseError('IMPORT_FORMAT_UNKNOWN', `${path} is nothing that Reprise knows to import${format === undefined ? '' : ` as ${format}`}.`, {
    hint: "It reads MLflow's folder mlruns and file mlflow.db, TensorBoard logs, W&B's offline folders, and tables as CSV, JSON, JSON lines or Parquet.",
  });
}
