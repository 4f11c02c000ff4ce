/** Command runs and logged runs in the window: their page, their comparison, a bundle of them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatYaml } from '../../src/config/yaml';
import { createEngine } from '../../src/engine/engine';
import { localWorkers } from '../../src/engine/local-workers';
import { localSpawn } from '../../src/execution/local/local-spawn';
import { openStore } from '../../src/store/open';
import { LOOKS, putOn } from '../gallery/pictures';
import { violations } from './axe';
import { answerDialogs, engineReady, scene, type RepriseApp, type Scene } from './reprise-app';

const SMALL = LOOKS.filter(({ width }) => width === 1280);
const pictures = process.env['REPRISE_PICTURES'];

const TRAIN = `import json, math, pathlib, random, sys
random.seed(int(sys.argv[1]))
rate = float(sys.argv[2])
for step in range(400):
    loss = math.exp(-rate * step / 40) + 0.05 * random.random()
    print(json.dumps({"step": step, "loss": loss, "accuracy": 1 - loss / 2}))
pathlib.Path("out").mkdir()
pathlib.Path("out/model.txt").write_text(str(loss))
print("done", file=sys.stderr)
`;
const LONG = 20_000;

let here: Scene;
let app: RepriseApp;
let code: string;
let commandRun: string;
const said: string[] = [];

async function logRuns(workspace: string): Promise<void> {
  const store = await openStore(workspace, { mode: 'host' });
  for (const [index, [name, rate]] of [['brave-fox-1', '0.1'], ['calm-owl-2', '0.1'], ['dark-elk-3', '0.5']].entries()) {
    const runId = `logged${index}logged${index}`;
    await store.createRun({ format: 1, kind: 'logged', runId, experiment: 'notebook', createdAt: 1_790_000_000_000 + index, source: { system: 'mlflow', id: null, from: null }, user: 'ada' });
    const steps = Array.from({ length: LONG }, (_, step) => step);
    await store.append(runId, [
      { type: 'state', status: 'running', startedAt: 1_790_000_000_000, name: name ?? '' },
      { type: 'params', params: { rate: rate ?? '', seed: String(index), model: 'resnet18' } },
      { type: 'tags', tags: { 'mlflow.source.name': 'train.ipynb', team: 'vision' } },
      { type: 'points', key: 'val_loss', steps, times: steps.map((step) => 1_790_000_000_000 + step), values: steps.map((step) => 1 / (1 + step / 1000) + (step % 7) / 100 + index / 10) },
      { type: 'points', key: 'f1', steps: [0, 1], times: [0, 1], values: [0.5, 0.8 + index / 100] },
      { type: 'dataset', name: 'cifar', digest: 'a1b2c3', sourceType: 'local', source: 'data/cifar', schema: null, profile: null, tags: {} },
      { type: 'state', status: 'finished', endedAt: 1_790_000_100_000 },
    ]);
  }
  await store.index();
  store.close();
}

async function runStudy(workspace: string): Promise<string> {
  const engine = await createEngine({ workspace, mode: 'host', spawn: process.env['REPRISE_TEST_WORKER'] === undefined ? localWorkers() : localSpawn(process.env['REPRISE_TEST_WORKER']), cores: 2 });
  try {
    writeFileSync(join(code, 'train.py'), TRAIN);
    const study = { experiment: 'rates', design: 'one-at-a-time', seeds: [1, 2], baseline: { task: { command: ['python3', 'train.py', '{seed}', '{rate}'], outputs: ['out/*'] }, params: { rate: 0.1 }, seed: 1, selection: { metric: 'loss' } }, factors: [{ path: 'params.rate', levels: [0.5] }] };
    writeFileSync(join(code, 'study.yaml'), formatYaml(study));
    const started = await engine.call('studies.start', { study: join(code, 'study.yaml') });
    if (!started.ok) throw new Error(JSON.stringify(started.error));
    const ended = await engine.call('runs.wait', { runs: started.value.runs.map(({ run }) => run) });
    expect(ended.ok ? ended.value.map(({ status }) => status) : ended.error).toEqual(['finished', 'finished', 'finished', 'finished']);
    const exported = await engine.call('bundle.export', { target: 'rates', out: join(code, 'rates.crate.zip'), license: 'MIT' });
    if (!exported.ok) throw new Error(JSON.stringify(exported.error));
    return started.value.runs[0]?.run ?? '';
  } finally {
    await engine.close();
  }
}


/** Looks at the view in light and dark: no rule of axe broken, nothing cut off. */
async function judge(name: string): Promise<void> {
  for (const look of SMALL) {
    await putOn(app, look);
    if (pictures !== undefined) await app.page.screenshot({ path: join(pictures, `${name}-${look.scheme}.png`) });
    expect(await violations(app.page), `${name}, ${look.scheme}`).toEqual([]);
    expect(await app.page.evaluate(() => [document.documentElement, ...document.querySelectorAll('main, .view-pane')].filter((element) => element.scrollWidth > element.clientWidth + 1).length), `${name} is cut off`).toBe(0);
  }
}

beforeAll(async () => {
  here = await scene();
  code = mkdtempSync(join(tmpdir(), 'reprise-kinds-'));
  await logRuns(here.workspace);
  commandRun = await runStudy(here.workspace);
  app = await here.open();
  app.page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
  app.page.on('pageerror', (error) => said.push(String(error)));
  await engineReady(app.page);
}, 120_000);
afterAll(async () => {
  await here.end();
  rmSync(code, { recursive: true, force: true });
});

describe('the page of a command run', () => {
  it('shows its metrics, output, files and code', async () => {
    const { page } = app;
    await page.getByRole('button', { name: 'rates' }).first().click();
    await page.getByText('rate=0.5').first().waitFor();
    await judge('runs-of-commands');
    await page.getByText('baseline').first().dblclick();
    await page.getByRole('heading', { name: /baseline, seed/u }).waitFor();
    await page.getByText('train.py').first().waitFor();
    await page.locator('.run-series .chart-plot svg').first().waitFor();
    await judge('command-run');
    await page.getByRole('button', { name: 'accuracy', exact: true }).click();
    await page.getByText('400 points, each as it was logged.').waitFor();
    await page.getByRole('tab', { name: 'Output' }).click();
    await page.getByText('"step": 0,').first().waitFor();
    await judge('command-output');
    await page.getByRole('tab', { name: 'Files' }).click();
    const target = join(code, 'saved.txt');
    await answerDialogs(page, target);
    await page.getByRole('button', { name: 'Save out/model.txt' }).click();
    await page.getByText('File saved').waitFor();
    await judge('command-files');
    await page.getByRole('tab', { name: 'Provenance' }).click();
    await page.getByText('Snapshot (SHA-256)').waitFor();
    await judge('command-provenance');
    expect(commandRun).not.toBe('');
    expect(said).toEqual([]);
  }, 120_000);
});

describe('the page of a logged run', () => {
  it('goes by its name, and asks for a closer look where one zooms', async () => {
    const { page } = app;
    await page.getByRole('button', { name: 'Experiments' }).first().click();
    await page.getByRole('button', { name: 'notebook' }).first().click();
    await page.getByText('brave-fox-1').first().dblclick();
    await page.getByRole('heading', { name: 'brave-fox-1' }).waitFor();
    await page.getByText('logged over the tracking API of MLflow').waitFor();
    await page.getByRole('button', { name: 'val_loss' }).click();
    await page.getByText(/20,000 points, drawn as [\d,]+ means/u).waitFor();
    await judge('logged-run');
    const box = await page.locator('.run-series .chart-plot .nsewdrag').first().boundingBox();
    if (box === null) throw new Error('no chart');
    await page.mouse.move(box.x + box.width * 0.4, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.6, box.y + box.height - 20, { steps: 5 });
    await page.mouse.up();
    await page.getByText(/^[\d,]+ of 20,000 points are in view/u).waitFor();
    expect(said).toEqual([]);
  }, 60_000);
});

describe('the comparison of logged runs', () => {
  it('is by the metric that one chooses', async () => {
    const { page } = app;
    await page.getByRole('button', { name: 'Compare' }).first().click();
    await page.getByRole('combobox', { name: 'Experiment' }).click();
    await page.getByRole('option', { name: 'notebook' }).click();
    await page.getByText(/so f1, which most runs have, stands for it/u).waitFor();
    await judge('compare-logged');
    const bundle = page.getByRole('button', { name: 'Export bundle' });
    expect([await bundle.getAttribute('aria-disabled'), await bundle.getAttribute('title')]).toEqual(['true', expect.stringContaining('nobody recorded what would execute them again')]);
    await page.getByRole('combobox', { name: 'Metric' }).click();
    await page.getByRole('option', { name: 'val_loss' }).click();
    await page.getByText(/val_loss was asked for/u).waitFor();
    expect(said).toEqual([]);
  }, 60_000);
});

describe('a bundle of commands', () => {
  it('shows its programs before it is trusted, and the series of its verdict', async () => {
    const { page } = app;
    await answerDialogs(page, join(code, 'rates.crate.zip'));
    await page.getByRole('button', { name: 'Bundles' }).first().click();
    await page.getByRole('button', { name: 'Open bundle…' }).first().click();
    await page.getByText('Reproducing starts these programs with your rights', { exact: false }).waitFor();
    await judge('bundle-of-commands');
    await page.getByRole('checkbox', { name: /I trust this bundle/u }).check();
    await page.getByRole('button', { name: /^Reproduce 4/u }).click();
    await page.getByText('gave the recorded metrics, bit for bit', { exact: false }).first().waitFor({ timeout: 40_000 });
    await judge('verdict-of-commands');
    expect(said).toEqual([]);
  }, 180_000);
});
