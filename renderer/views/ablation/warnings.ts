/** What was said when a study was started: what could not be captured, what the environment spec asks for and is not here. */
import { create } from 'zustand';

export const useWarnings = create<{ readonly byStudy: ReadonlyMap<string, readonly string[]> }>(() => ({ byStudy: new Map() }));

export function keepWarnings(studyId: string, warnings: readonly string[]): void {
  useWarnings.setState(({ byStudy }) => ({ byStudy: new Map(byStudy).set(studyId, warnings) }));
}

export function dismissWarnings(studyId: string): void {
  keepWarnings(studyId, []);
}
