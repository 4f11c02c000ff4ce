/** The main job from first start to verdict, by mouse and again by keyboard alone. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { answerDialogs, engineReady, scene, type RepriseApp, type Scene } from './reprise-app';
import { tutorial, type Action } from './tutorial';

const LIMIT = 600_000;

let here: Scene;
beforeEach(async () => {
  here = await scene();
});
afterEach(() => here.end());

async function go(by: (action: Action, app: RepriseApp) => Promise<void>): Promise<void> {
  const app = await here.open();
  await engineReady(app.page);
  const file = join(here.folder.path, 'mnist-ablation.crate.zip');
  await answerDialogs(app.page, file);
  for (const action of tutorial) {
    await by(action, app);
    await action.then(app.page);
  }
  expect((await stat(file)).size).toBeGreaterThan(100_000);
  const table = await app.app.evaluate(({ clipboard }) => clipboard.readText());
  expect(table).toContain('\\toprule');
  expect(table).toContain('\\bottomrule');
  const verdicts = await app.page.evaluate(() => window.reprise.verdictsList({}));
  expect(verdicts).toMatchObject({ ok: true, value: [{ verdict: 'identical', runs: 15 }] });
}

it('takes less than 15 actions', () => {
  expect(tutorial.length).toBeLessThan(15);
});

it('by mouse', () => go((action, { page }) => action.mouse(page)), LIMIT);

it('by keyboard alone', () => go((action, { page }) => action.keyboard(page)), LIMIT);
