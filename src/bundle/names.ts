/**
 * Which file names a bundle may hold: those that mean the same file, inside the folder they are
 * unpacked to, on Linux, macOS and Windows.
 */

const MAX_SEGMENT = 200;
const MAX_NAME = 1000;
/** Device names of Windows, with or without an extension. */
const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/iu;
/** Control characters, what Windows forbids (`:` also opens alternate streams), and the sign of undecodable bytes. */
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f<>:"|?*\ufffd]/u;
/** Signs that reorder or hide text. */
const INVISIBLE = /[\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/u;

function segmentProblem(segment: string): string | null {
  if (segment === '') return 'has an empty part';
  if (segment === '.' || segment === '..') return `contains "${segment}"`;
  if (segment.length > MAX_SEGMENT) return `has a part longer than ${MAX_SEGMENT} characters`;
  if (/[. ]$/u.test(segment)) return 'has a part that ends with a dot or a space';
  // Whatever is unpacked must not turn a folder into a repository; `git~1` is what DOS calls it.
  if (/^(?:\.git|git~\d+)$/u.test(foldedName(segment))) return `uses "${segment}", which is Git's`;
  if (RESERVED.test(segment)) return `uses "${segment}", which Windows reserves`;
  return null;
}

/** Why a name is not safe, or null. A folder's name ends with `/`. */
export function nameProblem(name: string): string | null {
  if (name.includes('\\')) return 'contains a backslash';
  if (name.startsWith('/')) return 'is absolute';
  if (/^[A-Za-z]:/u.test(name)) return 'has a drive letter';
  if (name.length > MAX_NAME) return `is longer than ${MAX_NAME} characters`;
  if (FORBIDDEN.test(name)) return 'contains a character that is not allowed in file names';
  if (INVISIBLE.test(name)) return 'contains an invisible character';
  const segments = (name.endsWith('/') ? name.slice(0, -1) : name).split('/');
  for (const segment of segments) {
    const problem = segmentProblem(segment);
    if (problem !== null) return problem;
  }
  return null;
}

/** Equal for names that some file system takes for one: case and Unicode composition set aside. */
function foldedName(name: string): string {
  return name.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC');
}

/** Watches over the names of one archive. */
export class NameRegister {
  /** Folded name → name and kind as first seen. */
  readonly #seen = new Map<string, { readonly name: string; readonly kind: 'file' | 'folder' }>();

  /** Takes a name in; answers why it may not stand beside the others, or null. */
  add(name: string): string | null {
    const own = nameProblem(name);
    if (own !== null) return own;
    const isFolder = name.endsWith('/');
    const path = isFolder ? name.slice(0, -1) : name;
    const segments = path.split('/');
    for (let length = 1; length < segments.length; length++) {
      const problem = this.#enter(segments.slice(0, length).join('/'), 'folder', true);
      if (problem !== null) return problem;
    }
    return this.#enter(path, isFolder ? 'folder' : 'file', isFolder);
  }

  #enter(path: string, kind: 'file' | 'folder', again: boolean): string | null {
    const key = foldedName(path);
    const seen = this.#seen.get(key);
    if (seen === undefined) {
      this.#seen.set(key, { name: path, kind });
      return null;
    }
    if (seen.name !== path) return `is the same as "${seen.name}" where case or accents do not count`;
    if (seen.kind !== kind) return 'is both a file and a folder';
    return again ? null : 'is there twice';
  }
}
