/** What of command runs goes into a bundle: their records, files, code and inputs. */
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { calibrateCommand, type CommandTolerance } from '../bundle/command-tolerance';
import type { BundleCodeInput, BundleInputInput, CommandRunInput, KeptFile } from '../bundle/model';
import { hashJson, variantHash } from '../config/hash';
import { ATTEMPT_FILES, attemptFolder } from '../events/command-files';
import { RUN_FILES, type CommandManifest, type InputRef, type VariantRef } from '../events/manifest';
import { snapshotObjects } from '../events/snapshot';
import { filesBelow } from '../files/files-below';
import { sha256File } from '../files/hash';
import { fingerprintInput } from '../provenance/fingerprint';
import { withInlineCode } from '../provenance/inline';
import { secretsIn } from '../provenance/secrets';
import { readSnapshot } from '../provenance/snapshot';
import type { RunRow, Store } from '../store/types';
import { commandTraceOf, executeApart, type ApartRun } from './apart';
import { inputPath, readOrigin } from './commands-copy';
import type { EngineContext } from './context';
import { newId } from './identity';
import type { TaskHandle } from './tasks';

/** Inputs up to this size go in by themselves, larger ones where they are asked for. Bytes. */
export const SMALL_INPUT_BYTES = 64 * 2 ** 20;
/** Output files that are looked through for secrets. Bytes. */
const SCANNED_BYTES = 8 * 2 ** 20;

export function commandManifestOfRun(store: Store, runId: string): CommandManifest | null {
  const manifest = store.manifest(runId);
  return manifest.kind === 'command' ? manifest : null;
}

/** Whether a text file shows a secret: then only its hash leaves this machine. */
async function showsSecret(file: string, bytes: number): Promise<boolean> {
  if (bytes > SCANNED_BYTES) return false;
  const content = await readFile(file);
  return !content.includes(0) && secretsIn(content.toString('utf8')).length > 0;
}

async function keptFiles(store: Store, runId: string, mostBytes: number): Promise<CommandRunInput['files']> {
  return Promise.all(
    store.files(runId).map(async ({ path, sha256, bytes }) => {
      const file = store.objectPath(sha256);
      const left = bytes > mostBytes || (await showsSecret(file, bytes));
      return { path, sha256, bytes, file: left ? null : file };
    }),
  );
}

function outputsOf(store: Store, runId: string): string[] {
  const files: string[] = [];
  for (let attempt = 1; existsSync(attemptFolder(store.runFolder(runId), attempt)); attempt += 1) {
    const file = join(attemptFolder(store.runFolder(runId), attempt), ATTEMPT_FILES.output);
    if (existsSync(file)) files.push(file);
  }
  return files;
}

export async function commandInput(store: Store, run: RunRow, variant: VariantRef | null, tolerance: CommandTolerance, mostBytes: number): Promise<CommandRunInput> {
  const manifest = store.manifest(run.runId) as CommandManifest;
  return {
    kind: 'command',
    // A run that another study made goes by the name it has in this one; the patch lies in the workspace, which stays here.
    manifest: { ...manifest, ...(variant === null ? {} : { variant }), provenance: await withInlineCode(store.workspace, manifest.provenance) },
    status: run.status,
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    files: await keptFiles(store, run.runId, mostBytes),
    eventLog: join(store.runFolder(run.runId), RUN_FILES.events),
    output: outputsOf(store, run.runId),
    tolerance,
  };
}

/** The code states of the runs, each once. @throws RepriseError OBJECT_MISSING */
export async function codeInputs(store: Store, manifests: readonly CommandManifest[]): Promise<BundleCodeInput[]> {
  const snapshots = new Set(manifests.flatMap(({ provenance }) => provenance.code?.snapshot ?? []));
  return Promise.all(
    [...snapshots].map(async (snapshot) => ({
      snapshot,
      list: store.objectPath(snapshot),
      objects: snapshotObjects(await readSnapshot(store.workspace, snapshot)).map((sha256) => ({ sha256, file: store.objectPath(sha256) })),
    })),
  );
}

/** Files of an input as it was for the run; null where it is gone, was changed since, or is too large. */
async function membersOf(store: Store, manifest: CommandManifest, ref: InputRef, mostBytes: number): Promise<BundleInputInput['members']> {
  const place = inputPath(await readOrigin(store.runFolder(manifest.runId)), ref.path);
  if (place === null || ref.fingerprint === null || ref.bytes > mostBytes) return null;
  const now = await fingerprintInput(place, { cacheFolder: join(store.workspace, 'cache') });
  if (now.fingerprint !== ref.fingerprint) return null;
  if (!(await stat(place)).isDirectory()) return [{ path: '', sha256: ref.fingerprint, bytes: ref.bytes, file: place }];
  const members: (KeptFile & { readonly file: string })[] = [];
  for (const { name, file, info } of await filesBelow(place)) members.push({ path: name, sha256: await sha256File(file), bytes: Number(info.size), file });
  return members;
}

/** The inputs of the runs, each once. */
export async function inputInputs(store: Store, manifests: readonly CommandManifest[], mostBytes: number): Promise<BundleInputInput[]> {
  const found = new Map<string, BundleInputInput>();
  for (const manifest of manifests) {
    for (const ref of manifest.inputs) {
      const key = hashJson([ref.path, ref.fingerprint]);
      if (!found.has(key)) found.set(key, { ref, members: await membersOf(store, manifest, ref, mostBytes) });
    }
  }
  return [...found.values()];
}

/**
 * One measured tolerance a variant: its first finished run is executed again with the same seed, in the code state and on
 * the inputs of the record, where it was carried out.
 * @returns by variant hash
 */
export async function measureCommands(context: EngineContext, runs: readonly RunRow[], handle: TaskHandle): Promise<Map<string, CommandTolerance>> {
  const { store } = context;
  const first = new Map<string, CommandManifest>();
  for (const run of runs) {
    const manifest = commandManifestOfRun(store, run.runId);
    if (manifest !== null && run.status === 'finished' && !first.has(variantHash(manifest.config))) first.set(variantHash(manifest.config), manifest);
  }
  const again = await Promise.all(
    [...first.values()].map(async (manifest): Promise<ApartRun> => {
      const [code] = await codeInputs(store, [manifest]);
      const objects = code === undefined ? [] : [code.list, ...code.objects.map(({ file }) => file)];
      return { manifest: { ...manifest, runId: newId(), createdAt: Date.now() }, objects, origin: await readOrigin(store.runFolder(manifest.runId)) };
    }),
  );
  if (again.length === 0) return new Map();
  handle.report(0, null, `Executing ${again.length} command${again.length === 1 ? '' : 's'} again with the same seed…`);
  const { commands } = await executeApart({ root: context.workspace, spawn: context.spawn, cores: context.budget, machines: context.workspace, runs: again, signal: handle.signal });
  const tolerances = new Map<string, CommandTolerance>();
  for (const [index, [key, original]] of [...first].entries()) {
    const trace = commands.get(again[index]?.manifest.runId ?? '');
    if (trace !== undefined) tolerances.set(key, calibrateCommand(commandTraceOf(store, original.runId), trace));
  }
  return tolerances;
}
