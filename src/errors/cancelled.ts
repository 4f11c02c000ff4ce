import { RepriseError } from './errors';

/** @throws RepriseError CANCELLED where the signal has fired */
export function refuseCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new RepriseError('CANCELLED', 'It was cancelled; nothing of it is kept.', { kind: 'cancelled' });
}
