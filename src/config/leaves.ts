/** A document as a flat list of its leaves. */
import { isMapping } from './mapping';

/** Path → value of every leaf, in the document's order. A list is one leaf, and so is an empty mapping; paths are dotted as in `diff`. */
export function leavesOf(document: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const leaves = new Map<string, unknown>();
  const walk = (value: unknown, path: string): void => {
    if (!isMapping(value) || (Object.keys(value).length === 0 && path !== '')) {
      leaves.set(path, value);
      return;
    }
    for (const [key, entry] of Object.entries(value)) {
      if (entry === undefined) continue;
      const name = key.replaceAll('.', String.raw`\.`);
      walk(entry, path === '' ? name : `${path}.${name}`);
    }
  };
  walk(document, '');
  return leaves;
}
