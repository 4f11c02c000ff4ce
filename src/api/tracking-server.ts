/** What user interfaces know of the tracking server, which MLflow's clients log to. */
import { z } from 'zod';

/** `url` is what a client takes as its tracking URI. It holds the token of the workspace: who has it can read and write runs. Null while it is not running. */
export const trackingServer = z.object({ running: z.boolean(), url: z.string().nullable(), port: z.number().nullable() });
export type TrackingServerView = z.infer<typeof trackingServer>;

/** Without a port the one that the workspace had last, or any that is free. */
export const trackingStart = z.strictObject({ port: z.int().min(1).max(65_535).optional() });
