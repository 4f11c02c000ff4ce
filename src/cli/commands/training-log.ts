/** What happened to a training, in words: it prints nothing, but its event log says it. */
import type { Output } from '../../api/contract';
import type { Engine } from '../../engine/engine';
import { print, printJson } from '../output';
import { call, withEngine, type GlobalOptions } from '../session';
import { follow, keepLast, PAGE } from './following';

type Line = Output<'runs.log'>['lines'][number];

export interface TrainingLogOptions extends GlobalOptions {
  readonly follow?: boolean;
  readonly tail?: number;
}

/** Prints the lines of a training's log, all or the last of them, and goes on until its end where it is followed. */
export async function printTrainingLog(run: string, options: TrainingLogOptions): Promise<void> {
  const { tail } = options;
  const asJson = options.json === true;
  const kept = keepLast<Line>(tail);
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
  await withEngine(options, 'look', (engine) => read(engine, asJson || tail !== undefined ? kept.keep : show));
  if (!asJson) for (const line of kept.lines()) show(line);
  if (options.follow === true) {
    await follow(run, options, async (engine) => {
      await read(engine, asJson ? kept.keep : show);
      return 'so far';
    });
  }
  if (asJson) printJson({ run, lines: kept.lines() });
}

/** `2026-11-23 16:05:59 UTC  attempt 1 began at step 0`. */
function inWords({ time, level, text }: Line): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC  ${level === 'info' ? '' : `${level}: `}${text}`;
}
