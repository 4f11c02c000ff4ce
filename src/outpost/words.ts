/** What an outpost writes down of its attempts, for the host that reads it later: `outpost.jsonl` in the run's folder. */
import { z } from 'zod';

const common = {
  /** Counts from 1. */
  attempt: z.int().min(1),
  /** Milliseconds since 1970, UTC, of the machine's own clock. */
  time: z.number(),
};

const started = z.object({
  event: z.literal('started'),
  ...common,
  /** The outpost itself, as src/files/process-identity.ts names a process and where it counts. */
  host: z.string().max(1000),
  pid: z.int().min(1),
  startTime: z.string().max(1000),
  namespace: z.string().max(1000).optional(),
  boot: z.string().max(1000).optional(),
  /** The programs that carry it out: name of their folder. */
  programs: z.string().max(100).optional(),
  /** Of the hardware that computes: what decides bits (platform, arch, the CPU flags that numeric kernels are chosen by). */
  runtime: z.object({ platform: z.string(), arch: z.string(), cpuFlags: z.array(z.string()) }),
});

const ended = z.object({
  event: z.literal('ended'),
  ...common,
  /** Of the worker, or of the command's supervisor. */
  exitCode: z.int().nullable(),
  signal: z.string().max(100).nullable(),
  /** Whether the machine ended it because it took too much memory. */
  outOfMemory: z.boolean(),
  /** Whether the outpost was asked to end by a signal: a cluster's, or a person's. */
  wasStopped: z.boolean(),
  /** Why it could not begin, where it could not. */
  problem: z.object({ code: z.string().max(100), message: z.string().max(10_000) }).nullable(),
});

const outpostWordSchema = z.discriminatedUnion('event', [started, ended]);
export type OutpostWord = z.infer<typeof outpostWordSchema>;
export type StartedWord = Extract<OutpostWord, { readonly event: 'started' }>;
export type EndedWord = Extract<OutpostWord, { readonly event: 'ended' }>;

/** All that was said, but for what a crash or a full disk cut off. */
export function wordsOf(text: string): OutpostWord[] {
  return text.split('\n').flatMap((line) => {
    try {
      const word = outpostWordSchema.safeParse(JSON.parse(line));
      return word.success ? [word.data] : [];
    } catch {
      return [];
    }
  });
}
