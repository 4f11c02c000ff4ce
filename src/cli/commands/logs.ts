/** `reprise logs`: what the program of a run printed, as it is or while it comes; of a training, what happened. */
import type { Output } from '../../api/contract';
import type { RunView } from '../../api/rows';
import { RepriseError } from '../../errors/errors';
import type { Engine } from '../../engine/engine';
import { print, printJson, say } from '../output';
import { call, withEngine, type GlobalOptions } from '../session';
import { follow, keepLast, PAGE } from './following';
import { printTrainingLog } from './training-log';

type Line = Output<'runs.output'>['lines'][number];

export interface LogsOptions extends GlobalOptions {
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly attempt?: number;
  readonly follow?: boolean;
  readonly tail?: number;
}

/** How far an output was read. */
interface Place {
  readonly attempt: number;
  readonly offset: number;
}

/** @throws RepriseError RUN_WITHOUT_OUTPUT where no program of ours wrote what is asked for */
function refuseOther(run: RunView, { stdout, stderr, attempt }: LogsOptions): void {
  if (run.kind === 'command' || (run.kind === 'training' && stdout !== true && stderr !== true && attempt === undefined)) return;
  throw new RepriseError('RUN_WITHOUT_OUTPUT', `Run ${run.runId} ${run.kind === 'training' ? 'is a training of Reprise, which prints nothing' : 'was logged by another program, whose output Reprise did not see'}.`, {
    kind: 'input',
    hint: run.kind === 'training' ? 'Leave --stdout, --stderr and --attempt out: its event log is printed then.' : 'Only runs of a command have an output. What a run kept is listed by `reprise files RUN`.',
  });
}

/** Gives the lines from a place on to `take`, as far as they are written. @returns the place behind the last of them */
async function read(engine: Engine, run: string, from: Place, take: (line: Line) => void): Promise<{ readonly place: Place; readonly attempts: number }> {
  for (let { offset } = from; ; ) {
    const page = await call(engine, 'runs.output', { run, attempt: from.attempt, offset, limit: PAGE });
    for (const line of page.lines) take(line);
    ({ offset } = page);
    if (!page.more) return { place: { attempt: from.attempt, offset }, attempts: page.attempts };
  }
}

/** The attempt that is asked for, else the newest. @throws RepriseError ATTEMPT_NOT_FOUND */
async function chooseAttempt(engine: Engine, run: string, asked: number | undefined): Promise<number> {
  const { attempts } = await call(engine, 'runs.output', { run, offset: 0, limit: 1 });
  if (asked === undefined) return Math.max(1, attempts);
  if (asked > attempts) throw new RepriseError('ATTEMPT_NOT_FOUND', `Run ${run} has no attempt ${asked}; it has ${attempts === 0 ? 'none yet' : `${attempts}`}.`, { kind: 'input' });
  return asked;
}

export async function logs([given = '']: readonly string[], options: LogsOptions): Promise<number> {
  const both = options.stdout === options.stderr;
  const wanted = ({ stream }: Line): boolean => stream === 'note' || both || (stream === 'stdout' ? options.stdout === true : options.stderr === true);
  const kept = keepLast<Line>(options.tail);
  const keep = (line: Line): void => {
    if (wanted(line)) kept.keep(line);
  };
  let shown = 0;
  const show = (line: Line): void => {
    if (!wanted(line)) return;
    shown += 1;
    (line.stream === 'note' ? say : print)(line.text);
  };
  const asJson = options.json === true;
  const first = await withEngine(options, 'look', async (engine) => {
    const { run } = await call(engine, 'runs.get', { run: given });
    refuseOther(run, options);
    if (run.kind === 'training') return { run, place: null };
    const attempt = await chooseAttempt(engine, run.runId, options.attempt);
    // The last lines are known only at the end.
    const { place } = await read(engine, run.runId, { attempt, offset: 0 }, asJson || options.tail !== undefined ? keep : show);
    if (!asJson) for (const line of kept.lines()) show(line);
    return { run, place };
  });
  const { runId } = first.run;
  if (first.place === null) {
    await printTrainingLog(runId, options);
    return 0;
  }
  if (options.follow === true) {
    let place = first.place;
    await follow(runId, options, async (engine) => {
      const next = await read(engine, runId, place, asJson ? keep : show);
      ({ place } = next);
      if (next.attempts <= place.attempt) return 'so far';
      if (options.attempt !== undefined) return 'last';
      place = { attempt: place.attempt + 1, offset: 0 };
      say(`Attempt ${place.attempt}:`);
      return 'more';
    });
  }
  if (!asJson && shown === 0) say(`It printed nothing${both ? '' : ` to ${options.stdout === true ? 'stdout' : 'stderr'}`}${first.run.status === 'queued' ? ' yet: it is queued' : ''}.`);
  if (asJson) printJson({ run: runId, attempt: first.place.attempt, lines: kept.lines() });
  return 0;
}
