/** The window's few calls to the main process. Everything else it asks the engine, over their port. */
import { z } from 'zod';
import { RepriseError, toErrorReport, type Result } from '../src/errors/errors';
import { senderVerdict } from './policies';

export interface IpcOptions {
  /** Id of our window's web contents; null while there is none. */
  readonly contentsId: () => number | null;
  readonly log: (text: string) => void;
}

const noArguments = z.tuple([]);

/** What is used of Electron's IpcMainInvokeEvent. */
export interface InvokeEvent {
  readonly sender: { readonly id: number };
  /** Not there when the frame went away meanwhile. */
  readonly senderFrame: { readonly url: string; readonly parent: unknown } | null | undefined;
}

function checkSender(event: InvokeEvent, contentsId: number | null): void {
  const frame = event.senderFrame ?? null;
  const verdict = senderVerdict({ contentsId: event.sender.id, frameUrl: frame?.url ?? null, isMainFrame: frame !== null && frame.parent === null }, contentsId);
  if (!verdict.allowed) throw new RepriseError('SENDER_REFUSED', `The main process refused a message: ${verdict.reason}.`, { kind: 'input' });
}

/** A handler for a channel that takes no arguments: answers our window's page only. */
export function guarded<T>(channel: string, options: IpcOptions, handler: () => T | Promise<T>): (event: InvokeEvent, ...given: unknown[]) => Promise<Result<T>> {
  return async (event, ...given) => {
    try {
      checkSender(event, options.contentsId());
      if (!noArguments.safeParse(given).success) throw new RepriseError('ARGUMENTS_INVALID', `${channel} takes no arguments and was given ${given.length}.`, { kind: 'input' });
      return { ok: true, value: await handler() };
    } catch (error) {
      const report = toErrorReport(error);
      options.log(`${channel}: ${report.message}`);
      return { ok: false, error: report };
    }
  };
}
