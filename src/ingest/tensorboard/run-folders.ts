/** Which folders of event files belong together, and by what name a folder's series go. */

/** Names that Keras and others give to the folders of one run. */
const SPLITS: ReadonlySet<string> = new Set(['train', 'training', 'validation', 'valid', 'val', 'eval', 'evaluation', 'test', 'dev']);

const partsOf = (folder: string): string[] => (folder === '' ? [] : folder.split('/'));

export const folderOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
export const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** TensorBoard takes every file with this in its name for an event file. */
export function isEventFile(name: string): boolean {
  return name.includes('tfevents') && !name.endsWith('.profile-empty');
}

/** The folder whose series go by their tags alone: the shallowest, or what is around it where it is one split of a run. */
export function baseOf(folders: readonly string[]): string {
  const [first = ''] = folders.toSorted((a, b) => partsOf(a).length - partsOf(b).length || (a < b ? -1 : 1));
  return SPLITS.has(nameOf(first).toLowerCase()) ? folderOf(first) : first;
}

/** Seconds since 1970: PyTorch's `add_hparams` writes each session into a folder that is named by its time. */
const SESSION = /^\d{9,11}\.\d+$/u;

/** What stands before the tags of a folder: where it lies as seen from the base, or '' for the base itself. */
export function prefixOf(base: string, folder: string): string {
  const from = partsOf(base);
  const parts = partsOf(folder);
  let shared = 0;
  while (shared < from.length && shared < parts.length && from[shared] === parts[shared]) shared++;
  const rest = parts.slice(shared);
  // A folder around the base is no part of it.
  if (rest.length === 0 && from.length > shared) return `${parts.at(-1) ?? '.'}/`;
  const named = rest.filter((part) => !SESSION.test(part));
  return named.length === 0 ? '' : `${named.join('/')}/`;
}

/** Host, process and number of the writer in `events.out.tfevents.TIME.HOST.PID.NUMBER`, PyTorch's names; null for others. */
function writerOf(name: string): string | null {
  return /tfevents\.\d+\.(?<writer>.+\.\d+)\.\d+$/u.exec(name)?.groups?.['writer'] ?? null;
}

/**
 * The runs in a folder of logs: base → its folders. As in TensorBoard each folder with event files is a run, but for
 * those that PyTorch's writer makes inside its own (`add_scalars`, `add_hparams`).
 */
export function groupRuns(files: readonly string[]): Map<string, string[]> {
  const writers = new Map<string, Set<string>>();
  for (const file of files) {
    const folder = folderOf(file);
    const known = writers.get(folder) ?? new Set();
    const writer = writerOf(nameOf(file));
    if (writer !== null) known.add(writer);
    writers.set(folder, known);
  }
  const runs = new Map<string, string[]>();
  for (const folder of [...writers.keys()].toSorted((a, b) => partsOf(a).length - partsOf(b).length)) {
    const own = writers.get(folder) ?? new Set();
    const around = partsOf(folder).map((_, index, parts) => parts.slice(0, index).join('/'));
    const owner = around.find((other) => runs.has(other) && [...own].some((writer) => writers.get(other)?.has(writer)));
    if (owner === undefined) runs.set(folder, [folder]);
    else runs.get(owner)?.push(folder);
  }
  return runs;
}
