/** Patterns of the files that a command's config declares as its outputs. */

const escaped = (text: string): string => text.replaceAll(/[\\^$.|?+()[\]{}]/gu, String.raw`\$&`);

/** With `/`, without `.`, `..` and empty parts; `.` for the folder itself. */
function normalized(glob: string): string {
  const parts: string[] = [];
  for (const part of glob.replaceAll('\\', '/').split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.length === 0 ? '.' : parts.join('/');
}

/** The pattern as a regular expression over paths with `/`: `*` is any name, `**` any path, a folder all that is in it. */
export function outputPattern(glob: string): RegExp {
  const normal = normalized(glob);
  const body = normal.split(/(\*\*\/|\*\*|\*)/u).map((part) => (part === '**/' ? '(?:.*/)?' : part === '**' ? '.*' : part === '*' ? '[^/]*' : escaped(part))).join('');
  return normal === '.' ? /^/u : new RegExp(`^${body}(?:/.*)?$`, 'u');
}
