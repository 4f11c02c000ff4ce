/** Long work (exports, reproductions, imports): it goes on when its view is left, and is found again when the window is opened anew. */
import { create } from 'zustand';
import type { Input, Output } from '../../src/api/contract';
import type { TaskView } from '../../src/api/long-work';
import { Refused, reportOf } from '../client';
import * as format from '../format';
import { outcomeInWords } from '../import-words';
import { complain, offerNext, say } from '../notice';
import { call } from './answers';
import { useLive } from './live';
import { go, usePlace, type Place } from './place';

export interface Begun {
  readonly task: string;
  readonly kind: TaskView['kind'];
  /** The target of an export, the file of a reproduction, the path of an import. */
  readonly subject: string;
  readonly ended: boolean;
  /** Why there is no result; null where there is one, or it was cancelled. */
  readonly error: unknown;
  /** Whether another page of this window began it: then only the engine tells how it ends. */
  readonly adopted: boolean;
  /** What the export of a bundle wrote. */
  readonly exported: Output<'bundle.export'> | null;
  readonly imported: Output<'runs.import'> | null;
  /** What the export of runs wrote. */
  readonly written: Output<'runs.export'> | null;
}

type Kind = Begun['kind'];

const begunNow = (task: string, kind: Kind, subject: string, adopted: boolean): Begun => ({ task, kind, subject, ended: false, error: null, adopted, exported: null, imported: null, written: null });

/** How the ids of work begin that only looks: nobody is told how it ends. */
const PREVIEW = 'preview-';

/** Newest first. */
const useBegun = create<{ readonly begun: readonly Begun[] }>(() => ({ begun: [] }));

function begin(kind: Kind, subject: string): string {
  const task = crypto.randomUUID();
  const begun = begunNow(task, kind, subject, false);
  // One a subject: what an earlier one came to has been seen.
  useBegun.setState((state) => ({ begun: [begun, ...state.begun.filter((other) => other.kind !== kind || other.subject !== subject)] }));
  return task;
}

function end(task: string, change: Partial<Begun>): void {
  useBegun.setState((state) => ({ begun: state.begun.map((begun) => (begun.task === task ? { ...begun, ...change, ended: true } : begun)) }));
}

/** Whether the user is looking at the view in which it was begun. */
function isShown(kind: Kind, subject: string): boolean {
  const { place } = usePlace.getState();
  switch (kind) {
    case 'export':
      return place.view === 'export' && place.target === subject;
    case 'reproduce':
      return place.view === 'bundle' && place.file === subject;
    case 'import':
      return place.view === 'import' && place.path === subject;
    case 'export-runs':
      return place.view === 'export-runs' && place.target === subject;
  }
}

function failure(kind: Kind, subject: string): string {
  switch (kind) {
    case 'export':
      return `${subject} could not be exported`;
    case 'reproduce':
      return `${baseName(subject)} could not be reproduced`;
    case 'import':
      return `The runs of ${baseName(subject)} could not be imported`;
    case 'export-runs':
      return `The runs of ${subject} could not be exported`;
  }
}

function failed(task: string, kind: Kind, subject: string, error: unknown): void {
  const cancelled = reportOf(error).code === 'CANCELLED';
  end(task, { error: cancelled ? null : error });
  if (!cancelled && !isShown(kind, subject)) complain(failure(kind, subject), error);
}

/** The last part of a path of any system. */
export function baseName(path: string): string {
  return path.split(/[\\/]/u).at(-1) ?? path;
}

/** Begins an export. */
export async function exportBundle(input: Omit<Input<'bundle.export'>, 'task'>): Promise<void> {
  const { target } = input;
  const task = begin('export', target);
  try {
    const exported = await call('bundle.export', { ...input, task });
    end(task, { exported });
    if (!isShown('export', target)) offerNext(`${target} is exported: ${format.bytes(exported.bytes)}.`, { label: 'Open bundle', act: () => go({ view: 'bundle', file: exported.file }) });
  } catch (error) {
    failed(task, 'export', target, error);
  }
}

/** Begins a reproduction; shows the verdict where the user still looks at the bundle, else offers it. */
export async function reproduceBundle(input: Omit<Input<'bundle.reproduce'>, 'task'>): Promise<void> {
  const { file } = input;
  const task = begin('reproduce', file);
  try {
    const { sentence } = await call('bundle.reproduce', { ...input, task });
    const ended = (await call('tasks.list', {})).find((known) => known.task === task);
    const verdictId = ended?.result ?? null;
    if (verdictId === null) throw new Refused({ code: 'VERDICT_NOT_KEPT', kind: 'system', message: ended?.text ?? sentence, hint: 'Note the verdict now: the workspace did not keep it.' });
    end(task, {});
    const verdict: Place = { view: 'verdict', verdictId };
    if (isShown('reproduce', file)) go(verdict);
    else offerNext(`${baseName(file)}: ${sentence}`, { label: 'Open verdict', act: () => go(verdict) });
  } catch (error) {
    failed(task, 'reproduce', file, error);
  }
}

const showRuns = { label: 'Show runs', act: () => go({ view: 'experiments' }) } as const;

/** Begins an import. */
export async function importRuns(input: Omit<Input<'runs.import'>, 'task' | 'dryRun'>): Promise<void> {
  const { path } = input;
  const task = begin('import', path);
  try {
    const imported = await call('runs.import', { ...input, task });
    end(task, { imported });
    if (!isShown('import', path)) offerNext(`${baseName(path)}: ${outcomeInWords(imported.runs, 'done')}.`, showRuns);
  } catch (error) {
    failed(task, 'import', path, error);
  }
}

/** Begins an export of runs. */
export async function exportRuns(input: Omit<Input<'runs.export'>, 'task'>): Promise<void> {
  const { target } = input;
  const task = begin('export-runs', target);
  try {
    const written = await call('runs.export', { ...input, task });
    end(task, { written });
    if (!isShown('export-runs', target)) say(`${format.plural(written.runs, 'run')} exported to ${written.out}`);
  } catch (error) {
    failed(task, 'export-runs', target, error);
  }
}

/**
 * What an import would find: nothing is kept of it, and it stops when nobody waits any more.
 * @throws Refused
 */
export async function previewImport(input: Omit<Input<'runs.import'>, 'task' | 'dryRun'>, signal: AbortSignal): Promise<Output<'runs.import'>> {
  const task = `${PREVIEW}${crypto.randomUUID()}`;
  const stop = (): void => void call('tasks.cancel', { task }).catch(() => undefined);
  signal.addEventListener('abort', stop);
  try {
    return await call('runs.import', { ...input, dryRun: true, task });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Asks a task to stop; it says itself when it has. */
export async function cancelTask(task: string): Promise<void> {
  try {
    await call('tasks.cancel', { task });
  } catch (error) {
    complain('The task could not be cancelled', error);
  }
}

function adopt({ task, kind, subject }: TaskView): void {
  useBegun.setState((state) => ({ begun: [begunNow(task, kind, subject, true), ...state.begun] }));
}

function endAdopted({ task, kind, subject, status, text, result, error }: TaskView): void {
  if (status === 'failed') failed(task, kind, subject, new Refused({ kind: 'system', code: error?.code ?? 'TASK_FAILED', message: error?.message ?? text, ...(error?.hint == null ? {} : { hint: error.hint }) }));
  else end(task, {});
  if (status !== 'done' || result === null) return;
  switch (kind) {
    case 'export':
      offerNext(`${subject} is exported.`, { label: 'Open bundle', act: () => go({ view: 'bundle', file: result }) });
      return;
    case 'reproduce':
      if (isShown(kind, subject)) go({ view: 'verdict', verdictId: result });
      else offerNext(`${baseName(subject)}: ${text}`, { label: 'Open verdict', act: () => go({ view: 'verdict', verdictId: result }) });
      return;
    case 'import':
      offerNext(`${baseName(subject)}: ${result}.`, showRuns);
      return;
    case 'export-runs':
      say(`The runs of ${subject} are exported to ${result}`);
  }
}

function hear(tasks: readonly TaskView[]): void {
  for (const view of tasks) {
    if (view.task.startsWith(PREVIEW)) continue;
    const known = useBegun.getState().begun.find(({ task }) => task === view.task);
    if (known === undefined && view.status === 'running') adopt(view);
    else if (known !== undefined && known.adopted && !known.ended && view.status !== 'running') endAdopted(view);
  }
}

hear(useLive.getState().tasks);
useLive.subscribe(({ tasks }, before) => {
  if (tasks !== before.tasks) hear(tasks);
});

/** The newest task for a subject, with what the engine last told of it: null until it does. */
export function useTask(kind: Begun['kind'], subject: string): { readonly begun: Begun; readonly view: TaskView | null } | null {
  const begun = useBegun((state) => state.begun.find((one) => one.kind === kind && one.subject === subject));
  const view = useLive((state) => state.tasks.find(({ task }) => task === begun?.task));
  return begun === undefined ? null : { begun, view: view ?? null };
}
