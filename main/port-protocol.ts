/** What goes from the engine to a window over their port. The other way goes `request` of the contract. Types only: the preload stays small. */
import type { EventName, EventOf } from '../src/api/contract';
import type { Result } from '../src/errors/errors';

export type PortMessage =
  /** `id` null: an answer to something that was no request. */
  | { readonly kind: 'result'; readonly id: number | null; readonly result: Result<unknown> }
  | { [E in EventName]: { readonly kind: 'event'; readonly event: E; readonly value: EventOf<E> } }[EventName];
