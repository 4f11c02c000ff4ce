/** Loads what asks other machines with the first run that goes to one: most sessions have none. */
import type { Place, Places } from './place';

export function placesWhenNeeded(workspace: string): Places {
  let loaded: Promise<Places> | null = null;
  return {
    async of(executor): Promise<Place | null> {
      if (executor.kind === 'local') return null;
      loaded ??= import('./places').then(({ placesOf }) => placesOf(workspace));
      return (await loaded).of(executor);
    },
    async close() {
      await (await loaded)?.close();
    },
  };
}
