/** `reprise files`: what a run kept, listed or written to other places. */
import { existsSync, mkdirSync } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { RepriseError } from '../../errors/errors';
import { formatCount } from '../../analysis/format';
import { print, printJson, table } from '../output';
import { call, withEngine, type GlobalOptions } from '../session';

interface RunFile {
  /** With `/`, relative. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface FilesOptions extends GlobalOptions {
  readonly saveTo?: string;
  readonly out?: string;
  readonly force?: boolean;
}

/** The file of a path, or all below a folder; without a path all. @throws RepriseError FILE_NOT_FOUND */
function choose(run: string, files: readonly RunFile[], path: string | undefined): readonly RunFile[] {
  if (path === undefined) return files;
  const folder = path.replace(/\/*$/u, '/');
  const chosen = files.filter((file) => file.path === path || file.path.startsWith(folder));
  if (chosen.length > 0) return chosen;
  const known = files.slice(0, 10).map((file) => file.path).join(', ');
  throw new RepriseError('FILE_NOT_FOUND', `Run ${run} has no file ${JSON.stringify(path)}.`, { kind: 'input', hint: files.length === 0 ? 'It kept no files.' : `It has ${known}${files.length > 10 ? ` and ${files.length - 10} more: \`reprise files ${run}\` lists them` : ''}.` });
}

/** Where a file goes below a folder. @throws RepriseError FILE_OUTSIDE */
function placeIn(folder: string, { path }: RunFile): string {
  const place = resolve(join(folder, path));
  if (place.startsWith(folder.endsWith(sep) ? folder : folder + sep)) return place;
  throw new RepriseError('FILE_OUTSIDE', `The file ${JSON.stringify(path)} would be written outside of ${folder}.`, { kind: 'input', hint: 'Save it alone, with --out FILE.' });
}

/** @throws RepriseError FILE_EXISTS before anything is written */
function refuseExisting(places: readonly string[], force: boolean): void {
  const existing = force ? [] : places.filter((place) => existsSync(place));
  if (existing.length === 0) return;
  const others = existing.length > 1 ? ` and ${existing.length - 1} more of ${places.length} files` : '';
  throw new RepriseError('FILE_EXISTS', `${existing[0] ?? ''}${others} ${existing.length > 1 ? 'exist' : 'exists'} already; nothing was written.`, { kind: 'input', hint: 'Choose another folder, or overwrite with --force.' });
}

/** Which file goes where; null where files are only listed. @throws RepriseError SEVERAL_FILES and of the places */
function targetsOf(files: readonly RunFile[], { saveTo, out, force }: FilesOptions): readonly string[] | null {
  if (out !== undefined) {
    if (files.length !== 1) throw new RepriseError('SEVERAL_FILES', `--out names one file, but ${files.length === 0 ? 'there is none' : `${files.length} are chosen`}.`, { kind: 'input', hint: 'Name the file of the run, or save all with --save-to FOLDER.' });
    return [resolve(out)];
  }
  if (saveTo === undefined) return null;
  const folder = resolve(saveTo);
  const places = files.map((file) => placeIn(folder, file));
  refuseExisting(places, force === true);
  for (const place of new Set(places.map((one) => dirname(one)))) mkdirSync(place, { recursive: true });
  return places;
}

export async function files([given = '', path]: readonly string[], options: FilesOptions): Promise<number> {
  return withEngine(options, 'look', async (engine) => {
    const details = await call(engine, 'runs.details', { run: given });
    const { runId } = details.run;
    const all: RunFile[] = [...details.artifacts.map(({ file, sha256, bytes }) => ({ path: file, sha256, bytes })), ...details.files];
    const chosen = choose(runId, all, path);
    const targets = targetsOf(chosen, options);
    for (const [index, out] of (targets ?? []).entries()) await call(engine, 'runs.saveFile', { run: runId, path: chosen[index]?.path ?? '', out, overwrite: options.force === true });
    if (options.json === true) printJson({ run: runId, files: chosen.map(({ path: name, bytes, sha256 }, index) => ({ path: name, bytes, sha256, ...(targets === null ? {} : { savedTo: targets[index] }) })) });
    else if (chosen.length === 0) print('It kept no files.');
    else if (targets !== null) for (const target of targets) print(`saved  ${target}`);
    else print(table(['path', 'bytes', 'sha-256'], chosen.map(({ path: name, bytes, sha256 }) => [name, formatCount(bytes), sha256])));
    return 0;
  });
}
