/**
 * How a host speaks to `outpost.js serve BASE` over its standard input and output: frames of one line of JSON and a body of
 * so many bytes. Each request is answered once, in any order, and does nothing new when it is made again.
 */
import { z } from 'zod';
import { launchSchema } from '../events/command-run';
import type { PythonEnvironment } from '../events/provenance';
import { GOING, STAYING, THINGS } from './clean-rule';

const path = z.string().min(1).max(4096);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);
const runId = z.string().regex(/^[\w-]{1,100}$/u);
const count = z.number().int().min(0);

/** Bytes of a body, at most. */
export const MOST_BODY = 16 * 2 ** 20;
/** Bytes of a file that travel in one frame. */
export const PIECE = 4 * 2 ** 20;

const machine = z.looseObject({ os: z.looseObject({ platform: z.string(), release: z.string(), arch: z.string(), name: z.string() }), cpu: z.looseObject({ model: z.string(), cores: z.number(), flags: z.array(z.string()) }), memoryBytes: z.number(), gpus: z.array(z.looseObject({ name: z.string(), driver: z.string().nullable(), memoryBytes: z.number().optional() })) });

/** Name of a method: what it is given (its body in words), and what it answers. */
export const METHODS = {
  /** Who answers. `base`: the absolute path of the base folder. `time`: milliseconds since 1970 of its clock. */
  hello: { input: z.strictObject({}), output: z.object({ base: path, host: z.string(), time: z.number(), kit: z.string() }) },
  /** What the machine is and has. `freeBytes` of the base folder's disk; `programs`: version lines of those that were found (docker, sbatch, apptainer, python3, nvidia-smi). */
  facts: { input: z.strictObject({}), output: z.object({ machine, versions: z.object({ node: z.string(), v8: z.string(), onnxruntime: z.string() }), cuda: z.string().nullable(), freeBytes: z.number(), programs: z.record(z.string(), z.string()) }) },
  /** Runs a program without a shell. Answers with what it printed: `stdoutBytes` of the body, then the errors. `stdin` is the body. */
  exec: { input: z.strictObject({ argv: z.array(z.string()).min(1), env: z.record(z.string(), z.string()).optional(), cwd: path.optional(), timeoutMs: z.number().gt(0) }), output: z.object({ exitCode: z.number().nullable(), signal: z.string().nullable(), stdoutBytes: count }) },
  /**
   * The Python that a command would start there, as src/provenance/interpreter.ts records it. `prologue`: lines for a shell that come
   * before, `env`: set after them; `cwd`: where the command starts, the base folder by default.
   */
  python: { input: z.strictObject({ command: launchSchema.shape.command, env: z.record(z.string(), z.string()), prologue: z.array(z.string()), cwd: path.optional() }), output: z.object({ python: z.custom<PythonEnvironment | null>(), problems: z.array(z.string()) }) },
  /** Which of these are not there. */
  missing: { input: z.strictObject({ objects: z.array(sha256), inputs: z.array(sha256) }), output: z.object({ objects: z.array(sha256), inputs: z.array(sha256) }) },
  /** A piece of an object; the last one makes it whole, if its hash is right. */
  putObject: { input: z.strictObject({ sha256, offset: count, total: count }), output: z.object({}) },
  /** A piece of a file of an input (`path`: its name, and for a folder what is in it), and that all of it is there: checked against the fingerprint. */
  putInput: { input: z.strictObject({ fingerprint: sha256, path, offset: count, total: count, executable: z.boolean() }), output: z.object({}) },
  sealInput: { input: z.strictObject({ fingerprint: sha256 }), output: z.object({}) },
  /** Small files of many runs, whole; the body holds them one after another. */
  writeRuns: { input: z.strictObject({ files: z.array(z.strictObject({ runId, name: z.string().regex(/^[\w.-]{1,100}$/u), mode: z.int(), bytes: count })) }), output: z.object({}) },
  /**
   * What was appended to the files of runs since, as far as an answer goes; `more`: ask again at once. What an attempt wrote comes
   * before the records and words that follow from it. A piece from 0 of a file that was known longer begins it anew.
   */
  poll: {
    input: z.strictObject({ runs: z.array(z.strictObject({ runId, offsets: z.record(z.string(), count) })) }),
    output: z.object({
      time: z.number(),
      more: z.boolean(),
      runs: z.array(z.object({ runId, isThere: z.boolean(), /** Whether the process that carries out its newest attempt still lives; null where that cannot be told (it is on another host, or `more` of the run is to come), or none was started. */ isAlive: z.boolean().nullable(), pieces: z.array(z.object({ path, offset: count, bytes: count })) })),
    }),
  },
  /** Files below a run's folder (or below `path` in it), with their sizes. */
  list: { input: z.strictObject({ runId, path: z.string().max(4096) }), output: z.object({ files: z.array(z.object({ path, bytes: count })) }) },
  /** A piece of a file of a run; the body. */
  read: { input: z.strictObject({ runId, path, offset: count, bytes: count }), output: z.object({ total: count }) },
  /** Starts `outpost.js run` for a run, detached and once for each attempt; `prologue`: lines for a login shell that come before. */
  start: { input: z.strictObject({ runId, prologue: z.array(z.string()) }), output: z.object({ pid: z.int() }) },
  /** Asks for the end of what is carried out (cancel: the run; stop: this attempt), or ends it with all that it started. stop and kill reach the host alone that answers: OUTPOST_ELSEWHERE. */
  end: { input: z.strictObject({ runId, how: z.enum(['cancel', 'stop', 'kill']) }), output: z.object({}) },
  /** Removes the folders of runs. */
  remove: { input: z.strictObject({ runIds: z.array(runId) }), output: z.object({}) },
  /** Ids of runs whose folders are there, and whether jobs of a cluster are: what has to be known of them before `clean`. */
  leftovers: { input: z.strictObject({}), output: z.object({ runIds: z.array(runId), hasJobs: z.boolean() }) },
  /**
   * What may go from the folder and what stays, by kind and reason (clean-rule.ts); removed with `remove`. `runs`: what the workspace
   * that asks says of them, which are open where it says nothing. `queue`: folders of jobs that are not over; null where
   * no queue can be asked. `names`: the first of a group. `problems`: why something that should go could not.
   */
  clean: {
    input: z.strictObject({ runs: z.record(runId, z.enum(['open', 'finished', 'other'])), queue: z.array(z.string().max(100)).nullable(), days: z.number().min(1), remove: z.boolean() }),
    output: z.object({
      base: path,
      groups: z.array(z.object({ kind: z.enum(THINGS), why: z.enum([...GOING, ...STAYING]), count, bytes: z.number(), lastUse: z.number(), names: z.array(z.string()) })),
      problems: z.array(z.string()),
    }),
  },
} as const;

export type Method = keyof typeof METHODS;
export type Input<M extends Method> = z.infer<(typeof METHODS)[M]['input']>;
export type Output<M extends Method> = z.infer<(typeof METHODS)[M]['output']>;

export const requestSchema = z.strictObject({ id: count, method: z.enum(Object.keys(METHODS) as [Method, ...Method[]]), input: z.unknown(), bytes: count });
export const answerSchema = z.discriminatedUnion('ok', [
  z.strictObject({ id: count, ok: z.literal(true), value: z.unknown(), bytes: count }),
  z.strictObject({ id: count, ok: z.literal(false), error: z.object({ code: z.string(), message: z.string(), hint: z.string().optional() }), bytes: count }),
]);
export type Request = z.infer<typeof requestSchema>;
export type Answer = z.infer<typeof answerSchema>;

const NEWLINE = 10;
/** Bytes of a header line, at most. */
const MOST_HEADER = 4 * 2 ** 20;

/** @param header its `bytes` must be the length of the body */
export function frame(header: Request | Answer, body: Uint8Array = new Uint8Array()): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), body]);
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #waiting: Buffer[] = [];
  #length = 0;
  #header: { readonly value: unknown; readonly bytes: number } | null = null;
  readonly #onFrame: (header: unknown, body: Buffer) => void;

  constructor(onFrame: (header: unknown, body: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** @throws Error where what comes is no frame: the connection is of no use then */
  push(bytes: Buffer): void {
    this.#waiting.push(bytes);
    this.#length += bytes.length;
    while (this.#take()) continue;
  }

  #take(): boolean {
    if (this.#header === null) {
      if (!this.#waiting.some((piece) => piece.includes(NEWLINE))) {
        if (this.#length > MOST_HEADER) throw new Error('A header does not end.');
        return false;
      }
      const all = this.#joined();
      const end = all.indexOf(NEWLINE);
      const value = JSON.parse(all.toString('utf8', 0, end)) as { readonly bytes?: unknown };
      const { bytes } = value;
      if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0 || bytes > MOST_BODY) throw new Error('A header tells of no body.');
      this.#header = { value, bytes };
      this.#keep(all.subarray(end + 1));
    }
    if (this.#length < this.#header.bytes) return false;
    const all = this.#joined();
    const { value, bytes } = this.#header;
    this.#header = null;
    this.#keep(all.subarray(bytes));
    this.#onFrame(value, all.subarray(0, bytes));
    return this.#length > 0;
  }

  #joined(): Buffer {
    const [only] = this.#waiting;
    return this.#waiting.length === 1 && only !== undefined ? only : Buffer.concat(this.#waiting);
  }

  #keep(rest: Buffer): void {
    this.#waiting = rest.length === 0 ? [] : [rest];
    this.#length = rest.length;
  }
}
