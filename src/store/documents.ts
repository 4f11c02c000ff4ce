/** The files that rows are made from: manifests (`run.json`) and studies, read with their shape checked. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { hashJson, variantConfig, variantHash } from '../config/hash';
import { configSchema } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { RUN_FILES, type TrainingManifest } from '../events/manifest';
import { sha256Bytes } from '../files/hash';
import { isId, runFolderOf, studyFileOf, WORKSPACE_FILES } from './layout';
import type { NewRun } from './tables/all';
import type { RunIdentity } from './tables/runs';
import type { StudyRow } from './types';

const RESTORE_RUN = 'Restore the run folder from a backup; `reprise workspace rebuild` would leave the run out.';
const RESTORE_STUDY = 'Restore the file from a backup; `reprise workspace rebuild` would leave the study out.';

const hex = z.string().regex(/^[0-9a-f]{64}$/);
const time = z.int().min(0);

/** What the store needs of a manifest; the rest passes as it is. */
const manifestShape = z.looseObject({
  format: z.literal(1),
  runId: z.string().refine(isId, { error: 'is not an id' }),
  reproductionId: z.string().min(1),
  experiment: z.string().min(1),
  variant: z.looseObject({ studyId: z.string().min(1), variant: z.string().min(1) }).nullable(),
  config: configSchema,
  configHash: z.string().min(1),
  computeHash: z.string().min(1),
  data: z.looseObject({ fingerprint: hex, file: z.string().min(1) }),
  trainingGraphHash: z.string().min(1),
  createdAt: time,
  perturbInit: z.boolean().optional(),
});

const studyShape = z.looseObject({
  studyId: z.string().refine(isId, { error: 'is not an id' }),
  experiment: z.string().min(1),
  createdAt: time,
  source: z.string(),
  variants: z.array(
    z.looseObject({
      name: z.string(),
      changes: z.array(z.looseObject({ path: z.string() })),
      variantHash: z.string(),
      runIds: z.array(z.string().nullable()),
    }),
  ),
  seeds: z.array(z.number()),
});

/** The first way in which a manifest is not one, or null. */
export function manifestProblem(value: unknown): string | null {
  const parsed = manifestShape.safeParse(value);
  return parsed.success ? null : firstIssue(parsed.error);
}

/** The first way in which a study is not one, or null. */
export function studyProblem(value: unknown): string | null {
  const parsed = studyShape.safeParse(value);
  return parsed.success ? null : firstIssue(parsed.error);
}

export interface ManifestFile {
  readonly manifest: TrainingManifest;
  /** SHA-256 of the file, hex. */
  readonly sha256: string;
}

/** Reads and checks the manifest of a run folder. @throws RepriseError MANIFEST_MISSING, MANIFEST_INVALID */
export async function readManifestFile(workspace: string, runId: string): Promise<ManifestFile> {
  const file = join(runFolderOf(workspace, runId), RUN_FILES.manifest);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new RepriseError('MANIFEST_MISSING', `The manifest ${file} cannot be read.`, { kind: 'system', hint: RESTORE_RUN, cause: error });
  }
  return parseManifest(file, text, runId);
}

/** @throws RepriseError MANIFEST_INVALID */
export function parseManifest(file: string, text: string, runId: string): ManifestFile {
  const value = parseJson(text);
  const problem = value === undefined ? 'it is not JSON' : (manifestProblem(value) ?? ((value as TrainingManifest).runId === runId ? null : 'runId: is not the name of its folder'));
  if (problem !== null) {
    throw new RepriseError('MANIFEST_INVALID', `The manifest ${file} is damaged: ${problem}.`, { kind: 'system', hint: RESTORE_RUN });
  }
  return { manifest: value as TrainingManifest, sha256: sha256Bytes(text) };
}

/** The text of a manifest as it is written. */
export function manifestText(manifest: TrainingManifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** The columns of a run's row that its manifest decides. */
function identityFrom({ manifest, sha256 }: ManifestFile): RunIdentity {
  const hash = variantHash(manifest.config);
  return {
    runId: manifest.runId,
    reproductionId: manifest.reproductionId,
    experiment: manifest.experiment,
    studyId: manifest.variant?.studyId ?? null,
    variant: manifest.variant?.variant ?? null,
    seed: manifest.config.seed,
    configHash: manifest.configHash,
    computeHash: manifest.computeHash,
    calibration: manifest.perturbInit === true,
    createdAt: manifest.createdAt,
    manifestSha256: sha256,
    variantHash: hash,
    // A file that changed between two runs of one config makes two groups of it.
    groupHash: hashJson([hash, manifest.data.fingerprint, manifest.trainingGraphHash]),
    trainingGraphHash: manifest.trainingGraphHash,
    threads: manifest.config.executor.threads,
  };
}

/** All that a new row needs. */
export function newRunFrom(file: ManifestFile): NewRun {
  const { config } = file.manifest;
  return { identity: identityFrom(file), config: JSON.stringify(variantConfig(config)) };
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

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? 'it is not valid' : `${issue.path.join('.')}: ${issue.message}`;
}
