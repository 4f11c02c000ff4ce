/**
 * The one error type of Reprise. Every room throws it; every border (CLI, IPC, HTTP) turns it
 * into a result with a stable code and a sentence a researcher understands.
 */

/** Why something failed, by class: decides the CLI's exit code. */
export type ErrorKind =
  /** Wrong use or bad input: exit 2. */
  | 'input'
  /** The answer to what was asked is no: exit 1. */
  | 'negative'
  /** Nothing can be said either way: exit 3. */
  | 'inconclusive'
  /** Stopped by the user: exit 130. */
  | 'cancelled'
  /** The machine, the disk or Reprise itself failed: exit 1. */
  | 'system';

/** One problem found in an input: where, what, and what is allowed. */
export interface Problem {
  /** Dotted path inside the document (`training.learningRate`), or a file path. */
  readonly path: string;
  /** One sentence: the value found and what is allowed. */
  readonly message: string;
}

export interface ErrorOptions {
  readonly kind?: ErrorKind;
  /** What to do next, one sentence. */
  readonly hint?: string;
  /** All problems at once, where an input has several. */
  readonly problems?: readonly Problem[];
  readonly cause?: unknown;
}

/** An error with a stable code (`CONFIG_INVALID`) and a sentence for people. */
export class RepriseError extends Error {
  override readonly name = 'RepriseError';
  readonly code: string;
  readonly kind: ErrorKind;
  readonly hint: string | undefined;
  readonly problems: readonly Problem[];

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.kind = options.kind ?? 'input';
    this.hint = options.hint;
    this.problems = options.problems ?? [];
  }
}

/** What crosses a border in place of an exception. */
export interface ErrorReport {
  readonly code: string;
  readonly kind: ErrorKind;
  readonly message: string;
  readonly hint?: string;
  readonly problems?: readonly Problem[];
}

export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: ErrorReport };

/** Turns anything thrown into a report; an unknown error keeps its message under the code `INTERNAL`. */
export function toErrorReport(error: unknown): ErrorReport {
  if (error instanceof RepriseError) {
    return {
      code: error.code,
      kind: error.kind,
      message: error.message,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      ...(error.problems.length === 0 ? {} : { problems: error.problems }),
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  if (isDiskFull(error)) return { code: 'DISK_FULL', kind: 'system', message: `The disk is full (${message}).`, hint: 'Make room on the disk, then try again. Nothing acknowledged was lost.' };
  return {
    code: 'INTERNAL',
    kind: 'system',
    message: `Reprise failed unexpectedly: ${message}`,
    hint: 'Nothing acknowledged was lost. Please report this message with the log file.',
  };
}

/** Whether something failed for want of room on a disk, or of a user's share of it: it may well go the next time. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'STORE_DISK_FULL' || isDiskFull(error.cause);
}

/** The CLI's exit code for a kind of failure. */
export function exitCodeOf(kind: ErrorKind): 1 | 2 | 3 | 130 {
  switch (kind) {
    case 'input':
      return 2;
    case 'negative':
    case 'system':
      return 1;
    case 'inconclusive':
      return 3;
    case 'cancelled':
      return 130;
  }
}
