/** Every view and state of the window, and the way there: what axe judges and the gallery shows. */
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Locator, Page } from 'playwright';
import { alterLoss, pack, remakeHashes, unpack } from '../helpers/bundle-surgery';
import { cliJson, smallConfig, startCli } from '../helpers/cli';
import { answerDialogs, chooseFile, engineReady, getRun, startRun, until, type RepriseApp, type Scene } from './reprise-app';

export interface Shot {
  readonly name: string;
  /** Brings the window there from the shot before. */
  readonly show: (app: RepriseApp) => Promise<void>;
}

export interface Stage {
  readonly name: string;
  /** Opens the app with what the stage's shots need. */
  readonly open: (scene: Scene) => Promise<{ readonly app: RepriseApp; readonly shots: readonly Shot[]; readonly end?: () => Promise<void> }>;
}

const LONG_NAME = 'a learning rate that is far too high for this network and its data, so that it diverges';

const main = (page: Page): Locator => page.locator('main');
const rail = (page: Page, name: string): Promise<void> => page.getByRole('navigation', { name: 'Places' }).getByRole('button', { name, exact: true }).click();
const shown = (page: Page, heading: string | RegExp): Promise<void> => main(page).getByRole('heading', { level: 1, name: heading }).waitFor();

async function toRail(page: Page, name: string, heading: string | RegExp = name): Promise<void> {
  await rail(page, name);
  await shown(page, heading);
}

function study(experiment: string, seeds: string): string {
  return `# How much do width and dropout matter?
experiment: ${experiment}
design: one-at-a-time
seeds: ${seeds}
factors:
  - { path: model.dropout, levels: [0, 0.3] }
  - name: width
    levels:
      - { label: narrow, set: { model.hidden: [8] } }
      - { label: wide and with a name that does not fit into a narrow column, set: { model.hidden: [96] } }
baseline:
  model: { kind: mlp, hidden: [32], dropout: 0.1 }   # two layers
  training: { learningRate: 0.02, batchSize: 32, epochs: 8, checkpointEvery: 20, hashEvery: 10 }
  data: { kind: spirals, samples: 600, noise: 0.1 }
  selection: { metric: accuracy, checkpoint: best }
`;
}

const first: Stage = {
  name: 'first',
  open: async (scene) => {
    const app = await scene.open();
    await engineReady(app.page);
    return {
      app,
      shots: [
        { name: 'first-start', show: ({ page }) => main(page).getByRole('button', { name: /^Run \d+/u }).waitFor() },
        { name: 'ablations-empty', show: ({ page }) => toRail(page, 'Ablations') },
        { name: 'compare-empty', show: ({ page }) => toRail(page, 'Compare') },
        { name: 'bundles-empty', show: ({ page }) => toRail(page, 'Bundles') },
        { name: 'machines', show: ({ page }) => toRail(page, 'Machines').then(() => main(page).getByText('ONNX Runtime').waitFor()) },
        {
          name: 'machines-add',
          show: async ({ page }) => {
            await main(page).getByRole('button', { name: 'Add machine' }).click();
            await page.getByRole('textbox', { name: 'Name' }).fill('cluster');
            await page.getByRole('radiogroup', { name: 'Kind of machine' }).getByText('Slurm').click();
            await page.getByRole('textbox', { name: 'Login host' }).fill('ada@login.example.org');
            await page.getByRole('textbox', { name: 'Fields of executor that hold there' }).fill('partition=gpu\ntime=2:00:00');
          },
        },
        {
          name: 'machines-tested',
          show: async ({ page }) => {
            await page.getByRole('radiogroup', { name: 'Kind of machine' }).getByText('Docker').click();
            await page.getByRole('textbox', { name: 'Name' }).fill('box');
            await page.getByRole('textbox', { name: 'Docker Engine' }).fill('unix:///nowhere/docker.sock');
            await page.getByRole('textbox', { name: 'Host', exact: true }).fill('');
            await page.getByRole('textbox', { name: 'Fields of executor that hold there' }).fill('image=box:1');
            await page.getByRole('complementary').getByRole('button', { name: 'Add machine' }).click();
            await page.getByRole('complementary').getByRole('button', { name: 'Test', exact: true }).click();
            await main(page).getByText('Lacks Connection').waitFor();
          },
        },
        { name: 'machines-remove', show: ({ page }) => page.getByRole('button', { name: 'Remove…' }).click().then(() => page.getByRole('alertdialog').waitFor()) },
        {
          name: 'tracking-server',
          show: async ({ page }) => {
            await main(page).getByRole('button', { name: 'Start the server' }).click();
            await main(page).getByText(/^Running on port/u).waitFor();
          },
        },
        { name: 'import', show: ({ page }) => main(page).getByRole('button', { name: 'Import the folder of its logs' }).click().then(() => shown(page, 'Import runs')) },
        {
          name: 'import-found',
          show: async ({ page }) => {
            await answerDialogs(page, await scene.folder.write('runs.csv', `name,experiment,params.lr,metrics.loss\n${LONG_NAME.replaceAll(',', '')},sweep,0.1,0.5\nsecond,sweep,0.2,none\n`));
            await main(page).getByRole('button', { name: 'Choose file…' }).click();
            await main(page).getByText('2 new').waitFor();
          },
        },
        {
          name: 'import-nothing',
          show: async ({ page }) => {
            await main(page).getByRole('button', { name: 'Choose another…' }).click();
            await answerDialogs(page, scene.folder.path);
            await main(page).getByRole('button', { name: 'Choose folder…' }).click();
            await main(page).getByText('IMPORT_FORMAT_UNKNOWN').waitFor();
          },
        },
        { name: 'settings', show: ({ page }) => toRail(page, 'Settings') },
        {
          name: 'palette',
          show: async ({ page }) => {
            await page.keyboard.press('Control+k');
            await page.getByRole('textbox', { name: 'Find a command' }).waitFor();
          },
        },
        {
          name: 'editor-new',
          show: async ({ page }) => {
            await page.keyboard.press('Escape');
            await page.keyboard.press('Control+n');
            await page.locator('.cm-content').waitFor();
          },
        },
        {
          name: 'editor-sample',
          show: async ({ page }) => {
            await page.keyboard.press('Control+k');
            await page.getByRole('textbox', { name: 'Find a command' }).fill('sample');
            await page.keyboard.press('Enter');
            await main(page).getByRole('button', { name: /^Run \d+/u }).waitFor();
          },
        },
        {
          name: 'editor-program',
          show: async ({ page }) => {
            await page.keyboard.press('Control+k');
            await page.getByRole('textbox', { name: 'Find a command' }).fill('sample ablation of a program');
            await page.keyboard.press('Enter');
            await main(page).getByText('train.py').first().waitFor();
            await main(page).getByRole('button', { name: 'Run 12' }).waitFor();
          },
        },
        {
          name: 'editor-wrong',
          show: async ({ page }) => {
            await page.locator('.cm-content').click();
            await page.keyboard.press('Control+Home');
            await page.keyboard.type('design: gird\nseed: many\n');
            await page.locator('.cm-lint-marker-error').first().waitFor();
          },
        },
      ],
    };
  },
};

/** Two bundles made of one: with the recorded losses of a step changed and all hashes made anew, and with them left as they were. */
async function altered(from: string, forged: string, tampered: string): Promise<void> {
  const files = await unpack(from);
  for (const [path, log] of files) if (path.endsWith('events.log')) files.set(path, alterLoss(log, 60, (loss) => loss * 2));
  await pack(files, tampered);
  remakeHashes(files);
  await pack(files, forged);
}

const work: Stage = {
  name: 'work',
  open: async (scene) => {
    const { folder, workspace } = scene;
    await cliJson(['ablate', await folder.write('width.yaml', study('spirals-width', '[1, 2, 3]')), '--workspace', workspace]);
    const bundle = join(folder.path, 'spirals-width.crate.zip');
    await cliJson(['export', 'spirals-width', '-o', bundle, '--license', 'CC-BY-4.0', '--no-calibrate', '--workspace', workspace]);
    const [forged, tampered] = [join(folder.path, 'forged.crate.zip'), join(folder.path, 'tampered.crate.zip')];
    await altered(bundle, forged, tampered);
    const app = await scene.open();
    const { page } = app;
    await engineReady(page);
    const tooFast = smallConfig({ experiment: LONG_NAME }).replace(/learningRate: [0-9.]+/u, 'learningRate: 900, optimizer: { kind: sgd, momentum: 0.99 }');
    const diverged = await startRun(page, await folder.write('diverging.yaml', tooFast));
    await page.evaluate((run) => window.reprise.runsWait({ runs: [run] }), diverged);
    const long = await folder.write('long.yaml', smallConfig({ experiment: 'spirals-long', epochs: 30_000, samples: 3000, checkpointEvery: 150 }));
    const runs: string[] = [];
    for (const seed of [1, 2, 3, 4, 5]) runs.push(await startRun(page, long, { seed }));
    // The third waits for a core; what it finds when its turn comes makes it fail.
    await writeFile(join(workspace, 'runs', runs[2] ?? '', 'run.json'), 'damaged');
    await until('a step of the second run', async () => ((await getRun(page, runs[1] ?? ''))?.stepsDone ?? 0) > 0);
    await page.evaluate((run) => window.reprise.runsCancel({ run }), runs[0] ?? '');
    await until('the failure of the third', async () => (await getRun(page, runs[2] ?? ''))?.status === 'failed');

    const row = (name: string | RegExp): Locator => main(page).getByRole('row', { name }).first();
    const tab = (name: string): Promise<void> => main(page).getByRole('tab', { name }).click();
    const open = async (file: string): Promise<void> => {
      await answerDialogs(page, file);
      await rail(page, 'Bundles');
      await main(page).getByRole('button', { name: /^Open bundle/u }).click();
      await main(page).getByRole('heading', { name: 'Checks' }).waitFor();
    };
    const reproduce = async (file: string): Promise<string> => {
      await chooseFile(page, file, 'bundle');
      return page.evaluate(async (path) => {
        const inspected = await window.reprise.bundleInspect({ file: path });
        if (!inspected.ok) throw new Error(inspected.error.message);
        const done = await window.reprise.bundleReproduce({ file: path, trust: inspected.value.digest, runs: 2 });
        if (!done.ok) throw new Error(done.error.message);
        const kept = await window.reprise.verdictsList({});
        return kept.ok ? (kept.value[0]?.sentence ?? '') : '';
      }, file);
    };

    return {
      app,
      shots: [
        { name: 'runs', show: async () => { await rail(page, 'Experiments'); await row(/Running/u).waitFor(); } },
        { name: 'runs-selected', show: async () => { await row(/Failed/u).click(); await page.getByRole('complementary').getByRole('button', { name: /Open run/u }).waitFor(); } },
        { name: 'runs-several', show: async () => { await row(/Finished/u).click(); await page.keyboard.press('Shift+ArrowDown'); await page.keyboard.press('Shift+ArrowDown'); } },
        { name: 'runs-menu', show: async () => { await page.keyboard.press('Shift+F10'); await page.getByRole('menu').waitFor(); } },
        { name: 'runs-nothing', show: async () => { await page.keyboard.press('Escape'); await page.keyboard.press('Control+f'); await page.keyboard.type('no such run'); await main(page).getByText('No run meets the filter').waitFor(); } },
        { name: 'runs-experiment', show: async () => { await main(page).getByRole('button', { name: 'Show all runs' }).click(); await page.getByRole('button', { name: /^spirals-width/u }).or(page.getByRole('option', { name: /^spirals-width/u })).first().click(); await shown(page, 'spirals-width'); } },
        { name: 'runs-variants', show: async () => { await main(page).getByText('Variants', { exact: true }).click(); await main(page).getByText('wide and with').first().waitFor(); } },
        {
          name: 'export-runs',
          show: async () => {
            await main(page).getByText('Runs', { exact: true }).first().click();
            await main(page).getByRole('button', { name: 'More actions' }).click();
            await page.getByRole('menuitem', { name: 'Export runs…' }).click();
            await shown(page, /^Export runs/u);
            await page.keyboard.press('Alt+ArrowLeft');
            await shown(page, 'spirals-width');
            await page.keyboard.press('Alt+ArrowRight');
            await shown(page, /^Export runs/u);
          },
        },
        { name: 'run-config', show: async () => { await page.keyboard.press('Alt+ArrowLeft'); await shown(page, 'spirals-width'); await row(/baseline/u).dblclick(); await tab('Config'); } },
        { name: 'run-provenance', show: () => tab('Provenance') },
        { name: 'run-reproducibility', show: () => tab('Reproducibility') },
        { name: 'run-log', show: () => tab('Log') },
        { name: 'run-artifacts', show: () => tab('Artifacts and checkpoints') },
        { name: 'run-lineage', show: () => tab('Lineage') },
        { name: 'run-unreadable', show: async () => { await rail(page, 'Experiments'); await row(/Failed/u).dblclick(); await main(page).getByText('The run could not be read').waitFor(); } },
        { name: 'run-cancelled', show: async () => { await rail(page, 'Experiments'); await row(/Cancelled/u).dblclick(); await main(page).getByRole('button', { name: 'Retry' }).waitFor(); } },
        { name: 'run-running', show: async () => { await rail(page, 'Experiments'); await row(/Running/u).dblclick(); await tab('Log'); await main(page).getByText(/step .* of/u).first().waitFor(); } },
        { name: 'ablations', show: async () => { await page.evaluate((ids) => Promise.all(ids.map((run) => window.reprise.runsCancel({ run }))), runs); await toRail(page, 'Ablations'); } },
        { name: 'study', show: async () => { await row(/spirals-width/u).dblclick(); await shown(page, /spirals-width/u); } },
        { name: 'compare', show: async () => { await main(page).getByRole('button', { name: 'Compare' }).click(); await main(page).getByRole('img', { name: /difference/iu }).first().waitFor(); } },
        { name: 'compare-curves', show: async () => { await main(page).getByRole('heading', { name: 'Curves' }).scrollIntoViewIfNeeded(); await page.locator('.view-pane').evaluate((pane) => pane.scrollTo(0, pane.scrollHeight)); } },
        { name: 'side-by-side', show: async () => { await rail(page, 'Experiments'); await row(/baseline/u).click(); await page.keyboard.press('Shift+ArrowDown'); await page.keyboard.press('Control+k'); await page.getByRole('textbox', { name: 'Find a command' }).fill('side by side'); await page.keyboard.press('Enter'); await shown(page, /Side by side/iu); } },
        { name: 'export', show: async () => { await rail(page, 'Ablations'); await row(/spirals-width/u).dblclick(); await main(page).getByRole('button', { name: 'Export bundle' }).click(); await shown(page, /Export/u); await main(page).getByText(/≈/u).first().waitFor(); } },
        { name: 'bundle', show: () => open(bundle) },
        { name: 'bundle-altered', show: () => open(tampered) },
        { name: 'bundles', show: async () => { await reproduce(bundle); await reproduce(forged); await toRail(page, 'Bundles'); await main(page).getByText('Identical').first().waitFor(); } },
        { name: 'verdict', show: async () => { await row(/Identical/u).dblclick(); await main(page).getByRole('img').first().waitFor(); } },
        { name: 'verdict-diverged', show: async () => { await toRail(page, 'Bundles'); await row(/Diverged/u).dblclick(); await main(page).getByRole('img').first().waitFor(); } },
        { name: 'study-running', show: async () => {
          const file = await folder.write('long-study.yaml', study('spirals-long-study', '[1, 2, 3, 4]').replace('epochs: 8', 'epochs: 300'));
          await chooseFile(page, file);
          const started = await page.evaluate((path) => window.reprise.studiesStart({ study: path }), file);
          if (!started.ok) throw new Error(started.error.message);
          await toRail(page, 'Ablations');
          await row(/spirals-long-study/u).dblclick();
          await main(page).getByText(/running/iu).first().waitFor();
          await until('a finished cell', async () => { const answer = await page.evaluate(() => window.reprise.studiesGet({ studyId: 'spirals-long-study' })); return answer.ok && (answer.value.byStatus.finished ?? 0) > 1; }, 60_000);
        } },
        { name: 'compare-provisional', show: async () => { await page.evaluate(() => window.reprise.studiesPause({ studyId: 'spirals-long-study' })); await toRail(page, 'Compare'); } },
        { name: 'study-paused', show: async () => { await toRail(page, 'Ablations'); await row(/spirals-long-study/u).dblclick(); await main(page).getByRole('button', { name: 'Resume' }).waitFor(); } },
      ],
    };
  },
};

const taken: Stage = {
  name: 'taken',
  open: async (scene) => {
    const { child, done } = startCli(['run', await scene.folder.write('long.yaml', smallConfig({ epochs: 5000, samples: 3000 })), '--workspace', scene.workspace]);
    const end = async (): Promise<void> => {
      child.kill('SIGKILL');
      await done;
    };
    try {
      await until('the command line holds the workspace', () => stat(join(scene.workspace, 'host.lock')).then(() => true, () => false));
      const app = await scene.open();
      return { app, end, shots: [{ name: 'workspace-taken', show: ({ page }) => page.getByText('WORKSPACE_IN_USE').waitFor() }] };
    } catch (error) {
      await end();
      throw error;
    }
  },
};

export const stages: readonly Stage[] = [first, work, taken];
