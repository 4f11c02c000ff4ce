/** Reading and replacing parts of a config by dotted path. Nothing is changed in place. */
import { sameValue } from '../config/diff';
import { isMapping } from '../config/mapping';

/** A copy of `root` in which `path` is `value`; mappings on the way are made where they are missing. */
export function withValue(root: unknown, path: string, value: unknown): Record<string, unknown> {
  const base = isMapping(root) ? root : {};
  // A parameter's own name may have dots.
  if (Object.hasOwn(base, path)) return { ...base, [path]: value };
  const [head = '', ...rest] = path.split('.');
  const below = rest.length === 0 ? value : withValue(Object.hasOwn(base, head) ? base[head] : undefined, rest.join('.'), value);
  return { ...base, [head]: below };
}

/** Whether one path is the other or lies inside it. */
export function overlaps(left: string, right: string): boolean {
  return left === right || left.startsWith(`${right}.`) || right.startsWith(`${left}.`);
}

/** One difference of a variant to its baseline. `undefined` = not set. */
export interface Change {
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
}

/**
 * Differences between two configs, for people: leaf by leaf, but a part whose `kind` changed is one
 * difference (an optimizer that is another optimizer, not eleven keys that came and went).
 */
export function changesBetween(from: unknown, to: unknown, prefix = ''): Change[] {
  if (isMapping(from) && isMapping(to) && from['kind'] === to['kind']) {
    const keys = [...Object.keys(from), ...Object.keys(to).filter((key) => !Object.hasOwn(from, key))];
    return keys.flatMap((key) => changesBetween(from[key], to[key], prefix === '' ? key : `${prefix}.${key}`));
  }
  return sameValue(from, to) ? [] : [{ path: prefix, from, to }];
}
