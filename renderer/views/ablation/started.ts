/** What is known of studies that this window started: what was said then, and where relative paths in them start. */
import { create } from 'zustand';

export interface Started {
  /** What could not be captured, and what the environment spec asks for and is not here. */
  readonly warnings: readonly string[];
  /** null: the study lay nowhere. */
  readonly folder: string | null;
}

export const useStarted = create<{ readonly byStudy: ReadonlyMap<string, Started> }>(() => ({ byStudy: new Map() }));

export function keepStarted(studyId: string, started: Started): void {
  useStarted.setState(({ byStudy }) => ({ byStudy: new Map(byStudy).set(studyId, started) }));
}

/** Where relative paths in a copy of the study start; null where that is not known. */
export function folderOfStudy(studyId: string): string | null {
  return useStarted.getState().byStudy.get(studyId)?.folder ?? null;
}

export function dismissWarnings(studyId: string): void {
  keepStarted(studyId, { warnings: [], folder: folderOfStudy(studyId) });
}
