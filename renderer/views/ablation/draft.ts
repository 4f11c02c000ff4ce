/** The study that is being edited. */
import { create } from 'zustand';

export interface Draft {
  readonly text: string;
  /** Where it was opened from or saved to; null: nowhere yet. */
  readonly path: string | null;
  /** Where relative paths in it start; null: nowhere. */
  readonly folder: string | null;
  /** The text as it is on disk. */
  readonly saved: string;
}

export const useDraft = create<{ readonly draft: Draft | null }>(() => ({ draft: null }));

/** Takes up a study for editing. */
export function openDraft(file: { readonly text: string; readonly path: string | null; readonly folder: string | null }): void {
  useDraft.setState({ draft: { ...file, saved: file.text } });
}
