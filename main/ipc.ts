/** The window's calls to the main process. Everything else it asks the engine, over their port. */
import { z } from 'zod';
import { RepriseError, toErrorReport, type Result } from '../src/errors/errors';
import { checkSender, type InvokeEvent } from './sender';

export interface IpcOptions {
  /** Id of our window's web contents; null while there is none. */
  readonly contentsId: () => number | null;
  readonly log: (text: string) => void;
}

export type InvokeHandler<T> = (event: InvokeEvent, ...given: unknown[]) => Promise<Result<T>>;

/** A handler for a channel that takes one input of a shape: answers our window's page only, and never rejects. */
export function guardedWith<S extends z.ZodType, T>(channel: string, options: IpcOptions & { readonly crashPage?: boolean }, schema: S, handler: (input: z.output<S>) => T | Promise<T>): InvokeHandler<T> {
  return async (event, ...given) => {
    try {
      checkSender(event, options.contentsId(), options.crashPage ?? false);
      const parsed = z.tuple([schema]).safeParse(given);
      if (!parsed.success) {
        const problems = parsed.error.issues.map((issue) => ({ path: issue.path.slice(1).join('.') || 'input', message: issue.message }));
        throw new RepriseError('INPUT_INVALID', `${channel}: ${problems.map((problem) => `${problem.path}: ${problem.message}`).join('; ')}`, { kind: 'input', problems });
      }
      return { ok: true, value: await handler(parsed.data[0] as z.output<S>) };
    } catch (error) {
      const report = toErrorReport(error);
      options.log(`${channel}: ${report.message}`);
      return { ok: false, error: report };
    }
  };
}

/** A handler for a channel that takes no arguments. */
export function guarded<T>(channel: string, options: IpcOptions, handler: () => T | Promise<T>): InvokeHandler<T> {
  const withNothing = guardedWith(channel, options, z.undefined(), handler);
  return (event, ...given) => withNothing(event, ...(given.length === 0 ? [undefined] : given));
}
