/** Which studies are paused: a file `studies/STUDY_ID.paused` each, so that it outlasts the host and a rebuilt database. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasEnded } from '../execution/run-status';
import { atomicWrite, syncFolder } from '../files/atomic-write';
import { studyFileOf } from '../store/layout';
import type { Store } from '../store/types';

function pauseFileOf(workspace: string, studyId: string): string {
  return studyFileOf(workspace, studyId).replace(/\.json$/u, '.paused');
}

export function isPaused(workspace: string, studyId: string): boolean {
  return existsSync(pauseFileOf(workspace, studyId));
}

/** Durable when it returns. */
export async function setPaused(workspace: string, studyId: string, paused: boolean): Promise<void> {
  const file = pauseFileOf(workspace, studyId);
  if (paused) return atomicWrite(file, '');
  await rm(file, { force: true });
  await syncFolder(dirname(file));
}

/**
 * Unfinished runs that no one waits for but paused studies. One that a study without pause has in its matrix is not
 * among them, nor one that was started by itself and that a study came upon later.
 */
export function runsOfPausedStudiesOnly(store: Store): string[] {
  const held = new Set<string>();
  const wanted = new Set<string>();
  for (const { studyId, variants } of store.listStudies()) {
    const into = isPaused(store.workspace, studyId) ? held : wanted;
    for (const { runIds } of variants) for (const runId of runIds) if (runId !== null) into.add(runId);
  }
  if (held.size === 0) return [];
  return store
    .getRuns([...held])
    .filter((row) => !wanted.has(row.runId) && row.studyId !== null && !hasEnded(row.status))
    .map((row) => row.runId);
}
