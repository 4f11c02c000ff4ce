/** Use case: what an export would hold, before anything is written. */
import { open } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { deflateRaw } from 'node:zlib';
import type { Input, Output } from '../api/contract';
import { variantHash } from '../config/hash';
import { RUN_FILES, type CommandManifest } from '../events/manifest';
import { snapshotObjects } from '../events/snapshot';
import { objectPath } from '../files/objects';
import { readSnapshot } from '../provenance/snapshot';
import type { Store } from '../store/types';
import type { EngineContext } from './context';
import { isUnfinished, MAX_DATA_BYTES } from './export';
import { SMALL_INPUT_BYTES } from './export-commands';
import { chooseExportable } from './target';

const deflate = promisify(deflateRaw);

/** Bytes of a file that stand for all of it and of its kind. */
const SAMPLE_BYTES = 256 * 1024;
/** Config, entry in the metadata and hashes of a run, and the bundle's report, scripts and notes, packed. Bytes. */
const RUN_BYTES = 1_500;
const BUNDLE_BYTES = 20_000;

interface Measured {
  /** Bytes; 0 for a file that cannot be read. */
  readonly bytes: number;
  readonly packed: number;
}

/** Sizes of files, packed as well: the middle of one file of each kind is deflated, and tells for all of that kind. */
class Sizes {
  readonly #shares = new Map<string, number>();

  async of(kind: string, file: string): Promise<Measured> {
    const handle = await open(file, 'r').catch(() => null);
    if (handle === null) return { bytes: 0, packed: 0 };
    try {
      const { size } = await handle.stat();
      if (size === 0) return { bytes: 0, packed: 0 };
      let share = this.#shares.get(kind);
      if (share === undefined) {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(size, SAMPLE_BYTES)), 0, Math.min(size, SAMPLE_BYTES), Math.floor(Math.max(0, size - SAMPLE_BYTES) / 2));
        share = (await deflate(buffer.subarray(0, bytesRead))).length / Math.max(1, bytesRead);
        this.#shares.set(kind, share);
      }
      return { bytes: size, packed: size * share };
    } finally {
      await handle.close();
    }
  }
}

/** Packed share of an input, of which nothing is read for an estimate. */
const INPUT_SHARE = 0.5;

/** Outputs, code and inputs of a command run. */
async function measureCommand(store: Store, { runId, inputs, provenance }: CommandManifest, includeData: boolean | undefined, sizes: Sizes, objects: Map<string, Measured>, data: Map<string, Measured>): Promise<void> {
  for (const { path, sha256, bytes } of store.files(runId)) {
    if (!objects.has(sha256) && bytes <= MAX_DATA_BYTES) objects.set(sha256, await sizes.of(extname(path), store.objectPath(sha256)));
  }
  const snapshot = provenance.code?.snapshot;
  if (snapshot !== undefined && !objects.has(snapshot)) {
    objects.set(snapshot, await sizes.of('code list', store.objectPath(snapshot)));
    for (const sha256 of snapshotObjects(await readSnapshot(store.workspace, snapshot))) if (!objects.has(sha256)) objects.set(sha256, await sizes.of('code', store.objectPath(sha256)));
  }
  const most = includeData === undefined ? SMALL_INPUT_BYTES : MAX_DATA_BYTES;
  for (const { fingerprint, bytes } of inputs) if (includeData !== false && fingerprint !== null && bytes <= most) data.set(fingerprint, { bytes, packed: bytes * INPUT_SHARE });
}

/**
 * Runs, bytes and re-runs of an export. `bytes` estimates the size of the file, data included where they go in;
 * `dataBytes` is the unpacked size of those data. `leftOut` are runs not at their end: they hold an export up.
 * @throws RepriseError TARGET_NOT_FOUND, RUN_LOGGED
 */
export async function estimateBundle({ store, workspace }: EngineContext, input: Input<'bundle.estimate'>): Promise<Output<'bundle.estimate'>> {
  const { runs } = chooseExportable(store, input.target).target;
  const ended = runs.filter((run) => !isUnfinished(run));
  const sizes = new Sizes();
  /** Equal files are stored once. */
  const objects = new Map<string, Measured>();
  const data = new Map<string, Measured>();
  const variants = new Set<string>();
  let packed = BUNDLE_BYTES;
  for (const run of ended) {
    const manifest = store.manifest(run.runId);
    if (manifest.kind === 'logged') continue;
    for (const file of [RUN_FILES.events, RUN_FILES.manifest]) packed += (await sizes.of(file, join(store.runFolder(run.runId), file))).packed;
    packed += RUN_BYTES;
    // A command is executed again only when that is asked for.
    if (run.status === 'finished' && (manifest.kind !== 'command' || input.calibrate === true)) variants.add(variantHash(manifest.config));
    if (manifest.kind === 'command') {
      await measureCommand(store, manifest, input.includeData, sizes, objects, data);
      continue;
    }
    const { fingerprint } = manifest.data;
    for (const { name, sha256 } of store.artifacts(run.runId)) {
      if (!objects.has(sha256)) objects.set(sha256, await sizes.of(name, store.objectPath(sha256)));
    }
    if (input.includeData !== false && !data.has(fingerprint)) data.set(fingerprint, await sizes.of(fingerprint, objectPath(workspace, fingerprint)));
  }
  const included = [...data.values()].filter(({ bytes }) => bytes <= MAX_DATA_BYTES);
  for (const object of [...objects.values(), ...included]) packed += object.packed;
  return {
    runs: ended.length,
    bytes: Math.round(packed),
    dataBytes: included.reduce((sum, { bytes }) => sum + bytes, 0),
    leftOut: runs.length - ended.length,
    calibrationRuns: input.calibrate === false ? 0 : variants.size,
  };
}
