/** Reading the files a person names: configs and studies. Nothing is written here. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { baselinePath, parseStudy, type Study } from '../ablation/study';
import { parseConfig } from '../config/parse';
import type { Config } from '../config/schema';
import { parseYaml } from '../config/yaml';
import { RepriseError } from '../errors/errors';

const MAX_INPUT_BYTES = 4 * 1024 * 1024;

/** @throws RepriseError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE */
export async function readText(file: string): Promise<string> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT') throw new RepriseError('FILE_NOT_FOUND', `${file}: there is no such file.`, { kind: 'input', hint: 'Check the path.' });
    const reason = code === 'EISDIR' ? 'is a folder, not a file' : `cannot be read (${code ?? 'unknown reason'})`;
    throw new RepriseError('FILE_UNREADABLE', `${file}: ${reason}.`, { kind: 'input', cause: error });
  }
  if (bytes.length > MAX_INPUT_BYTES) throw new RepriseError('FILE_TOO_LARGE', `${file}: is ${bytes.length} bytes, at most ${MAX_INPUT_BYTES} are read.`, { kind: 'input' });
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new RepriseError('FILE_UNREADABLE', `${file}: is not UTF-8 text.`, { kind: 'input', cause: error });
  }
}

/** Whatever YAML or JSON holds. */
export async function readDocument(file: string): Promise<{ readonly text: string; readonly value: unknown }> {
  const text = await readText(file);
  return { text, value: parseYaml(text, file) };
}

/** A config file and the folder its paths are relative to. */
export async function readConfig(file: string, seed?: number): Promise<{ readonly config: Config; readonly folder: string }> {
  const path = resolve(file);
  const { value } = await readDocument(path);
  const withSeed = seed !== undefined && typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value, seed } : value;
  return { config: parseConfig(withSeed, file), folder: dirname(path) };
}

/** A study file with its baseline read in, and the folder that paths in its configs are relative to. */
export async function readStudy(file: string): Promise<{ readonly study: Study; readonly folder: string }> {
  const path = resolve(file);
  const { value } = await readDocument(path);
  const named = baselinePath(value);
  const baselineFile = named === null ? path : resolve(dirname(path), named);
  const baseline = named === null ? undefined : (await readDocument(baselineFile)).value;
  return naming(file, () => ({ study: parseStudy(value, baseline), folder: dirname(baselineFile) }));
}

/** Does the work; an error about what a person wrote then says in which file they wrote it. */
export async function naming<T>(file: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RepriseError) || error.kind !== 'input' || error.message.includes(file)) throw error;
    throw new RepriseError(error.code, `${file}: ${error.message}`, { kind: error.kind, problems: error.problems, cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) });
  }
}
