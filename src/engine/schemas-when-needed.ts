/**
 * Loads the schemas with the first call that needs one: making them takes as long as opening a workspace. An engine opens
 * without, and so it answers the question that a window begins with, which is a constant of this program.
 */
import type { Executors } from '../execution/executor';
import type { Store } from '../store/types';
import type { CoresOf } from './spread';

export type Schemas = typeof import('./schemas');

let coming: Promise<Schemas> | null = null;
let here: Schemas | null = null;

export async function loadSchemas(): Promise<Schemas> {
  coming ??= import('./schemas');
  here = await coming;
  return here;
}

/** Null before they are there. */
export function schemasHere(): Schemas | null {
  return here;
}

/** Whether somebody waits for them or has them: what is asked from then on waits, too, so that calls keep their order. */
export function areSchemasWanted(): boolean {
  return coming !== null;
}

/** An engine loads them before it takes up runs of other places, and no other run comes but by a call. */
function needed(): Schemas {
  if (here === null) throw new Error('The schemas are not loaded.');
  return here;
}

/** See `executorsOf`. */
export function executorsWhenNeeded(workspace: string, store: Store): Executors {
  let made: Executors | null = null;
  const executors = (): Executors => {
    made ??= needed().executorsOf(workspace, store);
    return made;
  };
  return {
    demand: (executor) => executors().demand(executor),
    find: (executor) => executors().find(executor),
    close: async () => made?.close(),
  };
}

/** See `coresOfPlaces`. @param cores of this machine */
export function coresWhenNeeded(workspace: string, cores: number): CoresOf {
  return (place) => (place === 'local' ? cores : needed().coresOfPlaces(workspace, cores)(place));
}
