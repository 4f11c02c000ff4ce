import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { dataSchema } from '../../../src/config/data';
import { prepareData } from '../../../src/datasets/prepare';
import { loadPrepared } from '../../../src/datasets/prepared';
import { RowReader } from '../../../src/datasets/row-reader';

it('is not closed between the features and the labels of examples that are asked for', async () => {
  const workspace = await mkdtemp(path.join(tmpdir(), 'reprise-rows-'));
  onTestFinished(() => rm(workspace, { recursive: true, force: true }));
  const { ref } = await prepareData(dataSchema.parse({ kind: 'two-moons', samples: 50 }), { configFolder: workspace, workspace, splitSeed: 0 });
  const file = path.join(workspace, ref.file);
  const { labels } = await loadPrepared(file);
  const reader = await RowReader.open(file);
  const reading = reader.rows(Int32Array.of(7, 49));
  await reader.close();
  expect([...(await reading).labels!]).toEqual([labels![7], labels![49]]);
});
