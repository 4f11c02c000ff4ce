/** What the window asks of the application around it: dialogs, chosen files, clipboard, settings. */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { clipboard, dialog, ipcMain, shell, type BrowserWindow, type OpenDialogOptions, type SaveDialogOptions } from 'electron';
import { z } from 'zod';
import { shellMethods, type OpenedFile, type ShellMethod, type ShellOutput } from '../src/api/shell';
import { RepriseError } from '../src/errors/errors';
import { atomicWrite } from '../src/files/atomic-write';
import { channels, shellChannel } from './channels';
import type { ChosenPaths } from './chosen-paths';
import { fileName, openFilters, saveFilters, withExtension, type OpenKind, type SaveKind } from './file-names';
import { guardedWith, type IpcOptions } from './ipc';
import type { SettingsFile } from './settings';

export interface ShellOptions {
  readonly ipc: IpcOptions;
  readonly window: () => BrowserWindow | null;
  readonly chosen: ChosenPaths;
  readonly settings: SettingsFile;
  /** Where a dialog starts before anything was chosen. */
  readonly documents: string;
  /** The samples that come with the app. */
  readonly samples: Readonly<Record<'training' | 'command', string>>;
  readonly logFile: string;
  readonly restartEngine: () => void;
}

type Handlers = { readonly [M in ShellMethod]: (input: z.output<(typeof shellMethods)[M]['input']>) => ShellOutput<M> | Promise<ShellOutput<M>> };

const notWritten = (path: string, error: unknown): RepriseError =>
  new RepriseError('FILE_NOT_WRITTEN', `${path} could not be written: ${error instanceof Error ? error.message : String(error)}.`, { kind: 'system', hint: 'Choose another place.', cause: error });

async function write(path: string, content: string | Uint8Array): Promise<void> {
  try {
    await atomicWrite(path, content);
  } catch (error) {
    throw notWritten(path, error);
  }
}

function handlers(options: ShellOptions): Handlers {
  const { chosen, settings } = options;
  let folder = options.documents;

  // The functions of `dialog` are looked up at each call, and a dialog belongs to its window where there is one.
  const askOpen = async (kind: OpenKind): Promise<string | null> => {
    const window = options.window();
    const ask: OpenDialogOptions = { ...openFilters[kind], defaultPath: folder, properties: [kind === 'runs-folder' ? 'openDirectory' : 'openFile'] };
    const { canceled, filePaths } = await (window === null ? dialog.showOpenDialog(ask) : dialog.showOpenDialog(window, ask));
    const [path] = filePaths;
    if (canceled || path === undefined) return null;
    folder = dirname(path);
    return path;
  };
  const askSave = async (kind: SaveKind, suggestion: string): Promise<string | null> => {
    const window = options.window();
    const { title, filters } = saveFilters[kind];
    const ask: SaveDialogOptions = { title, filters, defaultPath: join(folder, fileName(suggestion, kind)), properties: ['createDirectory', 'showOverwriteConfirmation'] };
    const { canceled, filePath } = await (window === null ? dialog.showSaveDialog(ask) : dialog.showSaveDialog(window, ask));
    if (canceled || filePath === '') return null;
    folder = dirname(filePath);
    const named = withExtension(filePath, filters[0]?.extensions ?? []);
    // Not every system's dialog adds the extension; but a person who was not asked has not agreed to replace a file.
    return resolve(existsSync(named) ? filePath : named);
  };

  return {
    async chooseFile({ kind }) {
      const path = await askOpen(kind);
      if (path === null) return null;
      const file: OpenedFile = await chosen.open(path);
      if (kind === 'data' && file.kind !== 'data') throw new RepriseError('FILE_NOT_DATA', `${path} is no table (CSV).`, { hint: 'Choose the CSV file.' });
      if (kind === 'runs' || kind === 'runs-folder') {
        if (file.kind === 'runs' || file.kind === 'data') return file;
        throw new RepriseError('FILE_NOT_RUNS', `${path} is a ${file.kind}; runs of another program are asked for.`, { hint: `Open it instead: a ${file.kind} has a page of its own.` });
      }
      if (kind !== 'data' && file.kind !== 'bundle' && file.kind !== 'study') throw new RepriseError('FILE_NOT_STUDY', `${path} is neither a study (YAML) nor a bundle (ZIP).`, { hint: 'Runs of other programs, and tables of them, come in by “Import runs…”.' });
      return file;
    },
    async chooseTarget({ kind, suggestion }) {
      const path = await askSave(kind, suggestion);
      if (path !== null) await chosen.target(path);
      return path;
    },
    async saveFile({ kind, suggestion, content }) {
      const path = await askSave(kind, suggestion);
      if (path === null) return null;
      await write(path, content);
      if (kind === 'study') await chosen.study(path);
      else chosen.written(path);
      return path;
    },
    async saveStudy({ path, text }) {
      if (!chosen.maySave(path)) throw new RepriseError('PATH_NOT_CHOSEN', `${path} was not opened or saved here before.`, { hint: 'Save the study as a new file.' });
      await write(resolve(path), text);
      return null;
    },
    copyText({ text }) {
      clipboard.writeText(text);
      return null;
    },
    async showInFolder({ path }) {
      if (!(await chosen.mayShow(path))) throw new RepriseError('PATH_NOT_CHOSEN', `${path} is no file of the workspace, and nobody chose it.`);
      shell.showItemInFolder(resolve(path));
      return null;
    },
    async showLogs() {
      await mkdir(dirname(options.logFile), { recursive: true });
      shell.showItemInFolder(options.logFile);
      return null;
    },
    async sample({ of }) {
      const path = options.samples[of ?? 'training'];
      await chosen.sample(path);
      return { path, folder: dirname(path), text: await readFile(path, 'utf8') };
    },
    restartEngine() {
      options.restartEngine();
      return null;
    },
    getSettings: () => settings.current,
    setSettings: (change) => settings.change(change),
  };
}

/** Answers the window's shell calls, one guarded channel each. */
export function serveShell(options: ShellOptions): void {
  const all = handlers(options);
  const serve = <M extends ShellMethod>(method: M): void => {
    const channel = shellChannel(method);
    ipcMain.handle(channel, guardedWith(channel, { ...options.ipc, crashPage: method === 'showLogs' }, shellMethods[method].input, (input) => all[method](input as never)));
  };
  for (const method of Object.keys(shellMethods) as ShellMethod[]) serve(method);
  ipcMain.handle(
    channels.droppedFile,
    guardedWith(channels.droppedFile, options.ipc, z.string().max(4096), (path) => {
      if (path === '') throw new RepriseError('FILE_UNKNOWN', 'What was dropped is no file on this machine.', { hint: 'Drop a study (YAML), a bundle (ZIP), or a folder or file of runs.' });
      return options.chosen.open(path);
    }),
  );
}
