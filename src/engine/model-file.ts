/** A user's own ONNX file: read, checked, and kept as an object of the workspace. */
import type { BigIntStats } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ModelConfig } from '../config/schema';
import { RepriseError } from '../errors/errors';
import type { ModelRef } from '../events/manifest';
import { sha256Bytes } from '../files/hash';
import { putObject } from '../files/objects';
import type { ModelFile } from '../models/onnx-file';
import { decodeModel } from '../onnx/codec';
import { externalFiles, withDataInside } from '../onnx/external-data';
import { withoutNotes } from '../onnx/notes';
import { readTrainable } from '../onnx/import/emit';
import { refusal } from '../onnx/import/file';

/** Largest file that is read, bytes; protobuf itself ends at 2 GB. */
export const MAX_MODEL_BYTES = 1_000_000_000;

/** A file as it is used: with all its data inside, and nothing but what it computes. */
export interface PreparedModel extends ModelFile {
  readonly ref: ModelRef;
}

async function ordinaryFile(place: string, named: string): Promise<BigIntStats> {
  let found: BigIntStats;
  try {
    found = await stat(place, { bigint: true });
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw refusal({
      code: missing ? 'ONNX_NOT_FOUND' : 'ONNX_FILE_UNREADABLE',
      message: missing ? `There is no ONNX file ${named} (model.path): looked for ${place}.` : `The ONNX file ${named} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
      hint: missing ? 'A path in model.path counts from the config’s folder.' : 'Look at who may read it.',
    });
  }
  // A device or a pipe may never come to an end.
  if (!found.isFile()) throw refusal({ code: 'ONNX_NOT_A_FILE', message: `${named} (model.path) is no ordinary file.`, hint: 'Name an ONNX file.' });
  return found;
}

async function read(place: string, named: string): Promise<Uint8Array> {
  const { size } = await ordinaryFile(place, named);
  if (size > MAX_MODEL_BYTES) throw refusal({ code: 'ONNX_TOO_LARGE', message: `The ONNX file ${named} has ${size} bytes; at most ${MAX_MODEL_BYTES} (1 GB) are read.`, hint: 'Train a smaller model.' });
  return readFile(place).catch((error: unknown) => {
    throw refusal({ code: 'ONNX_FILE_UNREADABLE', message: `The ONNX file ${named} cannot be read: ${error instanceof Error ? error.message : String(error)}.`, hint: 'Look at who may read it.' });
  });
}

function tooLarge(named: string, bytes: number): RepriseError {
  return refusal({ code: 'ONNX_TOO_LARGE', message: `The ONNX file ${named} has ${bytes} bytes with the data beside it; at most ${MAX_MODEL_BYTES} (1 GB) are read.`, hint: 'Train a smaller model.' });
}

/** A file as it is kept: with the data of the files beside it that it names, and without notes. */
async function asKept(bytes: Uint8Array, place: string, named: string): Promise<Uint8Array> {
  const model = withoutNotes(decodeModel(bytes, `The file ${named}`));
  const names = externalFiles(model);
  const beside = new Map<string, Uint8Array>();
  let total = bytes.length;
  for (const name of names) {
    // A model may not make a reader open files elsewhere.
    if (name === '' || name !== path.basename(name)) {
      throw refusal({ code: 'ONNX_EXTERNAL_DATA', message: `The ONNX file ${named} keeps tensors in ${JSON.stringify(name)}, which does not lie beside it.`, hint: 'Save the model with its data inside, e.g. torch.onnx.export(…, external_data=False).' });
    }
    try {
      beside.set(name, await read(path.join(path.dirname(place), name), name));
    } catch (error) {
      if (!(error instanceof RepriseError) || error.code !== 'ONNX_NOT_FOUND') throw error;
      throw refusal({ code: 'ONNX_EXTERNAL_DATA', message: `The ONNX file ${named} keeps tensors in ${name}, which is not beside it.`, hint: 'Put the two files into one folder, or export with the data inside (external_data=False).' });
    }
    total += beside.get(name)?.length ?? 0;
    if (total > MAX_MODEL_BYTES) throw tooLarge(named, total);
  }
  return withDataInside(model, beside, MAX_MODEL_BYTES);
}

/**
 * Reads the file of a config's model; null where the model is none of a file.
 * @param folder what the path in the config is relative to
 * @param workspace where the file is kept
 * @throws RepriseError ONNX_…, see `readOnnxFile`; ONNX_NOT_FOUND, ONNX_NOT_A_FILE, ONNX_FILE_UNREADABLE, ONNX_TOO_LARGE
 */
export async function prepareModel(model: ModelConfig, folder: string, workspace: string): Promise<PreparedModel | null> {
  if (model.kind !== 'onnx') return null;
  const place = path.resolve(folder, model.path);
  const source = await read(place, model.path);
  const bytes = await asKept(source, place, model.path);
  // Refused before anything is kept.
  const file = readTrainable(bytes);
  await putObject(workspace, bytes);
  return modelOf(bytes, file, sha256Bytes(source));
}

/** The same for a file that holds all its data, such as one of a bundle; nothing is kept. @throws RepriseError ONNX_… */
export async function loadModel(file: string, { sourceSha256 }: Pick<ModelRef, 'sourceSha256'>): Promise<PreparedModel> {
  const bytes = await read(file, path.basename(file));
  return modelOf(bytes, readTrainable(bytes), sourceSha256);
}

function modelOf(bytes: Uint8Array, file: ModelFile['file'], sourceSha256: string): PreparedModel {
  const sha256 = sha256Bytes(bytes);
  return { ref: { sha256, sourceSha256, bytes: bytes.length }, sha256, file };
}
