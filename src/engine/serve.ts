/** Use cases: the tracking server that MLflow's clients log to. */
import type { Input } from '../api/contract';
import type { TrackingServerView } from '../api/tracking-server';
import { hostScheduler, type EngineContext } from './context';

/** @throws RepriseError WORKSPACE_READ_ONLY, PORT_IN_USE */
export async function startTracking(context: EngineContext, input: Input<'tracking.start'>): Promise<TrackingServerView> {
  hostScheduler(context);
  return context.tracking.start(input.port);
}
