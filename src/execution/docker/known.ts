/** What a later host must know of a container, as it stands in the facts of place records: it can go on without asking an engine that is away. */
import { z } from 'zod';
import type { ImageRef } from '../../events/provenance';
import type { PlaceRecord } from '../../events/records';
import type { EngineFacts } from './client';

const number = z.string().regex(/^-?\d+$/u).transform(Number);

const knownSchema = z.object({
  /** Id of the image. */
  imageId: z.string(),
  /** Milliseconds, of the engine less this machine. */
  clockOffset: number.default(0),
  timeLimitMs: number.optional(),
  graceMs: number,
  /** Bytes. */
  outputLimit: number.default(0),
  /** Milliseconds since 1970, of this machine's clock; absent until it started. */
  startedAt: number.optional(),
});
export type Known = z.infer<typeof knownSchema>;

export interface Limits {
  readonly timeLimitMs: number | null;
  readonly graceMs: number;
  readonly outputLimit: number;
}

/** @returns the facts of a `submitted` record */
export function factsOf(image: ImageRef, engine: EngineFacts, { timeLimitMs, graceMs, outputLimit }: Limits): Record<string, string> {
  return {
    image: image.name,
    ...(image.digest === null ? {} : { imageDigest: image.digest }),
    imageId: image.id,
    engine: `Docker ${engine.version}`,
    clockOffset: String(Math.round(engine.clockOffset)),
    ...(timeLimitMs === null ? {} : { timeLimitMs: String(Math.ceil(timeLimitMs)) }),
    graceMs: String(graceMs),
    outputLimit: String(outputLimit),
  };
}

export function knownOf(facts: Readonly<Record<string, string>>): Known {
  return knownSchema.parse(facts);
}

/** Unique among the containers of all engines. */
export const nameOf = (container: string, { id }: EngineFacts): string => `${container}@${id}`;

export function containerOf({ job }: PlaceRecord): string | null {
  return job?.split('@')[0] ?? null;
}
