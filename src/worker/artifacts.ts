/** The files a run leaves behind. Same run, same bytes. */
import path from 'node:path';
import REPLAY from '../../resources/replay.py?raw';
import type { Config } from '../config/schema';
import { ARTIFACT_FILES, RUN_FILES } from '../events/manifest';
import type { ArtifactName, ArtifactRecord } from '../events/records';
import { atomicWrite } from '../files/atomic-write';
import { sha256Bytes } from '../files/hash';
import { stepScalars } from '../models/scalars';
import type { TrainingGraph } from '../models/types';
import { encodeSafetensors } from '../tensors/safetensors';
import type { StepPlan } from './plan';

/** Writes an artifact into the run folder; its record is to be logged after. */
export async function writeArtifact(runFolder: string, name: ArtifactName, bytes: Uint8Array): Promise<ArtifactRecord> {
  const file = ARTIFACT_FILES[name];
  await atomicWrite(path.join(runFolder, file), bytes);
  return { type: 'artifact', name, file, sha256: sha256Bytes(bytes), bytes: bytes.byteLength };
}

/**
 * What a replay outside Reprise needs beside graph, data and initial weights: `scalars` [steps, S], their columns named
 * in the metadata; `trainRows` [n], the examples of the prepared data that train, in the order in which batches number
 * them; and in the metadata the masks with the probability that a value is dropped.
 */
export function encodeScalars({ training }: Config, { totalSteps }: StepPlan, { scalarNames, masks }: TrainingGraph, trainRows: Int32Array): Uint8Array {
  return encodeSafetensors(
    [
      { name: 'scalars', type: 'float32', shape: [totalSteps, scalarNames.length], data: stepScalars(training, scalarNames, 0, totalSteps, totalSteps) },
      { name: 'trainRows', type: 'int32', shape: [trainRows.length], data: trainRows },
    ],
    {
      format: 'reprise-scalars-1',
      scalarNames: JSON.stringify(scalarNames),
      masks: JSON.stringify(Object.fromEntries(masks.map(({ name, dropProbability }) => [name, dropProbability]))),
    },
  );
}

/** Puts the program beside a run that trains it again outside Reprise. */
export async function writeReplay(runFolder: string): Promise<void> {
  await atomicWrite(path.join(runFolder, RUN_FILES.replay), new TextEncoder().encode(REPLAY));
}
