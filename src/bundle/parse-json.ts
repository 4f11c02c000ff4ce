/** JSON of a bundle against a schema. */
import type { z } from 'zod';
import { formatPath } from '../config/problems';
import { RepriseError, type Problem } from '../errors/errors';
import { visibleLine } from './text';

/** @throws RepriseError BUNDLE_INVALID with every problem */
export function parseJson<T>(schema: z.ZodType<T>, json: string, source: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new RepriseError('BUNDLE_INVALID', `${source} is not JSON.`, { kind: 'input', problems: [{ path: source, message: 'is not JSON.' }], cause: error });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems: Problem[] = parsed.error.issues.slice(0, 50).map((issue) => ({ path: visibleLine(`${source}: ${formatPath(issue.path)}`), message: visibleLine(issue.message) }));
  throw new RepriseError('BUNDLE_INVALID', `${problems[0]?.path ?? source} ${problems[0]?.message ?? 'is not valid'}.`, { kind: 'input', problems });
}
