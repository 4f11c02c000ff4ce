/** Reading the files a person names: configs and studies. Nothing is written here. */
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, parse, resolve } from 'node:path';
import { expandStudy } from '../ablation/expand';
import type { StudySource } from '../api/views';
import { baselinePath, parseStudy, type Study } from '../ablation/study';
import { dataPaths } from '../config/data';
import { isMapping } from '../config/mapping';
import { modelPath } from '../config/models';
import { parseConfig } from '../config/parse';
import { isCommandConfig, type RunConfig } from '../config/command';
import { parseYaml } from '../config/yaml';
import { RepriseError, type Problem } from '../errors/errors';

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

/** Completes a config as it was written, before it is checked. */
export type Completing = (config: unknown) => unknown;

const asWritten: Completing = (config) => config;

/** A config file and the folder its paths are relative to. */
export async function readConfig(file: string, seed?: number, complete = asWritten): Promise<{ readonly config: RunConfig; readonly folder: string }> {
  const path = resolve(file);
  const { value } = await readDocument(path);
  const withSeed = seed !== undefined && typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value, seed } : value;
  return { config: parseConfig(complete(withSeed), file), folder: dirname(path) };
}

export interface ReadStudy {
  readonly study: Study;
  /** What paths in its configs are relative to. */
  readonly folder: string;
  /** The folder whose repository is the user's code; null where the study lies nowhere. */
  readonly codeFolder: string | null;
}

/**
 * A study with its baseline read in. A text without a folder may name files by absolute paths only.
 * @throws RepriseError STUDY_INVALID, YAML_INVALID, and those of reading the files
 */
export async function readStudy(source: StudySource, complete = asWritten): Promise<ReadStudy> {
  if (typeof source === 'string') {
    const path = resolve(source);
    const { value } = await readDocument(path);
    return readStudyValue(source, value, path, dirname(path), complete);
  }
  const folder = source.folder === null ? null : resolve(source.folder);
  return readStudyValue(null, parseYaml(source.text, 'study'), null, folder, complete);
}

/** @param name what the study is called in errors, null for a text. @param file where the study itself lies. @param folder where paths in it start */
async function readStudyValue(name: string | null, written: unknown, file: string | null, folder: string | null, complete: Completing): Promise<ReadStudy> {
  const value = isMapping(written) && isMapping(written['baseline']) ? { ...written, baseline: complete(written['baseline']) } : written;
  const named = baselinePath(value);
  if (named !== null && folder === null && !isAbsolute(named)) throw relativePaths([{ path: 'baseline', message: isRelative(named) }]);
  const baselineFile = named === null ? file : resolve(folder ?? '', named);
  const baseline = named === null || baselineFile === null ? undefined : complete((await readDocument(baselineFile)).value);
  const study = await naming(name, () => parseStudy(value, baseline));
  const configFolder = baselineFile === null ? folder : dirname(baselineFile);
  if (configFolder === null) {
    const problems = expandStudy(study).flatMap(({ name: variant, config }): Problem[] => {
      if (isCommandConfig(config)) return [{ path: 'baseline.task', message: 'runs a command in the folder of its config, but this study is not saved in a folder; save the study first' }];
      const named = [...dataPaths(config.data).map(({ key, path }) => ({ key: `data.${key}`, path })), ...[modelPath(config.model) ?? []].flat().map((path) => ({ key: 'model.path', path }))];
      return named.filter(({ path }) => !isAbsolute(path)).map(({ key, path }) => ({ path: `baseline.${key}`, message: `${variant === 'baseline' ? '' : `(variant ${variant}) `}${isRelative(path)}` }));
    });
    // Variants that leave the path as the baseline has it say nothing new.
    if (problems.length > 0) throw relativePaths(problems.slice(0, 1));
  }
  return { study, folder: configFolder ?? parse(process.cwd()).root, codeFolder: configFolder };
}

function isRelative(path: string): string {
  return `is ${JSON.stringify(path)}, a relative path, but this study is not saved in a folder from which it could start; save the study first, or give the whole path`;
}

function relativePaths(problems: readonly Problem[]): RepriseError {
  const [first] = problems;
  return new RepriseError('STUDY_INVALID', `study: ${first?.path ?? ''} ${first?.message ?? ''}`, { kind: 'input', hint: 'Correct the values listed and try again; nothing was run.', problems });
}

/** Does the work; an error about what a person wrote then says in which file they wrote it, if in any. */
export async function naming<T>(file: string | null, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof RepriseError) || error.kind !== 'input' || file === null || error.message.includes(file)) throw error;
    throw new RepriseError(error.code, `${file}: ${error.message}`, { kind: error.kind, problems: error.problems, cause: error, ...(error.hint === undefined ? {} : { hint: error.hint }) });
  }
}
