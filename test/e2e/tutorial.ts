/**
 * The main job as a list of actions: what the end-to-end test does by mouse and by keyboard, what `npm run tutorial` takes
 * pictures of, and what the README tells.
 */
import type { Locator, Page } from 'playwright';

export interface Action {
  /** What the user does, in the README's words. */
  readonly does: string;
  readonly mouse: (page: Page) => Promise<void>;
  readonly keyboard: (page: Page) => Promise<void>;
  /** Settles when the action has had its effect. */
  readonly until: (page: Page) => Promise<void>;
  /** Name and caption of the picture that is taken after it. */
  readonly picture?: { readonly name: string; readonly caption: string };
}

/** Long enough for 15 trainings on a busy machine. */
const TRAINING_MS = 300_000;

/** Presses Tab until the element has the focus. @throws where 80 presses do not get there */
export async function tabTo(page: Page, element: Locator): Promise<void> {
  await element.waitFor();
  for (let presses = 0; presses < 80; presses += 1) {
    if (await element.evaluate((node) => node === document.activeElement)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error('80 presses of Tab do not lead to the element');
}

async function tabAndPress(page: Page, element: Locator, key: string): Promise<void> {
  await tabTo(page, element);
  await page.keyboard.press(key);
}

const main = (page: Page): Locator => page.locator('main');
const button = (page: Page, name: string | RegExp): Locator => main(page).getByRole('button', { name });

export const tutorial: readonly Action[] = [
  {
    does: 'Press **Run 15** on the first page: the sample ablation, 5 variants × 3 seeds on MNIST, begins to train.',
    mouse: (page) => button(page, 'Run 15').click(),
    keyboard: (page) => tabAndPress(page, button(page, 'Run 15'), 'Enter'),
    until: async (page) => {
      await main(page).getByRole('heading', { level: 1, name: /mnist-ablation/u }).waitFor();
      await main(page).getByText(/running/u).first().waitFor();
    },
    picture: { name: '1-watch', caption: 'The matrix of variants × seeds fills while the workers train.' },
  },
  {
    does: 'Watch the matrix fill. When all 15 runs are done, press **Compare**.',
    mouse: async (page) => {
      await button(page, 'Compare').waitFor({ timeout: TRAINING_MS });
      await button(page, 'Compare').click();
    },
    keyboard: async (page) => {
      await button(page, 'Compare').waitFor({ timeout: TRAINING_MS });
      await tabAndPress(page, button(page, 'Compare'), 'Enter');
    },
    until: (page) => main(page).getByRole('img', { name: /difference/iu }).first().waitFor(),
    picture: { name: '2-effects', caption: 'Each variant’s difference to the baseline, paired by seed, with a simultaneous interval.' },
  },
  {
    does: 'Open the menu **Copy as**.',
    mouse: (page) => button(page, /Copy as/u).click(),
    keyboard: (page) => tabAndPress(page, button(page, /Copy as/u), 'Enter'),
    until: (page) => page.getByRole('menuitem', { name: /LaTeX/u }).waitFor(),
  },
  {
    does: 'Choose **LaTeX**: the table for the paper is on the clipboard.',
    mouse: (page) => page.getByRole('menuitem', { name: /LaTeX/u }).click(),
    keyboard: async (page) => {
      for (let presses = 0; presses < 6; presses += 1) {
        if (await page.getByRole('menuitem', { name: /LaTeX/u }).evaluate((node) => node === document.activeElement)) break;
        await page.keyboard.press('ArrowDown');
      }
      await page.keyboard.press('Enter');
    },
    until: (page) => page.getByText(/LaTeX.* copied/u).waitFor(),
  },
  {
    does: 'Press **Export bundle**.',
    mouse: (page) => button(page, 'Export bundle').click(),
    keyboard: (page) => page.keyboard.press('Control+e'),
    until: (page) => main(page).getByRole('heading', { level: 1, name: /Export/u }).waitFor(),
    picture: { name: '3-export', caption: 'What goes into the bundle, and how large it will be.' },
  },
  {
    does: 'Keep the choices, press **Export bundle** once more and say where.',
    mouse: (page) => button(page, /^Export bundle/u).click(),
    keyboard: (page) => tabAndPress(page, button(page, /^Export bundle/u), 'Enter'),
    until: (page) => button(page, /Reproduce it here/u).waitFor({ timeout: TRAINING_MS }),
  },
  {
    does: 'Press **Reproduce it here** to see what a colleague sees who opens the file.',
    mouse: (page) => button(page, /Reproduce it here/u).click(),
    keyboard: (page) => tabAndPress(page, button(page, /Reproduce it here/u), 'Enter'),
    until: (page) => main(page).getByRole('checkbox', { name: /trust/iu }).waitFor(),
    picture: { name: '4-bundle', caption: 'A bundle before it is trusted: nothing of it has been executed.' },
  },
  {
    does: 'Tick **I trust this bundle**.',
    mouse: (page) => main(page).getByRole('checkbox', { name: /trust/iu }).click(),
    keyboard: (page) => tabAndPress(page, main(page).getByRole('checkbox', { name: /trust/iu }), 'Space'),
    until: (page) => button(page, 'Reproduce 15').waitFor(),
  },
  {
    does: 'Press **Reproduce 15** and wait for the verdict.',
    mouse: (page) => button(page, 'Reproduce 15').click(),
    keyboard: (page) => tabAndPress(page, button(page, 'Reproduce 15'), 'Enter'),
    until: (page) => main(page).getByText(/^identical$/iu).first().waitFor({ timeout: TRAINING_MS }),
    picture: { name: '5-verdict', caption: 'The verdict: all 15 runs gave the same weights, bit for bit.' },
  },
];
