/** A picture of every view and state, in two sizes, light and dark. */
import { expect, it } from 'vitest';
import { scene } from '../e2e/reprise-app';
import { stages } from '../e2e/scenes';
import { photograph } from './pictures';

it.each(stages)('$name', async ({ open }) => {
  const here = await scene();
  let end: (() => Promise<void>) | undefined;
  try {
    const stage = await open(here);
    ({ end } = stage);
    for (const { name, show } of stage.shots) {
      await show(stage.app);
      await photograph(stage.app, name);
    }
    expect(stage.shots.length).toBeGreaterThan(0);
  } finally {
    await here.end();
    await end?.();
  }
}, 900_000);
