/** A path inside a run from what another program calls a thing: relative, with `/`, without `..`. */
export function filePath(...names: readonly string[]): string {
  return names
    .flatMap((name) => name.split('/'))
    .filter((part) => part !== '' && part !== '.' && part !== '..')
    .map((part) => part.replace(/[\u0000-\u001f\\]|(?<=^[A-Za-z]):/gu, '_'))
    .join('/');
}

/** A step as part of a file's name, so that names sort as steps do. */
export function stepName(step: number): string {
  return step < 0 ? String(step) : String(step).padStart(8, '0');
}
