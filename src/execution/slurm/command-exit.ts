/** Writes down for a command what its supervisor could not know: it was asked to end, and Slurm says why. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ATTEMPT_FILES, attemptFolder } from '../../events/command-files';
import { commandExitSchema, type CommandExit } from '../../events/command-run';
import { atomicWrite } from '../../files/atomic-write';
import type { Order } from '../executor';
import type { Outcome } from './outcome';

const REASONS: Readonly<Record<string, CommandExit['reason']>> = { TIME_LIMIT: 'time-limit', DEADLINE: 'time-limit', OUT_OF_MEMORY: 'out-of-memory' };

/** @returns whether the end of a command says now why it failed, so that it has the further attempts that its config gives it */
export async function noteForCommand({ manifest, runFolder }: Pick<Order, 'manifest' | 'runFolder'>, attempt: number, outcome: Outcome): Promise<boolean> {
  const reason = outcome.kind === 'failed' ? REASONS[outcome.code] : undefined;
  if (manifest.kind !== 'command' || outcome.kind !== 'failed' || reason === undefined) return false;
  const file = join(attemptFolder(runFolder, attempt), ATTEMPT_FILES.exit);
  const exit = await readFile(file, 'utf8').then(
    (text) => commandExitSchema.parse(JSON.parse(text)),
    // Its supervisor was killed before it wrote anything.
    (): CommandExit => ({ reason, exitCode: null, signal: 'SIGKILL', startedAt: Date.now(), endedAt: Date.now(), message: null, leftBehind: 0, droppedLines: 0 }),
  );
  await atomicWrite(file, `${JSON.stringify({ ...exit, reason, message: outcome.reason })}\n`);
  return true;
}
