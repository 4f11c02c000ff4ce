/** Use cases: the tracking server that MLflow's clients log to. */
import type { Input } from '../api/contract';
import type { TrackingServerView } from '../api/tracking-server';
import { hostScheduler, type EngineContext } from './context';

/** @throws RepriseError WORKSPACE_READ_ONLY, PORT_IN_USE */
export async function startTracking(context: EngineContext, input: Input<'tracking.start'>): Promise<TrackingServerView> {
  hostScheduler(context);
  return context.tracking.start(input.port);
}

/**
 * Where a client logs to; starts the server where it does not run.
 * @param commandRun the command run whose program it is: through its address every experiment it names is the run's own
 * @throws RepriseError WORKSPACE_READ_ONLY
 */
export function trackingAddress(context: EngineContext, commandRun: string | null = null): Promise<{ readonly uri: string; readonly token: string }> {
  hostScheduler(context);
  return context.tracking.address(commandRun);
}
