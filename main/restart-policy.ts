/** Whether an engine that died is started again, and when. */

/** Crashes older than this no longer count. */
const WINDOW_MS = 60_000;
const DELAYS_MS = [200, 500, 1500, 4000] as const;

export type RestartDecision = { readonly restart: true; readonly delayMs: number; readonly count: number } | { readonly restart: false; readonly crashes: number };

/** @param crashes times of all crashes so far, milliseconds, this one included */
export function restartDecision(crashes: readonly number[], now: number): RestartDecision {
  const count = crashes.filter((time) => now - time < WINDOW_MS).length;
  const delayMs = DELAYS_MS[Math.max(count, 1) - 1];
  return delayMs === undefined ? { restart: false, crashes: count } : { restart: true, delayMs, count };
}
