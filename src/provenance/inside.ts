/** Whether paths stay below a folder. */
import path from 'node:path';

/** Whether an absolute path is `root` or lies below it. */
export function isInside(folder: string, root: string): boolean {
  const relative = path.relative(root, folder);
  return relative === '' || (relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative));
}

/**
 * Whether a link with this name (relative, with `/`) leads to a place below the folder its name starts in, whatever
 * other such links lie on the way: `..` may only stand at its start, because behind a link it would lead elsewhere.
 */
export function staysInside(name: string, target: string): boolean {
  if (target === '' || target.includes('\\') || target.startsWith('/') || /^[A-Za-z]:/u.test(target) || target.includes('\0')) return false;
  const parts = target.split('/').filter((part) => part !== '' && part !== '.');
  const ups = parts.findIndex((part) => part !== '..');
  const climbs = ups === -1 ? parts.length : ups;
  return !parts.slice(climbs).includes('..') && climbs <= name.split('/').length - 1;
}
