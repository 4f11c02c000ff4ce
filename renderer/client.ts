/** The renderer's only door to the engine and the application around it: what the preload put on the window. */
import type { RepriseBridge } from '../src/api/bridge';
import type { ErrorReport, Result } from '../src/errors/errors';

declare global {
  interface Window {
    readonly reprise: RepriseBridge;
  }
}

export const client: RepriseBridge = window.reprise;
export const { shell } = client;

/** An error report of the engine or the shell, as something to throw. */
export class Refused extends Error {
  constructor(readonly report: ErrorReport) {
    super(report.message);
  }
}

/** The value of an answer. @throws Refused */
export async function ask<T>(answer: Promise<Result<T>>): Promise<T> {
  const result = await answer;
  if (!result.ok) throw new Refused(result.error);
  return result.value;
}

/** The report behind anything that was thrown. */
export function reportOf(error: unknown): ErrorReport {
  if (error instanceof Refused) return error.report;
  return { code: 'WINDOW_ERROR', kind: 'system', message: error instanceof Error ? error.message : String(error), hint: 'Reload the window; nothing that runs is lost.' };
}
