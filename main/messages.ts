/** Every message between the main process and the engine's process, with its shape; each end checks what it receives. */
import { z } from 'zod';
import { queueView, studyEnded } from '../src/api/long-work';
import { GPU_VARIABLES } from '../src/execution/local/spawn';

const spawnId = z.int().min(0);
const grantId = z.int().min(0);
const path = z.string().min(1).max(4096);
const gpuVariables = z.record(z.string().refine((name) => GPU_VARIABLES.includes(name)), z.string().max(10_000));

const errorReport = z.object({
  code: z.string(),
  kind: z.enum(['input', 'negative', 'inconclusive', 'cancelled', 'system']),
  message: z.string(),
  hint: z.string().optional(),
  problems: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

export const engineMessage = z.discriminatedUnion('type', [
  /** The workspace is open; clients may be handed over. */
  z.strictObject({ type: z.literal('ready') }),
  /** The workspace cannot be opened; the process ends. */
  z.strictObject({ type: z.literal('failed'), error: errorReport }),
  /** Asks for a worker; answered by `spawned` or `spawn-failed`, later by `exited`. */
  z.strictObject({ type: z.literal('spawn'), id: spawnId, runFolder: path, dataFile: path.nullable(), environment: gpuVariables }),
  z.strictObject({ type: z.literal('kill'), id: spawnId }),
  /** From now on windows may name the path of the `grant` with this id. */
  z.strictObject({ type: z.literal('granted'), id: grantId }),
  /** What goes on, for the taskbar, the tray and the question before quitting. */
  z.strictObject({ type: z.literal('queue'), queue: queueView }),
  /** How many exports and reproductions go on. */
  z.strictObject({ type: z.literal('tasks'), running: z.int().min(0) }),
  z.strictObject({ type: z.literal('study-ended'), study: studyEnded }),
]);
export type EngineMessage = z.infer<typeof engineMessage>;

export const mainMessage = z.discriminatedUnion('type', [
  /** Comes with the message port of a window. */
  z.strictObject({ type: z.literal('client') }),
  /** Start the tracking server. */
  z.strictObject({ type: z.literal('track') }),
  /** A person chose this path. */
  z.strictObject({ type: z.literal('grant'), id: grantId, access: z.enum(['read', 'folder', 'write']), path }),
  /** Stop the workers, let go of the workspace, end. */
  z.strictObject({ type: z.literal('close') }),
  z.strictObject({ type: z.literal('spawned'), id: spawnId, pid: z.int().min(1) }),
  z.strictObject({ type: z.literal('spawn-failed'), id: spawnId, message: z.string() }),
  z.strictObject({ type: z.literal('exited'), id: spawnId, exitCode: z.int().nullable(), signal: z.string().nullable() }),
]);
export type MainMessage = z.infer<typeof mainMessage>;
