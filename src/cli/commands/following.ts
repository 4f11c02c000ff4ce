/** What it takes to print a log: the lines that are kept of it, and going on while it grows. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../engine/engine';
import { say } from '../output';
import { call, withEngine, type GlobalOptions } from '../session';

/** Lines that are asked for at once. */
export const PAGE = 5000;
const POLL_MS = 300;
/** So long one look follows; the next one learns whether the run's host is still there. */
const LOOK_MS = 10_000;

export interface Kept<Line> {
  readonly keep: (line: Line) => void;
  readonly lines: () => readonly Line[];
}

/** Keeps the last lines of those that are given, all of them where no number is asked for. */
export function keepLast<Line>(most: number | undefined): Kept<Line> {
  const kept: Line[] = [];
  return {
    keep: (line) => {
      kept.push(line);
      if (most !== undefined && kept.length > 2 * most) kept.splice(0, kept.length - most);
    },
    lines: () => (most === undefined ? kept : kept.slice(-most)),
  };
}

/** What a reading came to: all there is so far, more that can be read at once, or the last there will ever be. */
export type Reading = 'so far' | 'more' | 'last';

/** Reads on until the run is at its end, nobody is at work on it, or nothing more can come. */
export async function follow(run: string, options: GlobalOptions, read: (engine: Engine) => Promise<Reading>): Promise<void> {
  for (let goesOn = true; goesOn; ) goesOn = await withEngine(options, 'look', (engine) => look(engine, run, read));
}

/** @returns whether there may be more after this look */
async function look(engine: Engine, run: string, read: (engine: Engine) => Promise<Reading>): Promise<boolean> {
  const { readOnly } = await call(engine, 'app.info', {});
  for (const until = performance.now() + LOOK_MS; performance.now() < until; ) {
    // Asked before the log is read: of a run that is at its end nothing comes after that.
    const { run: { status } } = await call(engine, 'runs.get', { run });
    const reading = await read(engine);
    if (reading === 'more') continue;
    if (reading === 'last' || (status !== 'queued' && status !== 'running')) return false;
    if (!readOnly) {
      say(`The run is ${status}, and no Reprise is at work in this workspace: \`reprise resume\` goes on with it.`);
      return false;
    }
    await sleep(POLL_MS);
  }
  return true;
}
