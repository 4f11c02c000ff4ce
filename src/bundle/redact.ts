/** Takes personal paths and host names out of what goes into a bundle. */
import { homedir, hostname } from 'node:os';

export type Redact = (text: string) => string;

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/gu, String.raw`\$&`);
}

/** A path that is not part of a longer name. */
function wholePath(path: string): RegExp {
  return new RegExp(`(?<![\\w.~-])${escaped(path)}(?![\\w-])`, 'gu');
}

/** Home folders of any user, on any system, with both kinds of slash. */
const HOMES = /(?<![\w.~])(?:\/home\/[^/\s"'<>:;,()]+|\/Users\/[^/\s"'<>:;,()]+|\/root(?=[/\s"'<>:;,()]|$)|[A-Za-z]:[\\/]+Users[\\/]+[^\\/\s"'<>:;,()]+)/gu;
/** Credentials in a URL: `https://user:token@host/`. */
const CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)[^/\s@"']+@/giu;

/**
 * A function that replaces the given folders by `<folder>`, home folders by `~`, this machine's name by
 * `<host>` and credentials in URLs by nothing.
 */
export function createRedact(privatePaths: readonly string[], machine: { readonly home: string; readonly host: string } = { home: homedir(), host: hostname() }): Redact {
  const paths = [...privatePaths]
    .map((path) => path.replace(/[\\/]+$/u, ''))
    .filter((path) => path.length >= 4)
    .sort((a, b) => b.length - a.length);
  const replacements: [RegExp, string][] = paths.map((path) => [wholePath(path), '<folder>']);
  if (machine.home.length >= 4) replacements.push([wholePath(machine.home.replace(/[\\/]+$/u, '')), '~']);
  replacements.push([HOMES, '~'], [CREDENTIALS, '$1']);
  // A name as short or as common as `pc` or `localhost` would be found inside ordinary words.
  if (machine.host.length >= 4 && machine.host !== 'localhost') replacements.push([new RegExp(`(?<![\\w-])${escaped(machine.host)}(?![\\w-])`, 'giu'), '<host>']);
  return (text) => replacements.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), text);
}

/** Applies `redact` to every string of a JSON value but those at the dotted paths `keep` (`*` for any index). */
export function redactValue(value: unknown, redact: Redact, keep: ReadonlySet<string> = new Set(), path = ''): unknown {
  if (typeof value === 'string') return keep.has(path) ? value : redact(value);
  if (Array.isArray(value)) return value.map((entry) => redactValue(entry, redact, keep, path === '' ? '*' : `${path}.*`));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, redactValue(entry, redact, keep, path === '' ? key : `${path}.${key}`)]));
  }
  return value;
}

/** Captured code goes in as it was: a patch with other bytes would not apply. */
export const KEEP_IN_MANIFEST: ReadonlySet<string> = new Set(['provenance.git.patch', 'provenance.git.untracked.*.content', 'provenance.git.untracked.*.path']);
