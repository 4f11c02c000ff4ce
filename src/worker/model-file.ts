import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { RepriseError } from '../errors/errors';
import type { TrainingManifest } from '../events/manifest';
import { sha256Bytes } from '../files/hash';
import { objectPath } from '../files/objects';
import type { ModelFile } from '../models/onnx-file';
import { readTrainable } from '../onnx/import/emit';

/** A user's ONNX file as a worker needs it. */
export interface WorkerModel extends ModelFile {
  readonly bytes: Uint8Array;
}

/**
 * Reads the ONNX file of a run's model, an object of the store that has the prepared data; null where the model is none of a file.
 * @throws RepriseError MODEL_FILE_MISSING, MODEL_FILE_MISMATCH; ONNX_…
 */
export async function readModelFile(dataFile: string, { model }: TrainingManifest): Promise<WorkerModel | null> {
  if (model === undefined) return null;
  const file = objectPath(path.resolve(dataFile, '../../..'), model.sha256);
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw new RepriseError('MODEL_FILE_MISSING', `The ONNX file of the model, ${file}, cannot be read (${error instanceof Error ? error.message : String(error)}).`, { kind: 'system', hint: 'Run the config again, which reads the file anew.', cause: error });
  }
  const sha256 = sha256Bytes(bytes);
  if (sha256 !== model.sha256) throw new RepriseError('MODEL_FILE_MISMATCH', `The ONNX file ${file} has the SHA-256 ${sha256}, but the run is about ${model.sha256}.`, { kind: 'system', hint: 'The file was changed or damaged: run the config again.' });
  return { bytes, sha256, file: readTrainable(bytes) };
}
