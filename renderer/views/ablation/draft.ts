/** The study that is being edited: its text is the one truth of form and YAML, and undoing goes over both. */
import { create } from 'zustand';
import { NEW_STUDY, studyAround } from '../../../src/ablation/new-study';
import { readYaml } from '../../../src/config/locate';
import { ask, shell } from '../../client';
import { complain } from '../../notice';

export interface Draft {
  readonly text: string;
  /** Where it was opened from or saved to; null: nowhere yet. */
  readonly path: string | null;
  /** Where relative paths in it start; null: nowhere. */
  readonly folder: string | null;
  /** The text as it is on disk, or as it came. */
  readonly saved: string;
  readonly undo: readonly string[];
  readonly redo: readonly string[];
  /** What was edited last, and when: further edits of the same are one step to undo. */
  readonly last: { readonly what: string; readonly at: number } | null;
  /** An unsaved draft that this one took the place of. */
  readonly replaced: Draft | null;
}

/** Where the text of an unsaved draft is kept while the window is closed or loaded again. */
const KEPT = 'unsaved study';

/** The draft that was unsaved when the window went. Its file and folder were chosen in a window that is gone, so it has none. */
function kept(): Draft | null {
  try {
    const text = localStorage.getItem(KEPT);
    return text === null ? null : { text, path: null, folder: null, saved: '', undo: [], redo: [], last: null, replaced: null };
  } catch {
    // Without storage a draft lives as long as its window.
    return null;
  }
}

export const useDraft = create<{ readonly draft: Draft | null }>(() => ({ draft: kept() }));

useDraft.subscribe(({ draft }) => {
  const unsaved = draft !== null && !isDirty(draft) ? draft.replaced : draft;
  try {
    if (unsaved === null) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, unsaved.text);
  } catch {
    // As above.
  }
});

/** Edits of the same value within this time are one step. */
const ONE_STEP_MS = 1500;
const MOST_STEPS = 500;
/** What typing into the YAML is called; `Draft.last` tells by it where an edit came from. */
export const TYPED = 'yaml';

export function isDirty(draft: Draft): boolean {
  return draft.text !== draft.saved;
}

/** Takes up a study, or a single config to build one around. An unsaved draft is kept behind it. */
export function openDraft(file: { readonly text: string; readonly path: string | null; readonly folder: string | null }): void {
  const { draft } = useDraft.getState();
  const text = studyAround(file.text);
  // Around a config a new study begins: saving it must not write over the config.
  const path = text === file.text ? file.path : null;
  useDraft.setState({ draft: { text, path, folder: file.folder, saved: text, undo: [], redo: [], last: null, replaced: draft !== null && isDirty(draft) ? { ...draft, replaced: null } : null } });
}

export function newDraft(): void {
  openDraft({ text: NEW_STUDY, path: null, folder: null });
}

/** Goes back to the unsaved draft that was replaced; what is open now is kept in its place where it has unsaved changes. */
export function bringBack(): void {
  useDraft.setState(({ draft }) => {
    if (draft?.replaced == null) return {};
    return { draft: { ...draft.replaced, replaced: isDirty(draft) ? { ...draft, replaced: null } : null } };
  });
}

/** Changes the text. @param what is edited: a leaf's path, or `TYPED`; null: a step of its own to undo */
export function setText(text: string, what: string | null): void {
  useDraft.setState(({ draft }) => {
    if (draft === null || draft.text === text) return {};
    const now = Date.now();
    const goesOn = draft.last?.what === what && now - draft.last.at < ONE_STEP_MS && draft.undo.length > 0;
    return { draft: { ...draft, text, undo: goesOn ? draft.undo : [...draft.undo, draft.text].slice(-MOST_STEPS), redo: [], last: what === null ? null : { what, at: now } } };
  });
}

/** An edit of the form: a function of text and values. A text that cannot be read is left alone. */
export function change(what: string | null, edit: (text: string, input: unknown) => string): void {
  const { draft } = useDraft.getState();
  if (draft === null) return;
  const yaml = readYaml(draft.text);
  if (!yaml.ok) return;
  try {
    setText(edit(draft.text, yaml.value), what);
  } catch (error) {
    complain('The YAML could not be changed', error);
  }
}

export function undo(): void {
  useDraft.setState(({ draft }) => {
    const text = draft?.undo.at(-1);
    if (draft === null || text === undefined) return {};
    return { draft: { ...draft, text, undo: draft.undo.slice(0, -1), redo: [draft.text, ...draft.redo], last: null } };
  });
}

export function redo(): void {
  useDraft.setState(({ draft }) => {
    const [text, ...rest] = draft?.redo ?? [];
    if (draft === null || text === undefined) return {};
    return { draft: { ...draft, text, undo: [...draft.undo, draft.text], redo: rest, last: null } };
  });
}

const folderOf = (path: string): string => path.replace(/[/\\][^/\\]*$/u, '') || '/';

function saved(text: string, path: string, folder: string | null): void {
  useDraft.setState(({ draft }) => (draft === null ? {} : { draft: { ...draft, path, folder, saved: text, last: null } }));
}

/** Asks for a file and writes the text there. */
export async function saveAs(name: string): Promise<void> {
  const { draft } = useDraft.getState();
  if (draft === null) return;
  try {
    const path = await ask(shell.saveFile({ kind: 'study', suggestion: `${name}.yaml`.slice(-200), content: draft.text }));
    if (path !== null) saved(draft.text, path, folderOf(path));
  } catch (error) {
    complain('The study could not be saved', error);
  }
}

/** Writes the text to its file; asks for one where it has none. */
export async function save(name: string): Promise<void> {
  const { draft } = useDraft.getState();
  if (draft === null) return;
  if (draft.path === null) return saveAs(name);
  try {
    await ask(shell.saveStudy({ path: draft.path, text: draft.text }));
    saved(draft.text, draft.path, draft.folder);
  } catch (error) {
    complain('The study could not be saved', error);
  }
}
