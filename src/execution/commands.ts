/** The port to who carries out command runs; the queue starts their supervisors and keeps their logs. */
import type { EventBody } from '../events/records';
import type { CommandOrder, Executor } from './executor';

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

/** Where an attempt is carried out. */
export interface CommandPlace extends Pick<Executor, 'kind' | 'copies'> {
  /** Variables that tell the program which GPUs it has for itself; whatever else sets them gives way. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface CommandRunner {
  /**
   * Makes what an attempt needs: on this machine and for an executor that copies here the working copy, for this machine
   * alone what the supervisor reads. @returns how the program is started, and records for the log; @throws RepriseError why it cannot start
   */
  prepare(runId: string, attempt: number, place: CommandPlace): Promise<{ readonly order: CommandOrder; readonly records: EventBody[] }>;
  /** Begins to take in what an attempt elsewhere writes, from where its log says. */
  adopt(runId: string, attempt: number): Promise<void>;
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
  adopt: () => Promise.resolve(),
  follow: () => Promise.resolve(false),
  settle: () => Promise.resolve({ status: 'interrupted', exitCode: null, signal: null }),
};
