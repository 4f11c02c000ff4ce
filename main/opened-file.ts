/** What a file is that a person chose: told by its content where its name does not say it. */
import { open, stat } from 'node:fs/promises';
import { basename, dirname, extname } from 'node:path';
import type { OpenedFile } from '../src/api/shell';
import { RepriseError } from '../src/errors/errors';

/** A study is text that people write; more is none. */
const STUDY_LIMIT = 2_000_000;
/** The local header every ZIP archive with a file in it begins with. */
const ZIP_MAGIC = Buffer.from('PK\u0003\u0004', 'latin1');
const STUDY_NAMES = new Set(['.yaml', '.yml']);
const DATA_NAMES = new Set(['.csv', '.tsv']);
/** Files in which other programs keep runs. */
const RUN_NAMES = new Set(['.jsonl', '.ndjson', '.parquet', '.pq', '.db', '.sqlite', '.sqlite3', '.wandb']);
/** How databases and tables of columns begin, whatever they are called. */
const RUN_MAGIC = ['SQLite format 3\0', 'PAR1'];

function notReadable(path: string, error: unknown): RepriseError {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return new RepriseError(missing ? 'FILE_NOT_FOUND' : 'FILE_NOT_READABLE', missing ? `There is no file ${path}.` : `${path} cannot be read: ${error instanceof Error ? error.message : String(error)}.`, {
    hint: 'Choose another file.',
    cause: error,
  });
}

/** null: a folder. */
async function read(path: string): Promise<{ size: number; start: Buffer } | null> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) return null;
    if (!info.isFile()) throw new RepriseError('FILE_UNKNOWN', `${path} is no file.`, { hint: 'Choose a study (YAML), a bundle (ZIP) or runs of another program.' });
    const handle = await open(path, 'r');
    try {
      const buffer = Buffer.alloc(Math.min(info.size, STUDY_LIMIT));
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
      return { size: info.size, start: buffer.subarray(0, bytesRead) };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof RepriseError) throw error;
    throw notReadable(path, error);
  }
}

function asText(bytes: Buffer): string | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}

/** JSON is a study or a config where it has one of their parts, and else runs. */
function jsonKind(text: string | null): 'study' | 'runs' {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null && ['baseline', 'model', 'task'].some((part) => Object.hasOwn(value, part)) ? 'study' : 'runs';
  } catch {
    return 'runs';
  }
}

const holdsRuns = (name: string, start: Buffer): boolean =>
  RUN_NAMES.has(extname(name).toLowerCase()) || name.includes('.tfevents.') || RUN_MAGIC.some((magic) => start.subarray(0, magic.length).equals(Buffer.from(magic, 'latin1')));

/** The first line that says something decides: `key:` is YAML, several cells are a table. */
function looksLike(text: string): 'study' | 'data' | null {
  const line = text.split(/\r?\n/u, 1000).find((one) => one.trim() !== '' && !/^\s*(#|---|%YAML)/u.test(one));
  if (line === undefined) return null;
  if (/^["']?[\w.-]+["']?\s*:(\s|$)/u.test(line)) return 'study';
  return /[,;\t]/u.test(line) ? 'data' : null;
}

/**
 * @param path absolute
 * @throws RepriseError FILE_NOT_FOUND, FILE_NOT_READABLE, FILE_EMPTY, FILE_UNKNOWN, STUDY_TOO_LARGE
 */
export async function identify(path: string): Promise<OpenedFile> {
  const found = await read(path);
  if (found === null) return { kind: 'runs', path };
  const { size, start } = found;
  if (start.subarray(0, ZIP_MAGIC.length).equals(ZIP_MAGIC)) return { kind: 'bundle', path };
  if (size === 0) throw new RepriseError('FILE_EMPTY', `${basename(path)} is empty.`, { hint: 'It may not have been downloaded or written to its end: fetch it again.' });
  const extension = extname(path).toLowerCase();
  if (extension === '.zip') throw new RepriseError('FILE_UNKNOWN', `${basename(path)} is named like a bundle, but is no ZIP archive.`, { hint: 'It may have been damaged on its way: fetch it again.' });
  if (DATA_NAMES.has(extension)) return { kind: 'data', path };
  if (holdsRuns(basename(path), start)) return { kind: 'runs', path };
  const whole = size <= STUDY_LIMIT;
  if (STUDY_NAMES.has(extension) && !whole) {
    throw new RepriseError('STUDY_TOO_LARGE', `${basename(path)} has ${size} bytes; a study has at most ${STUDY_LIMIT}.`, { hint: 'Choose the study, not its data.' });
  }
  const text = whole ? asText(start) : null;
  const kind = extension === '.json' ? jsonKind(text) : text === null ? null : STUDY_NAMES.has(extension) ? 'study' : looksLike(text);
  if (text !== null && kind === 'study') return { kind, path, folder: dirname(path), text };
  if (kind === 'data' || kind === 'runs') return { kind, path };
  throw new RepriseError('FILE_UNKNOWN', `${basename(path)} is neither a study (YAML text), nor a bundle (ZIP), nor a file of runs.`, { hint: 'Choose another file.' });
}
