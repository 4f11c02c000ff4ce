/** Long work and the page that shows it: each lives without the other. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cliJson, smallConfig } from '../helpers/cli';
import { answerDialogs, engineReady, scene } from './reprise-app';

it('a reproduction is found again by a page that was loaded anew, with where each run is, and leads to its verdict', async () => {
  const here = await scene();
  try {
    const { folder, workspace } = here;
    const config = await folder.write('config.yaml', smallConfig({ epochs: 200, samples: 2000 }));
    await cliJson(['run', config, '--workspace', workspace]);
    const bundle = join(folder.path, 'one.crate.zip');
    await cliJson(['export', 'small', '-o', bundle, '--license', 'CC-BY-4.0', '--no-calibrate', '--workspace', workspace]);

    const { page } = await here.open();
    await engineReady(page);
    await answerDialogs(page, bundle);
    const main = page.locator('main');
    const openBundle = async (): Promise<void> => {
      await page.getByRole('navigation', { name: 'Places' }).getByRole('button', { name: 'Bundles', exact: true }).click();
      await main.getByRole('button', { name: 'Open bundle…' }).click();
    };
    await openBundle();
    await main.getByRole('checkbox', { name: /trust/iu }).click();
    await main.getByRole('button', { name: 'Reproduce 1' }).click();
    await main.getByRole('region', { name: 'Runs that are re-executed' }).waitFor();

    await page.reload();
    await openBundle();
    await main.getByRole('region', { name: 'Runs that are re-executed' }).waitFor();
    expect(await main.getByRole('button', { name: 'Reproduce 1' }).isDisabled()).toBe(true);
    await main.getByRole('heading', { name: 'What a verdict does not say' }).waitFor({ timeout: 60_000 });
    expect(await main.getByText('Identical', { exact: true }).count()).toBeGreaterThan(0);
  } finally {
    await here.end();
  }
}, 120_000);
