/** The filter box of the runs: words as ever, the language of filters, and what it says of a mistake. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RunResult } from '../../src/api/rows';
import { cliJson, smallConfig } from '../helpers/cli';
import { scene, type Scene } from './reprise-app';

const LIMIT = 120_000;
const ROW = '.grid-row[data-index]';

let here: Scene;
beforeEach(async () => {
  here = await scene();
});
afterEach(() => here.end());

it('takes words and comparisons, and points at what it cannot read', async () => {
  const config = await here.folder.write('small.yaml', smallConfig({ experiment: 'filtered' }));
  for (const seed of ['1', '2', '3']) await cliJson<RunResult>(['run', config, '--seed', seed, '--workspace', here.workspace]);
  const { page } = await here.open();
  await page.waitForSelector(ROW);
  const box = page.getByRole('searchbox', { name: 'Filter runs' });
  const shown = async (text: string, rows: number): Promise<void> => {
    await box.fill(text);
    await page.waitForFunction(([selector, count]) => document.querySelectorAll(selector).length === count, [ROW, rows] as const);
  };
  await shown('finished filtered-2', 1);
  await shown('seed in (1, 3) and status = finished', 2);
  await shown('params.seed >= 2 and not (seed = 3)', 1);
  await shown('filtered', 3);

  // What is half written changes nothing but, after a while, says what is missing.
  await box.fill('seed = 2 and staus = failed');
  const mistake = page.getByRole('alert').filter({ hasText: 'Column 14' });
  await mistake.waitFor();
  expect(await mistake.innerText()).toContain('there is no field "staus". Did you mean "status"?');
  expect(await mistake.locator('mark').innerText()).toBe('staus');
  expect(await box.getAttribute('aria-invalid')).toBe('true');
  expect(await page.locator(ROW).count()).toBe(3);
  await shown('seed = 2 and status = finished', 1);
  expect(await mistake.count()).toBe(0);

  await page.getByRole('button', { name: 'How to filter' }).click();
  await page.getByRole('button', { name: /^status = failed and created/u }).click();
  expect(await box.inputValue()).toBe('status = failed and created > now - 7d');
  await page.getByText('No run meets the filter').waitFor();
}, LIMIT);
