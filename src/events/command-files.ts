/**
 * The files by which the host and the supervisor of a command speak of one run. Each attempt has a folder of its own,
 * so that what an earlier one wrote stays as it was. What they hold: see `command-run`.
 */
import { join } from 'node:path';

/** In the run folder. */
export const COMMAND_FILES = {
  /** What to start; read once, and removed: variables may hold what nobody else should read. */
  launch: 'launch.json',
  /** Made to have the supervisor end the command because nobody will follow it any more; the run is not cancelled. */
  stop: 'stop',
  /** Where code and inputs lie on this machine: no part of what is recorded. */
  origin: 'origin.json',
  /** Outputs that stay where the run was carried out: their paths from the folder of the config, while an attempt is closed. */
  leftThere: 'left-there.json',
  /** The working copy of the code, while the command runs. */
  work: 'work',
} as const;

/** In the folder of an attempt. */
export const ATTEMPT_FILES = {
  /** Who was started, so that a later host can end it. */
  program: 'program.json',
  output: 'output.jsonl',
  exit: 'exit.json',
  /** Where the program may write metrics, one JSON object a line: REPRISE_METRICS. */
  metrics: 'metrics.jsonl',
  wandb: 'wandb',
} as const;

export function attemptFolder(runFolder: string, attempt: number): string {
  return join(runFolder, `attempt-${attempt}`);
}

/** The variable by which every process of a run is found again. */
export const RUN_VARIABLE = 'REPRISE_RUN_ID';
