/** Where things lie below the base folder, for names that come from elsewhere and are not trusted. */
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { RepriseError } from '../errors/errors';

function outside(name: string): RepriseError {
  return new RepriseError('PATH_OUTSIDE', `${JSON.stringify(name)} does not lead to a place inside of its folder.`, { kind: 'input' });
}

/** The place that a relative name with `/` means below a folder. @throws RepriseError PATH_OUTSIDE for one that could mean another */
export function below(folder: string, name: string): string {
  const parts = name.split('/');
  if (name.includes('\0') || name.startsWith('/') || parts.some((part) => part === '' || part === '.' || part === '..')) throw outside(name);
  return path.join(folder, ...parts);
}

/** The same where links are looked at too: what is there must lie inside. Empty: the folder itself. */
export async function insideOf(folder: string, name: string): Promise<string> {
  const place = name === '' ? folder : below(folder, name);
  const [top, real] = await Promise.all([realpath(folder), realpath(place)]).catch((cause: unknown) => {
    throw (cause as NodeJS.ErrnoException).code === 'ENOENT' ? new RepriseError('FILE_MISSING', `${place} is not there.`, { kind: 'input', cause }) : cause;
  });
  if (real !== top && !real.startsWith(top + path.sep)) throw outside(name);
  return real;
}
