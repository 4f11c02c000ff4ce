/** What the window asks for first. No zod in here: the preload asks it, before the page is there to ask itself. */
import type { Input } from './contract';

/** The newest runs, with as many leaves as have columns at first. */
export const opening = { leaves: 8, sort: { by: 'created', descending: true }, limit: 100 } as const satisfies Input<'runs.opening'>;
