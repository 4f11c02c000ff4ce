/** Files beside the code that say which packages it needs. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { LockFile } from '../events/provenance';
import { sha256Bytes } from '../files/hash';

/** Tools write them with exact versions and hashes. */
const LOCKS = /^(?:uv\.lock|poetry\.lock|pdm\.lock|Pipfile\.lock|conda-lock\.ya?ml|pixi\.lock|pylock(?:\..+)?\.toml|package-lock\.json)$/u;
const REQUIREMENTS = /^requirements.*\.(?:txt|in)$|^constraints.*\.txt$/u;
const CONDA = /^environment.*\.ya?ml$/u;
const LIMIT_BYTES = 32 * 2 ** 20;

/** Whether each line of a pip requirements file names exactly one version, or an address with a commit or hash. */
export function isPinnedRequirements(text: string): boolean {
  const lines = text.replace(/\\\r?\n/gu, ' ').split(/\r?\n/u).map((line) => line.replace(/(?:^|\s)#.*$/u, '').trim());
  const requirements = lines.filter((line) => line !== '' && !/^--?(?:i|index-url|extra-index-url|f|find-links|trusted-host|no-index|no-binary|only-binary|prefer-binary|pre|hash)\b/u.test(line));
  return requirements.length > 0 && requirements.every((line) => /^[A-Za-z0-9][\w.-]*(?:\[[^\]]*\])?\s*===?\s*[^\s*,;]+\s*(?:;.*|--hash.*)?$/u.test(line) || /@\s*(?:git\+\S+@[0-9a-f]{40}\b|\S+#sha256=)/u.test(line));
}

/** Whether each dependency of a conda environment names one version (`numpy=1.26.4`, `pip` packages with `==`). */
export function isPinnedConda(text: string): boolean {
  const entries = [...text.matchAll(/^\s*-\s+["']?([^"'\n#]+?)["']?\s*(?:#.*)?$/gmu)].map(([, entry = '']) => entry.trim());
  const start = text.search(/^dependencies\s*:/mu);
  if (start === -1) return false;
  const dependencies = entries.filter((entry) => text.indexOf(entry) > start && !/^(?:pip|defaults|nodefaults|conda-forge|pytorch|nvidia)\s*:?$/u.test(entry));
  return dependencies.length > 0 && dependencies.every((entry) => /^[\w.-]+(?:\[[^\]]*\])?\s*==?\s*\d[^*,<>|\s]*$/u.test(entry));
}

function isPinned(name: string, text: string): boolean {
  if (LOCKS.test(name)) return true;
  return REQUIREMENTS.test(name) ? isPinnedRequirements(text) : isPinnedConda(text);
}

/** Those in `folder` and in the folders above it up to and including `root`, nearest first. Unreadable ones are left out. */
export async function findLockFiles(folder: string, root: string): Promise<LockFile[]> {
  const found: LockFile[] = [];
  for (let at = folder; ; at = path.dirname(at)) {
    const names = (await readdir(at).catch(() => [])).filter((name) => LOCKS.test(name) || REQUIREMENTS.test(name) || CONDA.test(name)).sort();
    for (const name of names) {
      const bytes = await readFile(path.join(at, name)).catch(() => null);
      if (bytes === null || bytes.length > LIMIT_BYTES) continue;
      found.push({ path: path.relative(folder, path.join(at, name)).split(path.sep).join('/'), sha256: sha256Bytes(bytes), pinned: isPinned(name, bytes.toString('utf8')) });
    }
    if (at === root || path.dirname(at) === at) return found;
  }
}
