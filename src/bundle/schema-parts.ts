/** Small schemas that the files of a bundle share. */
import { z } from 'zod';
import { nameProblem } from './names';
import { hasControls } from './text';

export const sha256 = z.string().regex(/^[0-9a-f]{64}$/u, { error: 'must be a SHA-256 in hexadecimal' });
/** Run ids name folders. */
export const runId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/u, { error: 'must be letters, digits, "-" and "_"' });
export const time = z.number().min(0).max(8.64e15);
export const count = z.int().min(0);
/** One line for people. What could forge other lines where it is shown is refused. */
export const text = (max: number): z.ZodString => z.string().max(max).refine((value) => !hasControls(value), { error: 'must not contain control characters or changes of the direction of writing' });
/** The same with newlines and tabs. */
export const lines = (max: number): z.ZodString => z.string().max(max).refine((value) => !hasControls(value, true), { error: 'must not contain control characters (other than newline and tab) or changes of the direction of writing' });
export const safePath = z.string().refine((name) => nameProblem(name) === null, { error: 'must be a safe relative path' });
export const bagPath = safePath.refine((name) => name.startsWith('data/'), { error: 'must start with data/' });
/** A number as JSON can hold it: NaN and infinities as strings. */
export const loggedNumber = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity', '-0'])]).transform(Number);
