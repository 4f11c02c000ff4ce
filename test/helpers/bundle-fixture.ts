/** Bundles a TypeScript file of the tests into one that plain Node runs, in a place where it finds the packages. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';

export async function bundleFixture(source: string): Promise<{ readonly entry: string; readonly remove: () => void }> {
  const state = resolve('node_modules/.reprise');
  mkdirSync(state, { recursive: true });
  const folder = mkdtempSync(join(state, 'fixture-'));
  const entry = join(folder, 'fixture.mjs');
  const bundle = await rolldown({ input: resolve(source), platform: 'node', external: ['better-sqlite3', 'onnxruntime-node', 'mnist'], logLevel: 'silent' });
  try {
    await bundle.write({ file: entry, format: 'esm', codeSplitting: false });
  } finally {
    await bundle.close();
  }
  return { entry, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
