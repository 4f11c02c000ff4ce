/** What the files of a run of a command hold, by which its host and its supervisor speak: see `command-files`. */
import { z } from 'zod';

export const launchSchema = z.strictObject({
  runId: z.string().min(1),
  attempt: z.int().min(1),
  command: z.union([z.array(z.string()).min(1), z.strictObject({ shell: z.enum(['sh', 'bash', 'zsh', 'pwsh', 'cmd']), script: z.string() })]),
  /** Absolute. */
  cwd: z.string().min(1),
  /** Set besides the person's own; null: taken away from them. */
  env: z.record(z.string(), z.string().nullable()),
  /** Names of those whose values are not kept where the program prints them. */
  secrets: z.array(z.string()).optional(),
  timeLimitMs: z.number().gt(0).nullable(),
  /** Time between the request to end and its enforcement. */
  graceMs: z.number().min(0),
  /** Bytes of output that are kept. */
  outputLimit: z.number().min(0),
});
/** What the supervisor is to start. */
export type Launch = z.infer<typeof launchSchema>;

/** Program and arguments of a line for a shell. */
const SHELLS: Readonly<Record<Exclude<Launch['command'], readonly string[]>['shell'], readonly string[]>> = {
  sh: ['sh', '-c'],
  bash: ['bash', '-c'],
  zsh: ['zsh', '-c'],
  pwsh: ['pwsh', '-NoProfile', '-NonInteractive', '-Command'],
  cmd: ['cmd.exe', '/d', '/s', '/c'],
};

/** What is started, the program first. */
export function argumentsOf(command: Launch['command']): readonly string[] {
  return Array.isArray(command) ? command : [...SHELLS[command.shell], command.script];
}

export const programSchema = z.object({ pid: z.int().min(1), startTime: z.string(), host: z.string().optional(), namespace: z.string().optional(), boot: z.string().optional() });

export const outputLineSchema = z.object({
  /** Milliseconds since 1970, UTC: when the end of the line was seen. */
  time: z.number(),
  /** `note`: what the supervisor says of the output. */
  stream: z.enum(['stdout', 'stderr', 'note']),
  text: z.string(),
});
/** One line of the output, without its end. */
export type OutputLine = z.infer<typeof outputLineSchema>;

export const commandExitSchema = z.object({
  /**
   * ended: by itself. cancelled, time-limit: it was ended. stopped: it was ended because its host went away or closes.
   * out-of-memory: it was ended because it took more than it may, as the engine of its place says. not-found,
   * not-started: it never ran; `message` says why.
   */
  reason: z.enum(['ended', 'cancelled', 'time-limit', 'stopped', 'out-of-memory', 'not-found', 'not-started']),
  exitCode: z.number().nullable(),
  signal: z.string().nullable(),
  startedAt: z.number(),
  endedAt: z.number(),
  message: z.string().nullable(),
  /** Processes it left behind, which were ended with it. */
  leftBehind: z.number(),
  /** Lines that were not kept because there were too many. */
  droppedLines: z.number(),
});
/** How an attempt ended. */
export type CommandExit = z.infer<typeof commandExitSchema>;
