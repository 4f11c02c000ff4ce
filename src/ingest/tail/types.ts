/** What the readers of other programs' growing files have in common. */
import type { EventBody } from '../../events/records';

/** Puts bytes or a copy of a file into the object store. */
export type PutObject = (source: Uint8Array | { readonly file: string }) => Promise<{ readonly sha256: string; readonly bytes: number }>;

export interface TailBatch {
  readonly records: EventBody[];
  /** How far was read; opaque. A tail that is made with it reads on from there, nothing twice and nothing left out. */
  readonly position: string;
  /** Whether there is more to read at once: a batch is bounded. */
  readonly more: boolean;
}

/**
 * Follows files that another program writes. Where a call fails the next one tells the same again. Records that could
 * not be kept are told again by a new tail, made with the last position that was.
 */
export interface Tail {
  /**
   * What came since the last call. A file that is not there yet, or a record that is half written, is waited for.
   * @param final the program has ended: what it would still have completed is read as it stands
   */
  poll(final?: boolean): Promise<TailBatch>;
}
