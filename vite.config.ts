import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type EnvironmentOptions } from 'vite';

// `node scripts/build.mjs` runs this with REPRISE_OUT set to a temporary folder and moves the result to out/ when every
// pass has succeeded: a failed build leaves the last good one in place.

const root = fileURLToPath(new URL('.', import.meta.url));
const outSetting = process.env['REPRISE_OUT'] ?? 'out';
const out = isAbsolute(outSetting) ? outSetting : join(root, outSetting);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };

/** Packages that stay outside the bundles: Electron itself, and what carries native parts or data files. */
const external = ['electron', 'better-sqlite3', 'onnxruntime-node', 'mnist', '@jsquash/jpeg', 'dockerode', 'ssh2', 'tar-stream'];
const externalPatterns = external.map((name) => new RegExp(`^${name}($|/)`));

const inputs = (entries: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(entries).map(([name, path]) => [name, join(root, path)]));

/**
 * Programs of Node. The processes of the app share no files with the others: what such a process loads at its start is
 * one file, which no other program's needs divide.
 */
const programs = {
  tools: inputs({ cli: 'src/cli/main.ts', worker: 'src/worker/main.ts' }),
  engine: inputs({ 'engine-host': 'main/engine-host.ts' }),
  main: inputs({ 'main/main': 'main/main.ts' }),
  // What is sent to other machines, all of it in one folder.
  kit: inputs({ 'kit/outpost': 'src/outpost/main.ts', 'kit/worker': 'src/worker/main.ts' }),
} as const;
const preloadEntries = inputs({ 'preload/preload': 'main/preload.ts' });
const rendererEntries = inputs({ index: 'renderer/index.html' });

const nodeResolve = { noExternal: true as const, external, conditions: ['node', 'module'] };

/** All that is loaded at once in one file: each file more costs time, and the page has to ask the main process for it. */
const oneFirstFile = { codeSplitting: { groups: [{ name: 'first', tags: ['$initial' as const] }] } };

function program(name: keyof typeof programs, { chunks = `chunks/${name}`, ...splitting }: Partial<typeof oneFirstFile> & { readonly chunks?: string } = {}): EnvironmentOptions {
  return {
    consumer: 'server',
    resolve: nodeResolve,
    build: {
      outDir: out,
      emptyOutDir: false,
      target: 'node20.18',
      minify: false,
      sourcemap: true,
      ssr: true,
      rolldownOptions: {
        input: programs[name],
        platform: 'node',
        external: externalPatterns,
        output: { format: 'esm', entryFileNames: '[name].js', chunkFileNames: `${chunks}/[name]-[hash].js`, ...splitting },
      },
    },
  };
}

export default defineConfig({
  root: join(root, 'renderer'),
  base: './',
  publicDir: false,
  cacheDir: join(root, 'node_modules/.vite'),
  logLevel: 'warn',
  plugins: [react()],
  define: { __REPRISE_VERSION__: JSON.stringify(version) },
  environments: {
    client: {
      build: {
        outDir: join(out, 'renderer'),
        emptyOutDir: true,
        target: 'chrome130',
        modulePreload: { polyfill: false },
        // Inlined data: URLs would need a wider content security policy.
        assetsInlineLimit: 0,
        // plotly.js is large, and loaded with the first chart.
        chunkSizeWarningLimit: 6000,
        sourcemap: true,
        rolldownOptions: { input: rendererEntries, output: oneFirstFile },
      },
    },
    tools: program('tools'),
    engine: program('engine', oneFirstFile),
    main: program('main', oneFirstFile),
    kit: program('kit', { chunks: 'kit/chunks' }),
    preload: {
      consumer: 'server',
      resolve: nodeResolve,
      build: {
        outDir: out,
        emptyOutDir: false,
        target: 'chrome130',
        minify: false,
        sourcemap: true,
        ssr: true,
        rolldownOptions: {
          input: preloadEntries,
          // A sandboxed preload can require `electron` and nothing else, so everything must be in its one file.
          platform: 'browser',
          external: [/^electron($|\/)/],
          output: { format: 'cjs', entryFileNames: '[name].cjs' },
        },
      },
    },
  },
  builder: {
    buildApp: async (builder) => {
      for (const name of [...Object.keys(programs), 'preload', 'client']) {
        const environment = builder.environments[name];
        if (environment !== undefined) await builder.build(environment);
      }
    },
  },
});
