/**
 * What lies where on another machine. Its base folder is a workspace without a database: objects as src/files/objects.ts
 * names them, run folders, and programs.
 */
import { posix } from 'node:path';
import { z } from 'zod';
import { launchSchema } from '../events/command-run';

export const OUTPOST_FILES = {
  /** What is to be carried out; readable by its owner alone, for it may hold values that nobody else should see. */
  order: 'order.json',
  /** What the outpost did, one JSON object a line: words.ts. */
  words: 'outpost.jsonl',
  /** What outpost and worker print that is no output of a program. */
  log: 'outpost.log',
  /** Who carries out an attempt that `serve` started, and which: there before its first word. */
  started: 'outpost.pid',
  /** TensorBoard's files that are part of the code. */
  passedOver: 'passed-over.json',
} as const;

/** `runs/RUN` */
export function runFolderThere(base: string, runId: string): string {
  return posix.join(base, 'runs', runId);
}

/** An input of commands, once for each content: `inputs/FINGERPRINT/NAME`, the name as it was called where it came from. */
export function inputThere(base: string, fingerprint: string, name: string): string {
  return posix.join(base, 'inputs', fingerprint, name);
}

const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);
const innerPath = z.string().min(1).max(4096);
const variables = z.record(z.string(), z.string());

const commandOrder = z.strictObject({
  kind: z.literal('command'),
  ...launchSchema.pick({ command: true, timeLimitMs: true, graceMs: true, outputLimit: true }).shape,
  /** The code: the object that lists it, the folder of the config in it, and where the program starts, from the top. */
  snapshot: sha256,
  folder: z.string().max(4096),
  cwd: z.string().max(4096),
  /** By the path that the config names it by: where it lies there, absolute or below the base folder. */
  inputs: z.record(z.string(), innerPath),
  parameterFile: z.strictObject({ path: innerPath, text: z.string() }).nullable(),
});

const trainingOrder = z.strictObject({ kind: z.literal('training'), /** The prepared data: an object. */ data: sha256 });

/**
 * `order.json` of a run folder: the attempt to carry out. Started again by itself (a cluster's requeue), the outpost carries
 * out the next one. The file goes once an attempt has come to its end without being told to, for it may hold secrets.
 */
export const outpostOrderSchema = z.strictObject({
  runId: z.string().regex(/^[\w-]{1,100}$/u),
  attempt: z.int().min(1),
  work: z.discriminatedUnion('kind', [trainingOrder, commandOrder]),
  /** Set besides what the machine's own shell sets: of the config, of Reprise, and secrets by name. */
  env: variables,
  /** Names of those of them that are secrets. */
  secrets: z.array(z.string()).optional(),
  /** Bytes of memory that the run is meant to take; null: not said. Whoever starts the outpost enforces it (a cluster does); the outpost itself cannot. */
  memoryBytes: z.number().gt(0).nullable(),
});
export type OutpostOrder = z.infer<typeof outpostOrderSchema>;
