/** Pictures and text of the README's tutorial. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { answerDialogs, engineReady, scene, type Scene } from '../e2e/reprise-app';
import { tutorial } from '../e2e/tutorial';
import { PICTURES } from './pictures';

let here: Scene;
beforeEach(async () => {
  here = await scene();
});
afterEach(() => here.end());

it('the tutorial', async () => {
  const folder = join(PICTURES, 'tutorial');
  await mkdir(folder, { recursive: true });
  const { page } = await here.open();
  await engineReady(page);
  await page.emulateMedia({ colorScheme: 'light' });
  await answerDialogs(page, join(here.folder.path, 'mnist-ablation.crate.zip'));
  const lines: string[] = [];
  for (const [index, action] of tutorial.entries()) {
    await action.mouse(page);
    await action.until(page);
    lines.push(`${index + 1}. ${action.does}`);
    if (action.picture === undefined) continue;
    const { name, caption } = action.picture;
    // Words that come and go are no part of the view.
    await page.waitForTimeout(name === '1-watch' ? 12_000 : 1000);
    await page.screenshot({ path: join(folder, `${name}.png`) });
    lines.push('', `   ![${caption}](resources/tutorial/${name}.png)`, '', `   *${caption}*`, '');
  }
  await writeFile(join(folder, 'tutorial.md'), `${lines.join('\n')}\n`);
  expect(lines.length).toBeGreaterThan(tutorial.length);
}, 900_000);
