/** Starts the built app in a real Electron, each time with a data folder of its own. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { _electron, type ElectronApplication, type Page } from 'playwright';
import type { EngineState, RepriseBridge } from '../../src/api/bridge';
import type { RunView } from '../../src/api/rows';
import type { OpenedFile } from '../../src/api/shell';
import type { Result } from '../../src/errors/errors';
import { identityOf } from '../../src/files/process-identity';
import { projectRoot, temporaryFolder } from '../helpers/cli';

declare global {
  interface Window {
    readonly reprise: RepriseBridge;
    states?: EngineState[];
  }
}

export interface RepriseApp {
  readonly app: ElectronApplication;
  readonly page: Page;
  /** Id of the main process. */
  readonly pid: number;
  /** What the main process, engine and workers wrote to stderr. */
  readonly log: () => string;
  /** Ids of the app's processes whose service name begins so. */
  readonly pids: (service: string) => Promise<number[]>;
  readonly close: () => Promise<void>;
}

/** The app a page belongs to. */
const apps = new WeakMap<Page, ElectronApplication>();

function appOf(page: Page): ElectronApplication {
  const app = apps.get(page);
  if (app === undefined) throw new Error('the page is not the first window of an app that openApp started');
  return app;
}

/** Answers every message box of the main process with the button of this index, as a person would; by default `Quit`. */
export async function answerBoxes(app: ElectronApplication, button: number): Promise<void> {
  const answer = (): Promise<void> =>
    app.evaluate(({ dialog }, response) => {
      dialog.showMessageBox = () => Promise.resolve({ response, checkboxChecked: false });
    }, button);
  // Playwright loses the answer of a main process that collects its garbage just then.
  await answer().catch((error: unknown) => (String(error).includes('garbage collected') ? answer() : Promise.reject(error as Error)));
}

/** Answers the next open and save dialogs with a path, or leaves them. */
export function answerDialogs(page: Page, path: string | null): Promise<void> {
  return appOf(page).evaluate(({ dialog }, chosen) => {
    dialog.showOpenDialog = () => Promise.resolve({ canceled: chosen === null, filePaths: chosen === null ? [] : [chosen] });
    dialog.showSaveDialog = () => Promise.resolve({ canceled: chosen === null, filePath: chosen ?? '' });
  }, path);
}

/** Chooses a file as a person does: the window asks, the system's dialog answers. */
export async function chooseFile(page: Page, path: string, kind: 'study' | 'bundle' | 'data' | 'runs' | 'runs-folder' = 'study'): Promise<Result<OpenedFile | null>> {
  await answerDialogs(page, path);
  return page.evaluate((wanted) => window.reprise.shell.chooseFile({ kind: wanted }), kind);
}

/** This process' environment without what would reach into Electron. */
export function environment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined && name !== 'NODE_OPTIONS' && !name.startsWith('VITEST')) env[name] = value;
  return env;
}

/** A start takes a second or two; on a busy machine some more. */
const LAUNCH_MS = 12_000;

/**
 * Starts Electron on an app's folder. Where Playwright attaches in the middle of the page's first navigation it misses the
 * page and waits for it for ever, while the app itself is there: then it is started again.
 */
export async function launch(args: readonly string[], env: Readonly<Record<string, string>> = environment()): Promise<ElectronApplication> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await _electron.launch({ cwd: projectRoot, args: [...args], env: { ...env }, chromiumSandbox: process.getuid?.() !== 0, timeout: LAUNCH_MS });
    } catch (error) {
      if (tries === 4 || !(error instanceof Error && error.name === 'TimeoutError')) throw error;
    }
  }
}

/** Opens the app on a workspace. `userData` must be the test's own folder. */
export async function openApp(options: { readonly workspace: string; readonly userData: string; readonly files?: readonly string[]; readonly env?: Readonly<Record<string, string>> }): Promise<RepriseApp> {
  const app = await launch([projectRoot, `--user-data-dir=${options.userData}`, '--workspace', options.workspace, ...(options.files ?? [])], { ...environment(), ...options.env });
  let log = '';
  app.process().stderr?.on('data', (text: Buffer) => (log += text.toString()));
  const page = await app.firstWindow();
  apps.set(page, app);
  await page.waitForFunction(() => document.querySelector('main') !== null);
  // While the main process loads its rest it collects garbage, and with it answers that Playwright waits for.
  await until('all of the main process', () => page.evaluate(() => window.reprise.shell.getSettings({}).then(({ ok }) => ok, () => false)));
  await answerBoxes(app, 0);
  return {
    app,
    page,
    pid: app.process().pid ?? -1,
    log: () => log,
    pids: (service) => app.evaluate(({ app: electron }, name) => electron.getAppMetrics().filter((metric) => metric.name?.startsWith(name) === true).map((metric) => metric.pid), service),
    close: () => app.close(),
  };
}

export interface Scene {
  readonly folder: Awaited<ReturnType<typeof temporaryFolder>>;
  readonly workspace: string;
  /** Opens the app on the scene's workspace; again with the same data folder when it was closed. */
  open(options?: { readonly files?: readonly string[]; readonly env?: Readonly<Record<string, string>> }): Promise<RepriseApp>;
  end(): Promise<void>;
}

/** A folder with a workspace and a data folder for one test; `end` closes what is open and removes it. */
export async function scene(): Promise<Scene> {
  const folder = await temporaryFolder();
  const workspace = join(folder.path, 'workspace');
  const opened: RepriseApp[] = [];
  return {
    folder,
    workspace,
    async open(options = {}) {
      const app = await openApp({ workspace, userData: join(folder.path, 'user-data'), ...options });
      opened.push(app);
      return app;
    },
    async end() {
      for (const app of opened) {
        if (!isAlive(app.pid)) continue;
        await answerBoxes(app.app, 0);
        await app.close();
      }
      await folder.remove();
    },
  };
}

/** Asks until the answer is one; fails with what was waited for. */
export async function until<T>(what: string, ask: () => Promise<T | null | undefined | false>, limitMs = 30_000): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) return answer;
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await sleep(20);
  }
}

export async function engineReady(page: Page): Promise<void> {
  await page.evaluate(() => new Promise<void>((resolve) => window.reprise.onEngineState((state) => state.status === 'ready' && resolve())));
}

/** Chooses a config and starts it through the window's own API. */
export async function startRun(page: Page, config: string, options: { readonly seed?: number } = {}): Promise<string> {
  const chosen = await chooseFile(page, config);
  if (!chosen.ok) throw new Error(`${chosen.error.code}: ${chosen.error.message}`);
  const started = await page.evaluate((input) => window.reprise.runsStart(input), { config, ...options });
  if (!started.ok) throw new Error(`${started.error.code}: ${started.error.message}`);
  return started.value.run.runId;
}

export async function getRun(page: Page, run: string): Promise<RunView | null> {
  const answer = await page.evaluate((id) => window.reprise.runsGet({ run: id }), run);
  return answer.ok ? answer.value.run : null;
}

export async function ended(page: Page, run: string, limitMs = 60_000): Promise<RunView> {
  return until(`the end of run ${run}`, async () => {
    const row = await getRun(page, run);
    return row !== null && ['finished', 'failed', 'cancelled'].includes(row.status) ? row : null;
  }, limitMs);
}

/** Steps of the loss series as the window gets them. */
export async function lossSteps(page: Page, run: string): Promise<{ steps: number[]; values: number[] }> {
  const answer = await page.evaluate(async (id) => {
    const series = await window.reprise.runsSeries({ run: id, key: 'train.loss' });
    return series.ok ? { steps: [...series.value.steps], values: [...series.value.values] } : null;
  }, run);
  if (answer === null) throw new Error('no series');
  return answer;
}

/** Whether a process runs: one that has ended and whose exit code nobody has asked for does not. */
export function isAlive(pid: number): boolean {
  return identityOf(pid) !== null;
}

/** Command line of a process, on Linux. */
export async function commandLine(pid: number): Promise<string[]> {
  return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').filter((part) => part !== '');
}
