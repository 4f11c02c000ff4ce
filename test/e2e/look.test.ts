/** Every view and state: accessible by axe's rules, and without anything cut off, light and dark. */
import type { Page } from 'playwright';
import { describe, expect, it } from 'vitest';
import { LOOKS, putOn } from '../gallery/pictures';
import { violations } from './axe';
import { scene } from './reprise-app';
import { stages } from './scenes';

const LIMIT = 600_000;

/** Light and dark, small and large; a large light view has the width of one and the colours of the other. */
const JUDGED = LOOKS.filter(({ width, scheme }) => width === 1280 || scheme === 'dark');

/** Places that scroll sideways although they should not: the page and the pane as a whole. */
function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [document.documentElement, ...document.querySelectorAll('main, .view-pane, .inspector-content')].filter((element) => element.scrollWidth > element.clientWidth + 1).map((element) => `${element.tagName.toLowerCase()}.${element.className}`),
  );
}

describe.each(stages)('$name', ({ open }) => {
  it('passes axe in every state, light and dark, is not cut off, and says nothing on the console', async () => {
    const here = await scene();
    let end: (() => Promise<void>) | undefined;
    try {
      const stage = await open(here);
      ({ end } = stage);
      const said: string[] = [];
      stage.app.page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
      stage.app.page.on('pageerror', (error) => said.push(String(error)));
      const found: Record<string, string[]> = {};
      for (const { name, show } of stage.shots) {
        try {
          await show(stage.app);
        } catch (error) {
          // What was found before it is worth knowing.
          found[name] = [String(error)];
          break;
        }
        for (const look of JUDGED) {
          await putOn(stage.app, look);
          const { page } = stage.app;
          // What axe judges does not change with the width.
          const problems = [...(look.width === 1280 ? await violations(page) : []), ...(await cutOff(page))];
          if (problems.length > 0) found[`${name}, ${look.width}x${look.height}, ${look.scheme}`] = problems;
        }
      }
      expect(found).toEqual({});
      // The content security policy's refusals, and whatever a view throws.
      expect(said).toEqual([]);
    } finally {
      await here.end();
      await end?.();
    }
  }, LIMIT);
});
