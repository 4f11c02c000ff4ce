import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { methods, type Input, type Method, type Output } from '../../../src/api/contract';
import { configHash, hashJson } from '../../../src/config/hash';
import { configSchema } from '../../../src/config/schema';
import { createEngine, type Engine } from '../../../src/engine/engine';
import type { EventBody, MetricValues } from '../../../src/events/records';
import { sha256Bytes } from '../../../src/files/hash';
import { openStore } from '../../../src/store/open';
import type { Store } from '../../../src/store/types';
import { append, attempt, exitedWell, putSampleData, sampleManifest, steps } from '../../fixtures/sample';

const MATRIX = { format: 'reprise-confusion-1', split: 'test', step: 10, classes: ['cat', 'dog'], counts: [[3, 1], [0, 4]] };

async function run(store: Store, id: string, seed: number, hidden: number, test: MetricValues, more: readonly EventBody[] = []): Promise<void> {
  const manifest = sampleManifest(id, { seed, createdAt: 1_700_000_000_000 + Number(id.slice(-1)) });
  const config = configSchema.parse({ ...manifest.config, model: { kind: 'mlp', hidden: [hidden] } });
  await store.createRun({ ...manifest, config, configHash: configHash(config), computeHash: hashJson(['compute', id]) });
  append(store.runFolder(id), attempt(1), steps(0, 10), { type: 'metrics', split: 'validation', step: 5, epoch: 1, values: test }, { type: 'metrics', split: 'test', step: 10, epoch: 2, values: test }, ...more);
  append(store.runFolder(id), { type: 'finished', weightsHash: 'e'.repeat(64), selectedStep: 10, finalLoss: 9, bestLoss: 0 }, exitedWell);
  await store.ingest(id);
}

/** A baseline and a wider variant with two seeds each; the second run of the variant is of a version that knew loss and accuracy alone. */
async function sample(): Promise<{ on: Engine; matrixFile: string }> {
  const workspace = mkdtempSync(join(tmpdir(), 'reprise-metrics-'));
  onTestFinished(() => rmSync(workspace, { recursive: true, force: true, maxRetries: 5 }));
  const store = await openStore(workspace, { mode: 'host' });
  await putSampleData(workspace);
  await run(store, 'run-1', 1, 8, { loss: 0.5, accuracy: 0.8, macroF1: 0.75, calibrationError: 0.05 });
  await run(store, 'run-2', 2, 8, { loss: 0.6, accuracy: 0.7, macroF1: 0.5, calibrationError: 0.06 });
  const manifest = sampleManifest('run-3');
  const bytes = new TextEncoder().encode(JSON.stringify(MATRIX));
  const config = configSchema.parse({ ...manifest.config, model: { kind: 'mlp', hidden: [16] } });
  await store.createRun({ ...manifest, createdAt: 1_700_000_000_003, config, configHash: configHash(config), computeHash: hashJson(['compute', 'run-3']) });
  writeFileSync(join(store.runFolder('run-3'), 'confusion.json'), bytes);
  append(store.runFolder('run-3'), attempt(1), steps(0, 10), { type: 'metrics', split: 'test', step: 10, epoch: 2, values: { loss: 0.4, accuracy: 0.9, macroF1: 0.85, calibrationError: 'NaN' } });
  append(store.runFolder('run-3'), { type: 'artifact', name: 'confusion-matrix', file: 'confusion.json', sha256: sha256Bytes(bytes), bytes: bytes.length }, { type: 'finished', weightsHash: 'e'.repeat(64), selectedStep: 10, finalLoss: 9, bestLoss: 0 }, exitedWell);
  await store.ingest('run-3');
  await run(store, 'run-4', 2, 16, { loss: 0.3, accuracy: 0.95 });
  const matrixFile = store.objectPath(sha256Bytes(bytes));
  store.close();
  const on = await createEngine({ workspace, mode: 'host', resume: false, spawn: () => Promise.reject(new Error('nothing is to be trained')) });
  onTestFinished(() => on.close());
  return { on, matrixFile };
}

async function ask<M extends Method>(on: Engine, method: M, input: Input<M>): Promise<Output<M>> {
  const result = await on.call(method, input);
  if (!result.ok) throw new Error(`${result.error.code}: ${result.error.message}`);
  methods[method].output.parse(result.value);
  return result.value;
}

describe('metrics of trainings', () => {
  it('are compared by the declared one, or by any other that was measured, in its own direction', async () => {
    const { on } = await sample();
    const declared = await ask(on, 'compare.experiment', { experiment: 'sample' });
    expect(declared).toMatchObject({ metric: 'test accuracy', higherIsBetter: true, unit: '', metrics: ['test loss', 'test accuracy', 'test macro F1', 'test calibration error'], missing: [] });
    const loss = await ask(on, 'compare.experiment', { experiment: 'sample', metric: 'test loss' });
    expect(loss).toMatchObject({ metric: 'test loss', higherIsBetter: false, unit: 'nats', missing: [] });
    for (const metric of ['test macro F1', 'test.macroF1', 'macroF1']) {
      const f1 = await ask(on, 'compare.experiment', { experiment: 'sample', metric });
      expect(f1).toMatchObject({ metric: 'test macro F1', higherIsBetter: true, missing: [{ seed: 2, run: 'run-4', reason: 'has no test macro F1' }] });
      expect(f1.variants.map(({ mean }) => mean)).toEqual([0.625, 0.85]);
      expect(f1.method).toContain('The test macro F1 was asked for; the runs declare another metric.');
    }
    for (const metric of ['test accuracy', 'test.accuracy', 'accuracy']) expect(await ask(on, 'compare.experiment', { experiment: 'sample', metric })).toEqual(declared);
    const calibration = await ask(on, 'compare.experiment', { experiment: 'sample', metric: 'test calibration error' });
    expect(calibration.higherIsBetter).toBe(false);
    expect(calibration.variants.map(({ n }) => n)).toEqual([2, 0]);
    expect(await on.call('compare.experiment', { experiment: 'sample', metric: 'test R²' })).toMatchObject({ ok: false, error: { code: 'METRIC_NOT_FOUND' } });
  });

  it('have curves where they were validated, and stand side by side', async () => {
    const { on } = await sample();
    const curves = await ask(on, 'compare.curves', { experiment: 'sample', key: 'validation.macroF1', points: 100 });
    expect(curves).toMatchObject({ unit: '', keys: ['train.loss', 'validation.loss', 'validation.accuracy', 'validation.macroF1', 'validation.calibrationError'] });
    expect(curves.variants.map(({ n, mean }) => [n, [...mean]])).toEqual([[2, [0.625]], [0, []]]);
    expect(curves.method).toContain('has no validation.macroF1');
    expect((await ask(on, 'compare.curves', { experiment: 'sample', key: 'train.loss', points: 100 })).unit).toBe('nats');
    const { sections } = await ask(on, 'compare.runs', { runs: ['run-1', 'run-4'] });
    const result = sections.find(({ title }) => title === 'Result')!.rows;
    expect(result.find(({ path }) => path === 'test macro F1')?.values).toEqual([{ present: true, value: 0.75 }, { present: false, value: undefined }]);
    expect(result.find(({ path }) => path === 'test accuracy')?.values.map(({ value }) => value)).toEqual([0.8, 0.95]);
  });

  it('are found by filters and told in the log', async () => {
    const { on } = await sample();
    const found = await ask(on, 'runs.page', { text: 'metrics.test.macroF1 > 0.65', offset: 0, limit: 10 });
    expect(found.rows.map(({ run: row }) => row.runId).toSorted()).toEqual(['run-1', 'run-3']);
    expect((await ask(on, 'runs.search', { filter: 'metrics.macroF1 > 0.65' })).notes).toEqual(['No run has a metric "macroF1". Did you mean "test.macroF1" or "validation.macroF1"?']);
    const { lines } = await ask(on, 'runs.log', { run: 'run-3', after: -1, limit: 100 });
    expect(lines.map(({ text }) => text)).toContain('test at the selected checkpoint, step 10: loss 0.4000, accuracy 0.9000, macro F1 0.8500, calibration error –');
  });

  it('have a confusion matrix where the run left one', async () => {
    const { on, matrixFile } = await sample();
    expect(await ask(on, 'runs.confusion', { run: 'run-3' })).toEqual({ classes: MATRIX.classes, counts: MATRIX.counts });
    expect(await ask(on, 'runs.confusion', { run: 'run-1' })).toBeNull();
    const out = `${matrixFile}.md`;
    await ask(on, 'report.write', { target: 'run-3', format: 'md', out });
    expect(readFileSync(out, 'utf8')).toContain('| cat | 3 | 1 |\n| dog | 0 | 4 |\n');
    writeFileSync(matrixFile, 'damaged');
    expect(await on.call('runs.confusion', { run: 'run-3' })).toMatchObject({ ok: false, error: { code: 'ARTIFACT_DAMAGED' } });
  });
});
