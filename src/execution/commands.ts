/** The port to who carries out command runs; the queue starts their supervisors and keeps their logs. */
import type { EventBody } from '../events/records';

/** How an attempt ended. */
export type CommandEnd =
  | { readonly status: 'finished' | 'cancelled' | 'interrupted'; readonly exitCode: number | null; readonly signal: string | null }
  | {
      readonly status: 'failed';
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly code: string;
      readonly message: string;
      /** Attempts beside the first that it has; 0 where another would go no better. */
      readonly retries: number;
    };

export interface CommandRunner {
  /** Makes the working copy and all else the supervisor needs for a new attempt. @returns records for the log; @throws RepriseError why it cannot start */
  prepare(runId: string, attempt: number): Promise<EventBody[]>;
  /** Takes in what the command wrote since the last call. @returns whether there was something */
  follow(runId: string): Promise<boolean>;
  /**
   * Once the supervisor is gone: ends what is left of the program, takes in the rest of what it wrote, keeps its outputs,
   * removes the working copy.
   */
  settle(runId: string, attempt: number): Promise<CommandEnd>;
}

/** For queues that have no command runs. */
export const NO_COMMANDS: CommandRunner = {
  prepare: () => Promise.reject(new Error('This queue runs no commands.')),
  follow: () => Promise.resolve(false),
  settle: () => Promise.resolve({ status: 'interrupted', exitCode: null, signal: null }),
};
