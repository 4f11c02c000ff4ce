/** The files a run leaves behind. Same run, same bytes. */
import path from 'node:path';
import type { Config } from '../config/schema';
import { ARTIFACT_FILES } from '../events/manifest';
import type { ArtifactName, ArtifactRecord } from '../events/records';
import { atomicWrite } from '../files/atomic-write';
import { sha256Bytes } from '../files/hash';
import { stepScalars } from '../models/scalars';
import { encodeSafetensors, type NamedTensor } from '../tensors/safetensors';
import { BatchOrder } from './batches';
import type { StepPlan } from './plan';

/** Writes an artifact into the run folder; its record is to be logged after. */
export async function writeArtifact(runFolder: string, name: ArtifactName, bytes: Uint8Array): Promise<ArtifactRecord> {
  const file = ARTIFACT_FILES[name];
  await atomicWrite(path.join(runFolder, file), bytes);
  return { type: 'artifact', name, file, sha256: sha256Bytes(bytes), bytes: bytes.byteLength };
}

/** Row numbers of longer runs are left out (256 MB): the order seed gives them again. */
const MAX_STORED_ROWS = 64 * 1024 * 1024;

/**
 * What a replay outside Reprise needs beside the graph and the data: `scalars` [steps, S] (columns named
 * in the metadata), `batches` [steps, batch] (rows of the graph's `features`), `batchSizes` [steps] (real
 * rows of each batch; the rest weighs 0), and `trainRows` [n]: the rows of the prepared data that are the
 * graph's `features`, in order.
 */
export function encodeScalars(config: Config, plan: StepPlan, scalarNames: readonly string[], trainRows: Int32Array, orderSeed: number): Uint8Array {
  const { totalSteps } = plan;
  const { batchSize } = config.training;
  const tensors: NamedTensor[] = [
    { name: 'scalars', type: 'float32', shape: [totalSteps, scalarNames.length], data: stepScalars(config.training, scalarNames, 0, totalSteps, totalSteps) },
    { name: 'trainRows', type: 'int32', shape: [trainRows.length], data: trainRows },
  ];
  const stored = totalSteps * batchSize <= MAX_STORED_ROWS;
  if (stored) {
    const order = new BatchOrder(trainRows.length, batchSize, orderSeed);
    const batches = new Int32Array(totalSteps * batchSize);
    for (let step = 0; step < totalSteps; step++) order.fill(step, batches.subarray(step * batchSize, (step + 1) * batchSize));
    const sizes = Int32Array.from({ length: totalSteps }, (_, step) => order.sizeOf(step));
    tensors.push({ name: 'batches', type: 'int32', shape: [totalSteps, batchSize], data: batches });
    tensors.push({ name: 'batchSizes', type: 'int32', shape: [totalSteps], data: sizes });
  }
  return encodeSafetensors(tensors, {
    format: 'reprise-scalars-1',
    scalarNames: JSON.stringify(scalarNames),
    batches: stored ? 'stored' : `left out for their size; order seed ${orderSeed}`,
  });
}
