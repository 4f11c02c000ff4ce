/** The files that rows are made from: manifests (`run.json`) and studies, read with their shape checked. Experiments: see `experiment-files`. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { placeOf } from '../config/facts';
import { hashJson, variantConfig, variantHash } from '../config/hash';
import { RepriseError } from '../errors/errors';
import { kindOf, RUN_FILES, type CommandManifest, type LoggedSystem, type RunManifest, type TrainingManifest } from '../events/manifest';
import { sha256Bytes } from '../files/hash';
import { isId, studyFileOf, WORKSPACE_FILES } from './layout';
import type { NewRun } from './tables/all';
import type { ObjectOfManifest } from './tables/files';
import type { RunIdentity } from './tables/run-row';
import type { StudyRow } from './types';

const RESTORE_RUN = 'Restore the run folder from a backup; `reprise workspace rebuild` would leave the run out.';
const RESTORE_STUDY = 'Restore the file from a backup; `reprise workspace rebuild` would leave the study out.';

export interface ManifestFile {
  readonly manifest: RunManifest;
  /** SHA-256 of the file, hex. */
  readonly sha256: string;
}

/** Reads and checks the manifest of a run folder. @throws RepriseError MANIFEST_MISSING, MANIFEST_INVALID */
export async function readManifestFile(folder: string, runId: string): Promise<ManifestFile> {
  const file = join(folder, RUN_FILES.manifest);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new RepriseError('MANIFEST_MISSING', `The manifest ${file} cannot be read.`, { kind: 'system', hint: RESTORE_RUN, cause: error });
  }
  return parseManifest(file, text, runId);
}

/** @throws RepriseError MANIFEST_INVALID */
async function parseManifest(file: string, text: string, runId: string): Promise<ManifestFile> {
  const { manifestProblem } = await import('./document-shapes');
  const value = parseJson(text);
  const problem = value === undefined ? 'it is not JSON' : (manifestProblem(value) ?? ((value as RunManifest).runId === runId ? null : 'runId: is not the name of its folder'));
  if (problem !== null) {
    throw new RepriseError('MANIFEST_INVALID', `The manifest ${file} is damaged: ${problem}.`, { kind: 'system', hint: RESTORE_RUN });
  }
  return { manifest: value as RunManifest, sha256: sha256Bytes(text) };
}

/** The text of a manifest as it is written. */
export function manifestText(manifest: RunManifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** All that a new row needs. */
export function newRunFrom({ manifest, sha256 }: ManifestFile): NewRun {
  return {
    identity: { ...identityFrom(manifest), manifestSha256: sha256 },
    config: manifest.kind === 'logged' ? null : variantConfig(manifest.config),
    refs: objectsOf(manifest),
  };
}

/** The columns of a run's row that its manifest decides. */
function identityFrom(manifest: RunManifest): Omit<RunIdentity, 'manifestSha256'> {
  const { runId, experiment, createdAt } = manifest;
  if (manifest.kind === 'logged') {
    const { system, id: sourceId } = manifest.source;
    return {
      runId, kind: 'logged', experiment, createdAt,
      source: sourceId === null ? null : sourceKey(system, sourceId),
      author: manifest.user,
      reproductionId: runId,
      studyId: null, variant: null, seed: null, configHash: null, computeHash: null, calibration: false, variantHash: null, groupHash: null, trainingGraphHash: null, threads: null, place: 'local',
    };
  }
  const hash = variantHash(manifest.config);
  return {
    runId, kind: kindOf(manifest), experiment, createdAt,
    source: null,
    author: manifest.config.author,
    reproductionId: manifest.reproductionId,
    studyId: manifest.variant?.studyId ?? null,
    variant: manifest.variant?.variant ?? null,
    seed: manifest.config.seed,
    configHash: manifest.configHash,
    computeHash: manifest.computeHash,
    calibration: manifest.kind !== 'command' && manifest.perturbInit === true,
    variantHash: hash,
    groupHash: groupHashOf(hash, manifest),
    trainingGraphHash: manifest.kind === 'command' ? null : manifest.trainingGraphHash,
    threads: manifest.config.executor.threads,
    place: placeOf(manifest.config.executor),
  };
}

/** A file or code that changed between two runs of one config makes two groups of it. */
function groupHashOf(hash: string, manifest: TrainingManifest | CommandManifest): string {
  if (manifest.kind !== 'command') return hashJson([hash, manifest.data.fingerprint, manifest.trainingGraphHash, ...(manifest.model === undefined ? [] : [manifest.model.sha256])]);
  return hashJson([hash, manifest.inputs.map(({ path, fingerprint }) => [path, fingerprint]), manifest.provenance.code?.snapshot ?? null]);
}

/** How the place that a logged run comes from stands in its row. */
export function sourceKey(system: LoggedSystem, sourceId: string): string {
  return `${system}:${sourceId}`;
}

/** The objects of the workspace that a manifest names. What a snapshot of code lists is not among them. */
function objectsOf(manifest: RunManifest): ObjectOfManifest[] {
  if (manifest.kind === 'logged') return [];
  const { git, code } = manifest.provenance;
  const files = [
    ...(manifest.kind === 'command' ? [] : [manifest.data.fingerprint, ...(manifest.model === undefined ? [] : [manifest.model.sha256])]),
    ...(git?.patchObject === undefined || git.patchObject === null ? [] : [git.patchObject.sha256]),
    ...(git?.untracked ?? []).filter((file) => file.stored === true).map((file) => file.sha256),
  ];
  const codes = code === undefined || code === null ? [] : [{ sha256: code.snapshot, isCode: true }];
  return [...codes, ...[...new Set(files)].map((sha256) => ({ sha256, isCode: false }))];
}

/** Reads and checks a study's file. @throws RepriseError STUDY_FILE_INVALID */
export async function readStudyFile(workspace: string, studyId: string): Promise<{ readonly study: StudyRow; readonly document: string }> {
  const file = studyFileOf(workspace, studyId);
  let document = '';
  try {
    document = await readFile(file, 'utf8');
  } catch (error) {
    throw new RepriseError('STUDY_FILE_INVALID', `The study ${file} cannot be read.`, { kind: 'system', hint: RESTORE_STUDY, cause: error });
  }
  const value = parseJson(document);
  const { studyProblem } = await import('./document-shapes');
  const problem = value === undefined ? 'it is not JSON' : (studyProblem(value) ?? ((value as StudyRow).studyId === studyId ? null : 'studyId: is not the name of its file'));
  if (problem !== null) throw new RepriseError('STUDY_FILE_INVALID', `The study ${file} is damaged: ${problem}.`, { kind: 'system', hint: RESTORE_STUDY });
  return { study: value as StudyRow, document };
}

/** Ids of the run folders, sorted. Folders whose name is no id (half-made ones among them) are not runs. */
export async function runIdsOnDisk(workspace: string): Promise<string[]> {
  const entries = await entriesOf(join(workspace, WORKSPACE_FILES.runs));
  return entries.filter((entry) => entry.isDirectory() && isId(entry.name)).map((entry) => entry.name).sort();
}

/** Ids of the studies on disk, sorted. */
export async function studyIdsOnDisk(workspace: string): Promise<string[]> {
  const entries = await entriesOf(join(workspace, WORKSPACE_FILES.studies));
  return entries.filter((entry) => entry.isFile() && entry.name.endsWith('.json') && isId(entry.name)).map((entry) => entry.name.slice(0, -'.json'.length)).sort();
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
