import type { EventName, EventOf } from '../api/contract';
import { RepriseError } from '../errors/errors';
import type { MachineBudget } from '../execution/machine-budget';
import type { Scheduler } from '../execution/scheduler';
import type { Spawn } from '../execution/local/spawn';
import type { Store } from '../store/types';
import type { Places } from './place';
import type { QueueMonitor } from './queue';
import type { TrackingHost } from './serve-host';
import type { Tasks } from './tasks';

/** What a use case works with. */
export interface EngineContext {
  readonly workspace: string;
  readonly store: Store;
  /** Null in an engine that only reads. */
  readonly scheduler: Scheduler | null;
  readonly spawn: Spawn;
  /** Cores that workers may share. */
  readonly cores: number;
  /** Exports and reproductions that are under way. */
  readonly tasks: Tasks;
  /** The same cores with memory and GPUs, shared by the queue and by all that is executed apart from it. */
  readonly budget: MachineBudget;
  readonly queue: QueueMonitor;
  /** What is known of other machines before runs are made for them. */
  readonly places: Places;
  /** What MLflow's clients log to; runs only once it is asked for. */
  readonly tracking: TrackingHost;
  emit<E extends EventName>(event: E, value: EventOf<E>): void;
}

/** The scheduler of an engine that hosts its workspace. @throws RepriseError WORKSPACE_READ_ONLY */
export function hostScheduler(context: EngineContext): Scheduler {
  if (context.scheduler === null) {
    throw new RepriseError('WORKSPACE_READ_ONLY', `The workspace ${context.workspace} is open for reading only.`, {
      kind: 'system',
      hint: 'Close the other Reprise that hosts it, or name another workspace.',
    });
  }
  return context.scheduler;
}
