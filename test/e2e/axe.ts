/** What axe finds wrong with a window's page. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from 'playwright';

/** WCAG 2.2 AA, and what axe calls best practice. */
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Notices come and go by themselves; while they fade nobody reads them, and their colours are between two. */
const NOTICES = '.mantine-Notifications-notification';

/** Waits until every notice stands still. @returns those that are shown */
async function standing(page: Page): Promise<string> {
  await page.waitForFunction((notices) => [...document.querySelectorAll(notices)].every((notice) => getComputedStyle(notice).opacity === '1' && notice.getAnimations().length === 0), NOTICES);
  return page.evaluate((notices) => JSON.stringify([...document.querySelectorAll(notices)].map(({ textContent }) => textContent)), NOTICES);
}

/**
 * One line for each broken rule, with the elements that break it. Notices that stand are judged with all else; where one
 * came or went meanwhile, the page is judged again.
 */
export async function violations(page: Page): Promise<string[]> {
  for (;;) {
    const before = await standing(page);
    const { violations: found } = await new AxeBuilder({ page }).setLegacyMode(true).withTags(RULES).analyze();
    if (found.length > 0 && (await standing(page)) !== before) continue;
    return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 300)).join(' | ')}`);
  }
}
