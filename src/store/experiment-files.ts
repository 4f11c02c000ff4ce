/** `experiments/ID.json`: what an experiment is. The database's rows are made from these files. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { RepriseError } from '../errors/errors';
import type { experimentShape } from './document-shapes';
import { experimentFileOf, WORKSPACE_FILES } from './layout';
import type { StoredExperiment } from './tables/experiments';
import type { ExperimentInfo } from './tracking';

export type ExperimentDocument = z.infer<typeof experimentShape>;

/** The experiment that is always there: runs of clients that name none belong to it. */
export const DEFAULT_EXPERIMENT = 0;

export function newDocument(experimentId: number, name: string, createdAt: number, tags: Readonly<Record<string, string>> = {}): ExperimentDocument {
  return { format: 1, experimentId, name, createdAt, updatedAt: createdAt, deletedAt: null, tags: { ...tags }, formerNames: [] };
}

export function experimentText(document: ExperimentDocument): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** The row of a document that lies in its file. */
export function rowOf(document: ExperimentDocument, text: string): StoredExperiment {
  return { experiment_id: document.experimentId, name: document.name, created_at: document.createdAt, updated_at: document.updatedAt, deleted_at: document.deletedAt, document: text };
}

/** The document of a row; that of one without a file is made from its columns. */
export function documentOf(row: StoredExperiment): ExperimentDocument {
  if (row.document !== null) return JSON.parse(row.document) as ExperimentDocument;
  return { ...newDocument(row.experiment_id, row.name, row.created_at), updatedAt: row.updated_at, deletedAt: row.deleted_at };
}

export function infoOf(row: StoredExperiment): ExperimentInfo {
  const { tags } = documentOf(row);
  return { experimentId: String(row.experiment_id), name: row.name, createdAt: row.created_at, updatedAt: row.updated_at, tags, deletedAt: row.deleted_at };
}

/** Reads and checks the file of an experiment. @throws RepriseError EXPERIMENT_FILE_INVALID */
export async function readExperimentFile(workspace: string, experimentId: number): Promise<{ readonly document: ExperimentDocument; readonly text: string }> {
  const file = experimentFileOf(workspace, experimentId);
  const invalid = (why: string, cause?: unknown): RepriseError =>
    new RepriseError('EXPERIMENT_FILE_INVALID', `The experiment ${file} is damaged: ${why}.`, { kind: 'system', hint: 'Restore the file from a backup; without it the runs keep the name that their manifests have.', cause });
  let text: string;
  let value: unknown;
  try {
    text = await readFile(file, 'utf8');
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(error instanceof SyntaxError ? 'it is not JSON' : 'it cannot be read', error);
  }
  const parsed = (await import('./document-shapes')).experimentShape.safeParse(value);
  if (!parsed.success) throw invalid(`${parsed.error.issues[0]?.path.join('.') ?? ''}: ${parsed.error.issues[0]?.message ?? 'it is not valid'}`);
  if (parsed.data.experimentId !== experimentId) throw invalid('experimentId: is not the name of its file');
  return { document: parsed.data, text };
}

/** Ids of the experiments that have a file, ascending. */
export async function experimentIdsOnDisk(workspace: string): Promise<number[]> {
  let names: string[];
  try {
    names = await readdir(join(workspace, WORKSPACE_FILES.experiments));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names.flatMap((name) => (/^(?:0|[1-9]\d{0,14})\.json$/u.test(name) ? [Number.parseInt(name, 10)] : [])).sort((a, b) => a - b);
}
