/** What goes on in the engine, as the app shows it outside its window. */
import type { EngineState } from '../src/api/bridge';
import type { EventOf } from '../src/api/contract';

export interface Work {
  readonly running: number;
  readonly queued: number;
  /** Exports and reproductions. */
  readonly tasks: number;
  /** 0..1; null: nothing to show. */
  readonly share: number | null;
}

export const NO_WORK: Work = { running: 0, queued: 0, tasks: 0, share: null };

export function isBusy(work: Work): boolean {
  return work.running + work.queued + work.tasks > 0;
}

/**
 * What goes on while there is no engine. One that comes back takes up its runs: an app that works in the background
 * must not end meanwhile. Exports and reproductions end with their engine.
 */
export function workWithout(engine: EngineState, work: Work): Work {
  return engine.status === 'restarting' || engine.status === 'starting' ? { ...work, tasks: 0 } : NO_WORK;
}

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

/** `2 runs are running, 10 wait.` */
export function workSentence({ running, queued, tasks }: Work): string {
  const parts = [
    ...(running > 0 ? [counted(running, 'run is running', 'runs are running')] : []),
    ...(queued > 0 ? [running > 0 ? counted(queued, 'waits', 'wait') : counted(queued, 'run waits', 'runs wait')] : []),
    ...(tasks > 0 ? [counted(tasks, 'export or reproduction goes on', 'exports or reproductions go on')] : []),
  ];
  return parts.length === 0 ? 'Nothing is running.' : `${parts.join(', ')}.`;
}

/** What quitting does to it. */
export function quitSentence(work: Work): string {
  return [
    ...(work.running + work.queued > 0 ? ['Runs stop now and go on from their last checkpoint at the next start.'] : []),
    ...(work.tasks > 0 ? ['An export or reproduction that stops has to be started again.'] : []),
  ].join(' ');
}

/** `15 runs: 14 finished, 1 failed.` */
export function studyEndedSentence(study: EventOf<'studyEnded'>): string {
  const states = Object.entries(study.byStatus).filter(([, count]) => count > 0);
  const total = states.reduce((sum, [, count]) => sum + count, 0);
  return `${counted(total, 'run', 'runs')}: ${states.map(([status, count]) => `${count} ${status}`).join(', ')}.`;
}
