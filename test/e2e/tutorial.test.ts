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

/** Goes through the tutorial, and answers with the verdict it came to. */
async function go(by: (action: Action, app: RepriseApp) => Promise<void>): Promise<string> {
  const app = await here.open();
  await engineReady(app.page);
  const file = join(here.folder.path, 'mnist-ablation.crate.zip');
  await answerDialogs(app.page, file);
  for (const action of tutorial) {
    await by(action, app);
    await action.until(app.page);
  }
  expect((await stat(file)).size).toBeGreaterThan(100_000);
  const table = await app.app.evaluate(({ clipboard }) => clipboard.readText());
  expect(table).toContain('\\toprule');
  expect(table).toContain('\\bottomrule');
  const verdicts = await app.page.evaluate(() => window.reprise.verdictsList({}));
  const [kept] = verdicts.ok ? verdicts.value : [];
  expect(kept?.runs).toBe(15);
  return kept?.verdict ?? 'no verdict';
}

it('takes less than 15 actions', () => {
  expect(tutorial.length).toBeLessThan(15);
});

it('by mouse', async () => {
  await expect(go((action, { page }) => action.mouse(page))).resolves.toBe('identical');
}, LIMIT);

it('by keyboard alone', async () => {
  await expect(go((action, { page }) => action.keyboard(page))).resolves.toBe('identical');
}, LIMIT);
