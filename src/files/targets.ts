/** Whether a file may be written where somebody wants it, asked before any work is done for it. */
import { statSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { RepriseError } from '../errors/errors';

/** The error for a file that is there already and may not be replaced. */
export function fileExists(file: string): RepriseError {
  return new RepriseError('FILE_EXISTS', `${file} exists already and was left as it is.`, { kind: 'input', hint: 'Choose another name, or overwrite it with --force.' });
}

/** What lies at a path, following links; null where nothing does. */
function lookAt(path: string): Stats | null {
  try {
    return statSync(path, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    // A part of the path is a file, or a link leads in a circle.
    if (['ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/**
 * Refuses a place where no file can be written: a folder, a device or pipe, a file that may not be replaced, a folder
 * that is missing.
 * @param overwrite whether an existing file may be replaced; a folder never is
 * @throws RepriseError of kind `input`: FILE_IS_FOLDER, FILE_NOT_REGULAR, FILE_EXISTS, FOLDER_NOT_FOUND
 */
export function refuseTarget(file: string, overwrite: boolean): void {
  const found = lookAt(file);
  if (found?.isDirectory() === true) {
    throw new RepriseError('FILE_IS_FOLDER', `${file} is a folder; it cannot be replaced by a file.`, { kind: 'input', hint: 'Name a file, for example one inside that folder.' });
  }
  if (found !== null && !overwrite) throw fileExists(file);
  if (found !== null && !found.isFile()) {
    throw new RepriseError('FILE_NOT_REGULAR', `${file} is a device, a pipe or a socket; it cannot be replaced by a file.`, { kind: 'input', hint: 'Name an ordinary file.' });
  }
  const folder = dirname(file);
  if (lookAt(folder)?.isDirectory() !== true) {
    throw new RepriseError('FOLDER_NOT_FOUND', `${file} cannot be written: there is no folder ${folder}.`, { kind: 'input', hint: 'Make the folder first, or name another one.' });
  }
}
