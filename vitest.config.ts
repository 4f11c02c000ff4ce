import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

const { version } = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')) as { version: string };

export default defineConfig({
  define: { __REPRISE_VERSION__: JSON.stringify(version) },
  // REPRISE_TEST_CACHE: the e2e tests may run as a user who cannot write to this folder.
  cacheDir: process.env['REPRISE_TEST_CACHE'] ?? 'node_modules/.vite',
  test: {
    // scripts/test.mjs chooses the part with --dir.
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', 'out/**', 'dist/**'],
    environment: 'node',
    fsModuleCache: process.env['REPRISE_TEST_CACHE'] === undefined,
    pool: 'forks',
    // The native modules and the training workers want the cores: two test files at a time.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    reporters: ['default'],
  },
});
