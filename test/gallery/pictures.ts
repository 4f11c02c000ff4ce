/** Where pictures go, and how one is taken. */
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RepriseApp } from '../e2e/reprise-app';

export const PICTURES = process.env['REPRISE_PICTURES'] ?? join(tmpdir(), 'reprise-gallery');

export interface Look {
  readonly width: number;
  readonly height: number;
  readonly scheme: 'light' | 'dark';
}

export const LOOKS: readonly Look[] = [
  { width: 1280, height: 800, scheme: 'light' },
  { width: 1280, height: 800, scheme: 'dark' },
  { width: 1920, height: 1080, scheme: 'dark' },
  { width: 1920, height: 1080, scheme: 'light' },
];

/** Gives the window a look, and waits until the view has followed. */
export async function putOn({ app, page }: RepriseApp, { width, height, scheme }: Look): Promise<void> {
  await app.evaluate(({ BrowserWindow }, size) => BrowserWindow.getAllWindows()[0]?.setContentSize(size.width, size.height), { width, height });
  await page.waitForFunction((size) => innerWidth === size.width && innerHeight === size.height, { width, height });
  await page.emulateMedia({ colorScheme: scheme });
  // Charts follow the size and the colours a moment later, when the page has nothing else to do.
  await page.waitForTimeout(300);
  await page.evaluate(() => new Promise((resolve) => requestIdleCallback(resolve, { timeout: 2000 })));
}

/** The view in all looks as `NAME-WIDTHxHEIGHT-SCHEME.png`. */
export async function photograph(app: RepriseApp, name: string): Promise<void> {
  await mkdir(PICTURES, { recursive: true });
  for (const look of LOOKS) {
    await putOn(app, look);
    await app.page.screenshot({ path: join(PICTURES, `${name}-${look.width}x${look.height}-${look.scheme}.png`) });
  }
}
