/**
 * The real MLflow clients of both generations against our tracking server, judged by the client's own store: the same
 * script logs to both and prints what it sees, and that must be the same.
 * REPRISE_PYTHON_MLFLOW2 and REPRISE_PYTHON_MLFLOW3 name Pythons with `mlflow-skinny` of that generation.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type Engine } from '../../src/engine/engine';
import { localSpawn } from '../../src/execution/local/local-spawn';
import { checkWorkspace } from '../../src/store/check';
import { openStore } from '../../src/store/open';
import { rebuildWorkspace } from '../../src/store/rebuild';

const SCRIPT = fileURLToPath(new URL('../fixtures/python/mlflow_client.py', import.meta.url));

type Facts = Readonly<Record<string, unknown>>;

/** @param name of the folder for its files */
async function factsOf(python: string, uri: string, root: string, name: string, token: string | null = null): Promise<Facts> {
  const { stdout } = await promisify(execFile)(python, [SCRIPT, uri, join(root, name)], {
    cwd: root,
    // A failure that the client takes for one that may pass would be tried again for minutes.
    env: { ...process.env, MLFLOW_HTTP_REQUEST_MAX_RETRIES: '1', PYTHONDONTWRITEBYTECODE: '1', ...(token === null ? {} : { MLFLOW_TRACKING_TOKEN: token }) },
    maxBuffer: 1 << 26,
    timeout: 280_000,
  });
  const line = stdout.split('\n').find((text) => text.startsWith('FACTS '));
  return JSON.parse((line ?? '').slice('FACTS '.length)) as Facts;
}

/** All that the store knows of runs, but for what has no order. */
async function contentOf(workspace: string): Promise<unknown> {
  const store = await openStore(workspace, { mode: 'host' });
  try {
    const { runs } = store.search({ filter: null, lifecycle: 'all', limit: 10_000 });
    const ids = runs.map(({ runId }) => runId).sort();
    return {
      experiments: store.experiments('all'),
      runs: store.runData(ids).map((data) => ({
        ...data,
        files: store.files(data.run.runId),
        datasets: store.datasets(data.run.runId),
        points: data.metrics.map(({ key }) => Object.values(store.points(data.run.runId, key) as unknown as Record<string, Float64Array>).map((column) => [...column])),
      })),
    };
  } finally {
    store.close();
  }
}

for (const generation of [2, 3]) {
  const python = process.env[`REPRISE_PYTHON_MLFLOW${generation}`] ?? '';
  if (python === '') console.warn(`SKIPPED: no mlflow-skinny ${generation} (REPRISE_PYTHON_MLFLOW${generation}): its client is not tried.`);

  describe.skipIf(python === '')(`the client of MLflow ${generation}`, () => {
    let root: string;
    let workspace: string;
    let engine: Engine;
    let ours: Facts;
    let theirs: Facts;
    const changed: string[] = [];

    beforeAll(async () => {
      root = mkdtempSync(join(tmpdir(), `reprise-mlflow${generation}-`));
      workspace = join(root, 'workspace');
      engine = await createEngine({ workspace, mode: 'host', spawn: localSpawn('no worker is needed'), cores: 1 });
      engine.on('run', (row) => changed.push(row.runId));
      const started = await engine.call('tracking.start', {});
      if (!started.ok) throw new Error(started.error.message);
      const { origin, pathname, href } = new URL(started.value.url ?? '');
      // One generation names the token in the address, the other sends it in a header.
      const own = generation === 2 ? factsOf(python, origin, root, 'ours', pathname.slice(1)) : factsOf(python, href, root, 'ours');
      [ours, theirs] = await Promise.all([
        own,
        factsOf(python, `sqlite:///${join(root, 'theirs.db')}`, root, 'theirs'),
      ]);
    }, 300_000);

    afterAll(async () => {
      await engine?.close();
      rmSync(root, { recursive: true, force: true, maxRetries: 5 });
    });

    test.each(['fluent', 'experiments', 'batches', 'searches', 'lifecycle', 'artifacts', 'inputs', 'models'])('sees the same as from its own store: %s', (part) => {
      expect(theirs[part]).toBeDefined();
      expect(ours[part]).toEqual(theirs[part]);
    });

    test('what it logged is the same after a rebuild from the run folders', { timeout: 120_000 }, async () => {
      expect(changed.length).toBeGreaterThan(0);
      await engine.close();
      const before = await contentOf(workspace);
      expect(await checkWorkspace(workspace)).toEqual([]);
      expect((await rebuildWorkspace(workspace)).problems).toEqual([]);
      expect(await contentOf(workspace)).toEqual(before);
    });
  });
}
