/**
 * The numbers that Reprise's own training code gives, pinned. Where one of these changes on purpose, raise `TRAINER`
 * in src/config/trainer.ts with it: results of two trainers must never stand in for one another.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseTrainingConfig } from '../../../src/config/parse';
import { TRAINER } from '../../../src/config/trainer';
import { splitIndices } from '../../../src/datasets/split';
import { initialWeights } from '../../../src/models/initialize';
import { stepScalars } from '../../../src/models/scalars';
import { fillMask, permutation } from '../../../src/random/streams';
import { tensorsHash } from '../../../src/tensors/safetensors';
import { trainingGraphFor } from '../../../src/worker/training-graph';

const config = parseTrainingConfig({
  model: { kind: 'cnn', channels: [2], hidden: [8], dropout: 0.25 },
  training: { learningRate: 0.01, batchSize: 16, epochs: 2, optimizer: { kind: 'adamw' }, schedule: { kind: 'cosine', warmupSteps: 5 } },
  data: { kind: 'mnist' },
  seed: 7,
});
const shape = { input: { kind: 'image', rows: 8, columns: 8, channels: 1, type: 'uint8' }, target: { kind: 'class', classes: 3 }, trainSize: 100 } as const;

const sha256 = (bytes: ArrayBufferView): string => createHash('sha256').update(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)).digest('hex').slice(0, 16);

describe(`trainer ${TRAINER}`, () => {
  it('gives the numbers it gave', () => {
    const graph = trainingGraphFor(config, shape);
    const mask = new Uint8Array(1000);
    fillMask(mask, 7, 'dropout.0', 3, 0.25);
    const { train, validation, test } = splitIndices(100, { validation: 0.1, test: 0.2 }, 0);
    expect({
      graph: graph.sha256.slice(0, 16),
      weights: tensorsHash(initialWeights(graph.parameters, 7)).slice(0, 16),
      scalars: sha256(stepScalars(config.training, graph.scalarNames, 0, 14, 14)),
      order: sha256(permutation(7, 'order', 'batches', 0, 1000)),
      mask: sha256(mask),
      split: [train, validation, test].map((part) => sha256(part)),
    }).toEqual({
      graph: 'eeadd7c924fed2cc',
      weights: '32fcacd020ac1303',
      scalars: 'b414205403be1258',
      order: 'f6d3646071a25c11',
      mask: 'f77f7e141a8b6bb5',
      split: ['cfc92e99ba6b11a6', '2b52883570056bc0', '23140b305db34f67'],
    });
  });
});
