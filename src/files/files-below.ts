import type { BigIntStats } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';

export interface FoundFile {
  /** Relative to the input, with `/`; empty for a file. */
  readonly name: string;
  readonly file: string;
  readonly info: BigIntStats;
}

/** All files below a folder, links followed (data is often linked to), each folder once. */
export async function filesBelow(root: string): Promise<FoundFile[]> {
  const files: FoundFile[] = [];
  const visited = new Set<string>();
  const waiting = [''];
  for (const prefix of waiting) {
    const folder = path.join(root, prefix);
    const real = await realpath(folder);
    if (visited.has(real)) continue;
    visited.add(real);
    for (const name of (await readdir(folder)).sort()) {
      const file = path.join(folder, name);
      const info = await stat(file, { bigint: true }).catch(() => null);
      if (info?.isDirectory() === true) waiting.push(`${prefix}${name}/`);
      else if (info?.isFile() === true) files.push({ name: prefix + name, file, info });
    }
  }
  return files.sort((left, right) => (left.name < right.name ? -1 : 1));
}
