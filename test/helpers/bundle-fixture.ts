/** Bundles a TypeScript file of the tests into one that plain Node runs, in a place where it finds the packages. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { rolldown, type Plugin } from 'rolldown';

/** `FILE?raw` is the text of a file, as in Vite. */
const raw: Plugin = {
  name: 'raw',
  resolveId: (source, importer) => (source.endsWith('?raw') && importer !== undefined ? resolve(dirname(importer), source) : null),
  load: (id) => (id.endsWith('?raw') ? `export default ${JSON.stringify(readFileSync(id.slice(0, -'?raw'.length), 'utf8'))}` : null),
};

export async function bundleFixture(source: string): Promise<{ readonly entry: string; readonly remove: () => void }> {
  const state = resolve('node_modules/.reprise');
  mkdirSync(state, { recursive: true });
  const folder = mkdtempSync(join(state, 'fixture-'));
  const entry = join(folder, 'fixture.mjs');
  const bundle = await rolldown({ input: resolve(source), platform: 'node', external: ['better-sqlite3', 'onnxruntime-node', 'mnist'], logLevel: 'silent', plugins: [raw] });
  try {
    await bundle.write({ file: entry, format: 'esm', codeSplitting: false });
  } finally {
    await bundle.close();
  }
  return { entry, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
