/** Checkpoints: all a run needs to go on with the bits of an uninterrupted one. */
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import type { CheckpointRecord } from '../events/records';
import { atomicWrite } from '../files/atomic-write';
import { sha256Bytes } from '../files/hash';
import type { TensorSpec } from '../models/types';
import { decodeSafetensors, encodeSafetensors, type NamedTensor } from '../tensors/safetensors';

/** Progress that is not in the tensors. */
export interface CheckpointState {
  /** Number of steps done. */
  readonly step: number;
  /** Head of the hash chain; empty before the first link. */
  readonly chain: string;
  /** Checkpoint with the best validation value so far, or null. */
  readonly best: { readonly step: number; readonly value: number } | null;
  /** Training loss of the last step, and the smallest of any. */
  readonly finalLoss: number;
  readonly bestLoss: number;
}

export interface Checkpoint extends CheckpointState {
  /** Parameters and optimizer state, in the graph's order. */
  readonly tensors: readonly NamedTensor[];
}

const FORMAT = 'reprise-checkpoint-1';
const FILE_NAME = /^checkpoint-\d+\.safetensors$/;

export function checkpointFile(step: number): string {
  return `checkpoint-${String(step).padStart(9, '0')}.safetensors`;
}

export function encodeCheckpoint(checkpoint: Checkpoint, computeHash: string): Uint8Array {
  return encodeSafetensors(checkpoint.tensors, {
    format: FORMAT,
    computeHash,
    step: String(checkpoint.step),
    chain: checkpoint.chain,
    best: checkpoint.best === null ? '' : `${checkpoint.best.step} ${checkpoint.best.value}`,
    finalLoss: String(checkpoint.finalLoss),
    bestLoss: String(checkpoint.bestLoss),
  });
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, index) => size === b[index]);
}

/**
 * Decodes a checkpoint of this very computation, or null where the bytes are none.
 * @param specs parameters and optimizer state, in the graph's order
 */
export function decodeCheckpoint(bytes: Uint8Array, specs: readonly TensorSpec[], computeHash: string): Checkpoint | null {
  let decoded: ReturnType<typeof decodeSafetensors>;
  try {
    decoded = decodeSafetensors(bytes);
  } catch {
    return null;
  }
  const { metadata } = decoded;
  if (metadata['format'] !== FORMAT || metadata['computeHash'] !== computeHash) return null;
  const byName = new Map(decoded.tensors.map((tensor) => [tensor.name, tensor]));
  const tensors: NamedTensor[] = [];
  for (const spec of specs) {
    const tensor = byName.get(spec.name);
    if (tensor === undefined || tensor.type !== spec.type || !sameShape(tensor.shape, spec.shape)) return null;
    tensors.push(tensor);
  }
  const best = /^(\d+) (\S+)$/.exec(metadata['best'] ?? '');
  return {
    step: Number(metadata['step']),
    chain: metadata['chain'] ?? '',
    best: best === null ? null : { step: Number(best[1]), value: Number(best[2]) },
    finalLoss: Number(metadata['finalLoss']),
    bestLoss: Number(metadata['bestLoss']),
    tensors,
  };
}

/** Writes a checkpoint file into a run folder; its record is to be logged after. */
export async function writeCheckpoint(runFolder: string, checkpoint: Checkpoint, computeHash: string): Promise<CheckpointRecord> {
  const bytes = encodeCheckpoint(checkpoint, computeHash);
  const file = checkpointFile(checkpoint.step);
  await atomicWrite(path.join(runFolder, file), bytes);
  return { type: 'checkpoint', step: checkpoint.step, file, sha256: sha256Bytes(bytes) };
}

/** Reads the checkpoint a record announced, or null where it is gone, damaged or of something else. */
export async function readCheckpoint(
  runFolder: string,
  record: CheckpointRecord,
  specs: readonly TensorSpec[],
  computeHash: string,
): Promise<Checkpoint | null> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path.join(runFolder, path.basename(record.file)));
  } catch {
    return null;
  }
  if (sha256Bytes(bytes) !== record.sha256) return null;
  const checkpoint = decodeCheckpoint(bytes, specs, computeHash);
  return checkpoint !== null && checkpoint.step === record.step ? checkpoint : null;
}

/** Deletes what a killed worker left half written. Only for the owner of the run's event log. */
export async function removeTornFiles(runFolder: string): Promise<void> {
  for (const name of await readdir(runFolder)) {
    if (name.startsWith('.') && name.endsWith('.tmp')) await rm(path.join(runFolder, name), { force: true });
  }
}

/** Deletes the checkpoint files of a run folder but those of `keep`. */
export async function pruneCheckpoints(runFolder: string, keep: readonly number[]): Promise<void> {
  const kept = new Set(keep.map(checkpointFile));
  for (const name of await readdir(runFolder)) {
    if (FILE_NAME.test(name) && !kept.has(name)) await rm(path.join(runFolder, name), { force: true });
  }
}

/**
 * The newest checkpoint a run can go on from, or null for its beginning. One whose best checkpoint is
 * needed later and cannot be read is passed over too.
 */
export async function newestCheckpoint(
  runFolder: string,
  records: readonly CheckpointRecord[],
  specs: readonly TensorSpec[],
  options: { readonly computeHash: string; readonly needsBest: boolean },
): Promise<{ checkpoint: Checkpoint | null; passedOver: number }> {
  const read = (record: CheckpointRecord): Promise<Checkpoint | null> => readCheckpoint(runFolder, record, specs, options.computeHash);
  let passedOver = 0;
  for (const record of [...records].reverse()) {
    const checkpoint = await read(record);
    if (checkpoint !== null) {
      const bestStep = options.needsBest ? checkpoint.best?.step : undefined;
      if (bestStep === undefined || bestStep === checkpoint.step) return { checkpoint, passedOver };
      const best = records.find((other) => other.step === bestStep);
      if (best !== undefined && (await read(best)) !== null) return { checkpoint, passedOver };
    }
    passedOver++;
  }
  return { checkpoint: null, passedOver };
}
