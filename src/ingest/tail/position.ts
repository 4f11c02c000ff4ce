import type { z } from 'zod';
import { RepriseError } from '../../errors/errors';

/** The position that a tail gave out, read back; `start` where there is none. @throws RepriseError POSITION_INVALID */
export function readPosition<T>(schema: z.ZodType<T>, text: string | undefined, start: T): T {
  if (text === undefined) return start;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new RepriseError('POSITION_INVALID', `A position in files that are read along is not one that Reprise wrote: ${text.slice(0, 100)}`, { kind: 'system', hint: 'Import the run anew.', cause });
  }
}
