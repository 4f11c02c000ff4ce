/** What happened to a training, in words: it prints nothing, but its event log says it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Output } from '../../api/contract';
import type { Engine } from '../../engine/engine';
import { print, printJson, say } from '../output';
import { call, withEngine, type GlobalOptions } from '../session';

/** Lines that are asked for at once. */
const PAGE = 5000;
const POLL_MS = 300;
/** So long one look follows; the next one learns whether the training's host is still there. */
const LOOK_MS = 10_000;

type Line = Output<'runs.log'>['lines'][number];

export interface TrainingLogOptions extends GlobalOptions {
  readonly follow?: boolean;
  readonly tail?: number;
}

/** Prints the lines of a training's log, all or the last of them, and goes on until its end where it is followed. */
export async function printTrainingLog(run: string, options: TrainingLogOptions): Promise<void> {
  const { tail } = options;
  const asJson = options.json === true;
  const kept: Line[] = [];
  const keep = (line: Line): void => {
    kept.push(line);
    if (tail !== undefined && kept.length > 2 * tail) kept.splice(0, kept.length - tail);
  };
  const show = (line: Line): void => print(inWords(line));
  let last = -1;
  const read = async (engine: Engine, take: (line: Line) => void): Promise<void> => {
    for (;;) {
      const page = await call(engine, 'runs.log', { run, after: last, limit: PAGE });
      page.lines.forEach(take);
      last = page.last;
      if (page.lines.length < PAGE) return;
    }
  };
  // The last lines are known only at the end.
  await withEngine(options, 'look', (engine) => read(engine, asJson || tail !== undefined ? keep : show));
  const lasting = (): readonly Line[] => (tail === undefined ? kept : kept.slice(-tail));
  if (!asJson) for (const line of lasting()) show(line);
  for (let goesOn = options.follow === true; goesOn; ) goesOn = await withEngine(options, 'look', (engine) => follow(engine, run, () => read(engine, asJson ? keep : show)));
  if (asJson) printJson({ run, lines: lasting() });
}

/** Reads on while the training is at work and its host is there. @returns whether there may be more after this look */
async function follow(engine: Engine, run: string, read: () => Promise<void>): Promise<boolean> {
  const { readOnly } = await call(engine, 'app.info', {});
  for (const until = performance.now() + LOOK_MS; performance.now() < until; await sleep(POLL_MS)) {
    // Asked before the log is read: of a run that is at its end nothing comes after that.
    const { run: { status } } = await call(engine, 'runs.get', { run });
    await read();
    if (status !== 'queued' && status !== 'running') return false;
    if (readOnly) continue;
    say(`The run is ${status}, and no Reprise is at work in this workspace: \`reprise resume\` goes on with it.`);
    return false;
  }
  return true;
}

/** `2026-11-23 16:05:59 UTC  attempt 1 began at step 0`. */
function inWords({ time, level, text }: Line): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC  ${level === 'info' ? '' : `${level}: `}${text}`;
}
