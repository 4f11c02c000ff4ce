/** Who may call the main process: the page of our window. */
import { RepriseError } from '../src/errors/errors';
import { senderVerdict } from './policies';

/** What is used of Electron's IpcMainInvokeEvent. */
export interface InvokeEvent {
  readonly sender: { readonly id: number };
  /** Not there when the frame went away meanwhile. */
  readonly senderFrame: { readonly url: string; readonly parent: unknown } | null | undefined;
}

/**
 * @param contentsId id of our window's web contents; null while there is none
 * @throws RepriseError SENDER_REFUSED
 */
export function checkSender(event: InvokeEvent, contentsId: number | null, crashPage: boolean): void {
  const frame = event.senderFrame ?? null;
  const verdict = senderVerdict({ contentsId: event.sender.id, frameUrl: frame?.url ?? null, isMainFrame: frame !== null && frame.parent === null }, contentsId, crashPage);
  if (!verdict.allowed) throw new RepriseError('SENDER_REFUSED', `The main process refused a message: ${verdict.reason}.`, { kind: 'input' });
}
