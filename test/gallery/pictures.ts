/** Where pictures go, and how one is taken. */
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RepriseApp } from '../e2e/reprise-app';

export const PICTURES = process.env['REPRISE_PICTURES'] ?? join(tmpdir(), 'reprise-gallery');

export const SIZES = [
  [1280, 800],
  [1920, 1080],
] as const;
export const SCHEMES = ['light', 'dark'] as const;

/** Calls `look` with the window in both sizes, light and dark. */
export async function everyLook({ app, page }: RepriseApp, look: (size: string, scheme: (typeof SCHEMES)[number]) => Promise<void>): Promise<void> {
  for (const [width, height] of SIZES) {
    await app.evaluate(({ BrowserWindow }, size) => BrowserWindow.getAllWindows()[0]?.setContentSize(size.width, size.height), { width, height });
    await page.waitForFunction((size) => innerWidth === size.width && innerHeight === size.height, { width, height });
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      // Charts follow the size and the colours a moment later, when the page has nothing else to do.
      await page.waitForTimeout(400);
      await page.evaluate(() => new Promise((resolve) => requestIdleCallback(resolve, { timeout: 3000 })));
      await look(`${width}x${height}`, colorScheme);
    }
  }
}

/** The view in all four looks as `NAME-SIZE-SCHEME.png`. */
export async function photograph(app: RepriseApp, name: string): Promise<void> {
  await mkdir(PICTURES, { recursive: true });
  await everyLook(app, async (size, scheme) => {
    await app.page.screenshot({ path: join(PICTURES, `${name}-${size}-${scheme}.png`) });
  });
}
