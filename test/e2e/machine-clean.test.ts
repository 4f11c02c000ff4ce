/** Cleaning up a cluster whose login host is this machine, by hand: what would go is shown before anything does. */
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LOOKS, putOn } from '../gallery/pictures';
import { violations } from './axe';
import { engineReady, scene, type RepriseApp, type Scene } from './reprise-app';

const pictures = process.env['REPRISE_PICTURES'];
const looks = LOOKS.filter(({ width }) => width === 1280);

describe.skipIf(process.platform !== 'linux')('a machine in the window', () => {
  let here: Scene;
  let app: RepriseApp;
  beforeAll(async () => {
    here = await scene();
    app = await here.open();
    await engineReady(app.page);
  }, 60_000);
  afterAll(() => here?.end());

  it('says what lies there and how large, and removes it when it is told to', async () => {
    const { page } = app;
    const folder = join(here.folder.path, 'there');
    const kit = join(folder, 'kit', 'f'.repeat(32));
    mkdirSync(kit, { recursive: true });
    writeFileSync(join(kit, 'outpost.js'), 'x'.repeat(2_500_000));
    utimesSync(kit, 1_700_000_000, 1_700_000_000);
    utimesSync(join(kit, 'outpost.js'), 1_700_000_000, 1_700_000_000);
    expect(await page.evaluate((given) => window.reprise.machinesAdd({ name: 'far', machine: { kind: 'slurm', folder: given } }), folder)).toMatchObject({ ok: true });
    await page.getByRole('navigation', { name: 'Places' }).getByRole('button', { name: 'Machines', exact: true }).click();
    await page.locator('main').getByRole('button', { name: 'far' }).click();
    const judge = async (name: string): Promise<void> => {
      for (const look of looks) {
        await putOn(app, look);
        if (pictures !== undefined) await page.screenshot({ path: join(pictures, `${name}-${look.scheme}.png`) });
        expect(await violations(page), `${name}, ${look.scheme}`).toEqual([]);
      }
    };

    await page.getByRole('button', { name: 'Clean up…' }).click();
    const dialog = page.getByRole('alertdialog', { name: 'Clean up far' });
    await dialog.getByRole('list', { name: 'Would go' }).getByRole('listitem').getByText('2.5 MB').waitFor({ timeout: 30_000 });
    await judge('machine-clean');
    expect(existsSync(kit)).toBe(true);
    await dialog.getByRole('button', { name: 'Remove 2.5 MB' }).click();
    await page.getByRole('status', { name: 'Clean up far' }).getByText('2.5 MB removed from').waitFor();
    expect(existsSync(kit)).toBe(false);
    await judge('machine-cleaned');
    await page.getByRole('button', { name: 'Close', exact: true }).click();
    await page.getByRole('button', { name: 'Clean up…' }).waitFor();
  }, 90_000);
});
