/** Files come by menu, drop or double click; each kind has its place. */
import type { OpenedFile } from '../../src/api/shell';
import type { Result } from '../../src/errors/errors';
import { ask, Refused, shell } from '../client';
import { complain } from '../notice';
import { go } from './place';

/** The editor's own module comes with the editor: it reads schemas and YAML, which the first view needs nothing of. */
const drafts = (): Promise<typeof import('../views/ablation/draft')> => import('../views/ablation/draft');

async function edit(file: { readonly text: string; readonly path: string | null; readonly folder: string | null }): Promise<void> {
  (await drafts()).openDraft(file);
  go({ view: 'editor' });
}

/** Begins a study of a template. */
export async function newStudy(): Promise<void> {
  (await drafts()).newDraft();
  go({ view: 'editor' });
}

/** Shows a file that the user chose. */
export function show(file: OpenedFile): void {
  switch (file.kind) {
    case 'bundle':
      go({ view: 'bundle', file: file.path });
      return;
    case 'study':
      void edit(file);
      return;
    case 'data':
    case 'runs':
      go({ view: 'import', path: file.path });
  }
}

function showOrComplain(answer: Result<OpenedFile>): void {
  if (answer.ok) show(answer.value);
  else complain('The file could not be opened', new Refused(answer.error));
}

/** Asks for a file with the system's dialog and shows it. */
export async function openFile(kind: 'bundle' | 'study' | 'runs' | 'runs-folder'): Promise<void> {
  try {
    const file = await ask(shell.chooseFile({ kind }));
    if (file !== null) show(file);
  } catch (error) {
    complain('The file could not be opened', error);
  }
}

export async function openSample(of: 'training' | 'command' = 'training'): Promise<void> {
  try {
    const { folder, text } = await ask(shell.sample({ of }));
    // Without a path: the sample belongs to the app, and saving it asks for a place.
    await edit({ folder, text, path: null });
  } catch (error) {
    complain('The sample could not be opened', error);
  }
}

/** Accepts dropped files and those the system hands over; called once. @returns the function that ends it */
export function acceptFiles(): () => void {
  const over = (event: DragEvent): void => event.preventDefault();
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    const file = event.dataTransfer?.files[0];
    if (file !== undefined) void shell.droppedFile(file).then(showOrComplain);
  };
  window.addEventListener('dragover', over);
  window.addEventListener('drop', drop);
  const end = shell.onOpenFile(showOrComplain);
  return () => {
    window.removeEventListener('dragover', over);
    window.removeEventListener('drop', drop);
    end();
  };
}
