/** How runs of other programs come in, by hand: the tracking server, imports, and a study of commands; and how runs go out. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Locator, Page } from 'playwright';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOOKS, putOn } from '../gallery/pictures';
import { violations } from './axe';
import { answerDialogs, engineReady, scene, until, type RepriseApp, type Scene } from './reprise-app';

const pictures = process.env['REPRISE_PICTURES'];
/** Where pictures are asked for, all sizes; to judge, the smaller one will do. */
const looks = pictures === undefined ? LOOKS.filter(({ width }) => width === 1280) : LOOKS;

const TRAIN = `import json, sys
rate, seed = float(sys.argv[1]), int(sys.argv[2])
for step in range(30):
    print(json.dumps({"step": step, "loss": (1 - rate) ** step + seed / 100}))
`;
const STUDY = `experiment: rates
baseline:
  task: { command: [python3, train.py, '{rate}', '{seed}'] }
  params: { rate: 0.1 }   # how fast
  selection: { metric: loss, goal: minimize }
seeds: [1, 2]
factors: []
`;

let here: Scene;
let app: RepriseApp;
let page: Page;
const said: string[] = [];

const main = (): Locator => page.locator('main');
const rail = (name: string): Promise<void> => page.getByRole('navigation', { name: 'Places' }).getByRole('button', { name, exact: true }).click();

/** Does a command by the palette. */
async function command(name: string): Promise<void> {
  await page.keyboard.press('Control+k');
  await page.getByRole('textbox', { name: 'Find a command' }).fill(name);
  await page.keyboard.press('Enter');
}

/** Looks at the view in light and dark: no rule of axe broken, nothing cut off. */
async function judge(name: string): Promise<void> {
  for (const look of looks) {
    await putOn(app, look);
    if (pictures !== undefined) await page.screenshot({ path: join(pictures, `${name}-${look.width}-${look.scheme}.png`) });
    if (look.width !== 1280) continue;
    expect(await violations(page), `${name}, ${look.scheme}`).toEqual([]);
    expect(await page.evaluate(() => [document.documentElement, ...document.querySelectorAll('main, .view-pane')].filter((element) => element.scrollWidth > element.clientWidth + 1).length), `${name} is cut off`).toBe(0);
  }
}

/** Drops a file or folder from the desktop onto the middle of the window, as the browser's own process hears it. */
async function drop(path: string): Promise<void> {
  await app.app.evaluate(async ({ BrowserWindow }, file) => {
    const contents = BrowserWindow.getAllWindows()[0]?.webContents;
    if (contents === undefined) throw new Error('no window');
    const attached = contents.debugger.isAttached();
    if (!attached) contents.debugger.attach();
    const data = { items: [], files: [file], dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop']) await contents.debugger.sendCommand('Input.dispatchDragEvent', { type, x: 640, y: 400, data });
    if (!attached) contents.debugger.detach();
  }, path);
}

/** What MLflow's client would send. */
async function mlflow<T>(uri: string, path: string, body: unknown): Promise<T> {
  const response = await fetch(`${uri}/api/2.0/mlflow/${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

const points = (from: number, count: number): unknown[] => Array.from({ length: count }, (_, index) => ({ key: 'val_loss', value: 1 / (from + index + 1), timestamp: 1_790_000_000_000 + from + index, step: from + index }));

/** A folder as MLflow's file store writes it. */
async function writeMlruns(folder: string, runs: readonly string[]): Promise<void> {
  const files: [string, string][] = [['1/meta.yaml', `artifact_location: file:///nowhere/1\nexperiment_id: '1'\nlifecycle_stage: active\nname: thesis\n`]];
  for (const [index, name] of runs.entries()) {
    const id = String(index).padStart(32, 'a');
    files.push(
      [`1/${id}/meta.yaml`, `artifact_uri: file:///nowhere/1/${id}/artifacts\nend_time: 1700000060000\nexperiment_id: '1'\nlifecycle_stage: active\nrun_id: ${id}\nrun_name: ${name}\nrun_uuid: ${id}\nstart_time: 1700000000000\nstatus: 3\nuser_id: ada\n`],
      [`1/${id}/params/lr`, `0.${index + 1}`],
      [`1/${id}/metrics/loss`, `1700000010000 0.9 0\n1700000020000 ${0.5 / (index + 1)} 1\n`],
      [`1/${id}/tags/mlflow.runName`, name],
    );
  }
  files.push([`1/${'f'.repeat(32)}/meta.yaml`, 'this is: [no yaml']);
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

beforeAll(async () => {
  here = await scene();
  app = await here.open();
  ({ page } = app);
  page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
  page.on('pageerror', (error) => said.push(String(error)));
  await engineReady(page);
}, 60_000);
afterAll(() => here.end());

describe('the tracking server', () => {
  it('takes what a client logs, into a table and a chart that are looked at', async () => {
    await main().getByRole('button', { name: /^Run \d+/u }).waitFor();
    await judge('first-start');
    await main().getByRole('button', { name: 'tracking server' }).click();
    await main().getByText('Not running').waitFor();
    await judge('tracking-stopped');
    await main().getByRole('button', { name: 'Start the server' }).click();
    await main().getByText(/^Running on port \d+ of this machine$/u).waitFor();
    const shown = main().locator('.tracking-address');
    expect(await shown.textContent()).toMatch(/^MLFLOW_TRACKING_URI=http:\/\/127\.0\.0\.1:\d+\/•+$/u);
    await judge('tracking-running');
    await main().getByRole('button', { name: 'Copy line for the shell' }).click();
    const line = await until('a line on the clipboard', () => app.app.evaluate(({ clipboard }) => clipboard.readText()).then((text) => text.startsWith('export ') && text));
    const uri = /^export MLFLOW_TRACKING_URI='(?<uri>http:\/\/127\.0\.0\.1:\d+\/[\w-]{43})'$/u.exec(line)?.groups?.['uri'] ?? '';
    // A notice is judged where it stands, and not while it fades.
    await page.locator('.mantine-Notifications-notification').evaluate((notice) => void notice.animate({ opacity: [0.3, 0.3] }, 2500));
    expect(await violations(page)).toEqual([]);
    await main().getByRole('button', { name: 'Show token' }).click();
    expect(await shown.textContent()).toBe(`MLFLOW_TRACKING_URI=${uri}`);
    expect((await fetch(`${uri.slice(0, -1)}_/api/2.0/mlflow/experiments/search`, { method: 'POST', body: '{}' })).status).toBe(401);

    await rail('Experiments');
    const { experiment_id } = await mlflow<{ experiment_id: string }>(uri, 'experiments/create', { name: 'notebook' });
    const { run } = await mlflow<{ run: { info: { run_id: string } } }>(uri, 'runs/create', { experiment_id, run_name: 'brave-fox', start_time: Date.now() });
    const { run_id } = run.info;
    await mlflow(uri, 'runs/log-batch', { run_id, metrics: points(0, 50), params: [{ key: 'lr', value: '0.01' }], tags: [] });
    // Nobody asked for anything again: the table fills by itself.
    const row = main().getByRole('row', { name: /brave-fox/u });
    await row.waitFor();
    await main().getByRole('columnheader', { name: 'val_loss' }).waitFor();
    await row.getByRole('gridcell', { name: '0.0200' }).waitFor();
    await mlflow(uri, 'runs/log-batch', { run_id, metrics: points(50, 50), params: [], tags: [] });
    await row.getByRole('gridcell', { name: '0.0100' }).waitFor();
    await judge('runs-logged');
    await row.dblclick();
    await main().getByRole('heading', { name: 'brave-fox' }).waitFor();
    await page.locator('.run-series .chart-plot svg').first().waitFor();
    await main().getByText(/^100 points/u).waitFor();
    await mlflow(uri, 'runs/log-batch', { run_id, metrics: points(100, 20), params: [], tags: [] });
    await main().getByText(/^120 points/u).waitFor();
    await mlflow(uri, 'runs/update', { run_id, status: 'FINISHED', end_time: Date.now() });
    await main().getByText('Finished').first().waitFor();
    await judge('run-logged');
    expect(said).toEqual([]);
  }, 120_000);

  it('starts with the app where that is wanted, at the same address', async () => {
    await rail('Machines');
    await main().getByText(/^Running on port/u).waitFor();
    const before = await page.evaluate(() => window.reprise.trackingStatus({}));
    // It shows what the settings say, once they are written.
    await main().getByRole('switch', { name: 'Start with the app' }).click({ force: true });
    await until('the setting is kept', () => page.evaluate(() => window.reprise.shell.getSettings({})).then((answer) => answer.ok && answer.value.trackingServer));
    await app.close();
    app = await here.open();
    ({ page } = app);
    await engineReady(page);
    const again = await until('the server of the next start', () => page.evaluate(() => window.reprise.trackingStatus({})).then((answer) => answer.ok && answer.value.running && answer));
    expect(again).toEqual(before);
    await rail('Machines');
    await main().getByRole('button', { name: 'Stop the server' }).click();
    await main().getByText('Not running').waitFor();
  }, 60_000);
});

describe('an import', () => {
  it('tells what is there, takes it in, and takes nothing in twice', async () => {
    const mlruns = join(here.folder.path, 'mlruns');
    await writeMlruns(mlruns, ['first try', 'second try', 'third try']);
    await command('Import runs');
    await main().getByRole('heading', { name: 'Bring in the runs of other programs' }).waitFor();
    await judge('import-choose');
    await answerDialogs(page, mlruns);
    await main().getByRole('button', { name: 'Choose folder…' }).click();
    await main().getByText('3 new').waitFor();
    await main().getByText('thesis (3)').waitFor();
    await main().getByText('1 problem').waitFor();
    await judge('import-preview');
    await main().getByRole('button', { name: 'Import 3' }).click();
    await main().getByText('3 imported').waitFor();
    await judge('import-done');
    await main().getByRole('button', { name: 'Show runs' }).click();
    await main().getByRole('row', { name: /second try/u }).waitFor();

    await drop(mlruns);
    await main().getByText('3 here already').waitFor();
    expect(await main().getByRole('button', { name: 'Import', exact: true }).isDisabled()).toBe(true);
    expect(said).toEqual([]);
  }, 120_000);

  it('says what is nothing to import, and reads tables as they are told to be', async () => {
    const empty = join(here.folder.path, 'nothing');
    await mkdir(empty);
    await command('Import runs');
    await answerDialogs(page, empty);
    await main().getByRole('button', { name: 'Choose folder…' }).click();
    await main().getByText('IMPORT_FORMAT_UNKNOWN').waitFor();
    await judge('import-nothing');
    const table = await here.folder.write('runs.csv', 'name,lr,loss\na,0.1,0.5\nb,0.7,0.25\n');
    await main().getByRole('button', { name: 'Choose another…' }).click();
    await answerDialogs(page, table);
    await main().getByRole('button', { name: 'Choose file…' }).click();
    await main().getByText('2 new').waitFor();
    await main().getByLabel('Columns that are metrics').fill('loss');
    await page.keyboard.press('Enter');
    await main().getByRole('textbox', { name: 'Experiment' }).fill('from a table');
    await main().getByText('from a table (2)').waitFor();
    await judge('import-table');
    await main().getByRole('button', { name: 'Import 2' }).click();
    await main().getByText('2 imported').waitFor();
    const found = await page.evaluate(() => window.reprise.runsSearch({ filter: 'metrics.loss < 0.3 and params.lr = 0.7', limit: 10 }));
    expect(found.ok && found.value.rows.map(({ run }) => run.experiment)).toEqual(['from a table']);
    expect(said).toEqual([]);
  }, 120_000);
});

describe('an export of runs', () => {
  it('writes an experiment as a table and as a folder that comes in again', async () => {
    await rail('Experiments');
    await page.getByRole('button', { name: /^thesis/u }).first().click();
    await main().getByRole('button', { name: 'More actions' }).click();
    await page.getByRole('menuitem', { name: 'Export runs…' }).click();
    await main().getByRole('button', { name: 'Export 3 runs…' }).waitFor();
    await judge('export-runs');
    const folder = join(here.folder.path, 'out mlruns');
    await answerDialogs(page, folder);
    await main().getByRole('button', { name: 'Export 3 runs…' }).click();
    await main().getByRole('heading', { name: 'Exported' }).waitFor();
    await main().getByRole('radio', { name: 'CSV' }).check();
    const table = join(here.folder.path, 'out.csv');
    await answerDialogs(page, table);
    await main().getByRole('button', { name: 'Export 3 runs…' }).click();
    await main().getByText(table).waitFor();
    expect((await readFile(table, 'utf8')).trim().split('\n').length).toBe(4);
    await judge('export-done');
    expect(said).toEqual([]);
  }, 120_000);
});

describe('a study of commands', () => {
  it('is varied in the form, run, and compared', async () => {
    const code = join(here.folder.path, 'code');
    await mkdir(code);
    await writeFile(join(code, 'train.py'), TRAIN);
    const study = join(code, 'study.yaml');
    await writeFile(study, STUDY);
    await answerDialogs(page, study);
    await command('Open study or bundle');
    await main().getByText('train.py').first().waitFor();
    await main().getByRole('button', { name: 'Vary rate' }).click();
    await page.keyboard.press('Control+a');
    await page.keyboard.type('0.5');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Escape');
    await main().getByRole('button', { name: 'Run 4' }).waitFor();
    await judge('command-editor');
    await main().getByRole('button', { name: 'Run 4' }).click();
    await main().getByText(/4 of 4 done/u).waitFor({ timeout: 30_000 });
    await judge('command-study');
    await main().getByRole('button', { name: 'Compare' }).click();
    await main().getByRole('img', { name: /difference/iu }).first().waitFor();
    await judge('command-effects');
    expect(said).toEqual([]);
  }, 120_000);
});
