import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** What the texts of common licences begin with, and their SPDX identifiers; the first that fits counts. */
const TITLES: readonly (readonly [RegExp, string])[] = [
  [/^MIT License\b/imu, 'MIT'],
  [/^\s*Apache License\s+Version 2\.0\b/imu, 'Apache-2.0'],
  [/^BSD 3-Clause License\b/imu, 'BSD-3-Clause'],
  [/^BSD 2-Clause License\b/imu, 'BSD-2-Clause'],
  [/^(?:Creative Commons )?CC0 1\.0 Universal\b/imu, 'CC0-1.0'],
  [/^(?:Creative Commons )?Attribution 4\.0 International\b/imu, 'CC-BY-4.0'],
  [/^(?:Creative Commons )?Attribution-ShareAlike 4\.0 International\b/imu, 'CC-BY-SA-4.0'],
  [/^(?:Creative Commons )?Attribution-NonCommercial 4\.0 International\b/imu, 'CC-BY-NC-4.0'],
];

async function licenseFile(folder: string): Promise<string | null> {
  for (const name of ['LICENSE', 'LICENSE.txt', 'LICENSE.md', 'LICENCE', 'LICENCE.txt', 'COPYING']) {
    const text = (await readFile(path.join(folder, name), 'utf8').catch(() => '')).slice(0, 2000);
    const named = /SPDX-License-Identifier:\s*([\w.+-]{1,100})/u.exec(text)?.[1] ?? TITLES.find(([title]) => title.test(text))?.[1];
    if (named !== undefined) return named;
  }
  return null;
}

/**
 * The licence that a data set declares beside itself: the front matter of a dataset card, a data package, or the file of
 * a licence that is known by its title. Null where there is none.
 */
export async function declaredLicense(folder: string): Promise<string | null> {
  const card = await readFile(path.join(folder, 'README.md'), 'utf8').catch(() => '');
  const front = /^---\r?\n([\s\S]*?)\r?\n---/u.exec(card)?.[1] ?? '';
  const value = /^license:\s*(?:\r?\n\s*-\s*)?["']?([\w.+-]{1,100})["']?\s*$/mu.exec(front)?.[1];
  if (value !== undefined) return value;
  const dataPackage = await readFile(path.join(folder, 'datapackage.json'), 'utf8').catch(() => '');
  return /"licenses"\s*:\s*\[\s*\{[^}]*"name"\s*:\s*"([\w.+-]{1,100})"/u.exec(dataPackage)?.[1] ?? (await licenseFile(folder));
}
