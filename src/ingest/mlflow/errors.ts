/** Errors as MLflow's clients expect them: `{"error_code", "message"}`. */
import { RepriseError } from '../../errors/errors';

/** The client tries 408, 429, 500, 502, 503 and 504 again for minutes: only what may pass gets one of those. */
const STATUS = {
  INVALID_PARAMETER_VALUE: 400,
  RESOURCE_ALREADY_EXISTS: 400,
  BAD_REQUEST: 400,
  FEATURE_DISABLED: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  RESOURCE_DOES_NOT_EXIST: 404,
  ENDPOINT_NOT_FOUND: 404,
  NOT_IMPLEMENTED: 501,
  INTERNAL_ERROR: 500,
} as const;

export type MlflowErrorCode = keyof typeof STATUS;

export class MlflowError extends Error {
  override readonly name = 'MlflowError';
  readonly code: MlflowErrorCode;

  constructor(code: MlflowErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
  }

  /** HTTP status. */
  get status(): number {
    return STATUS[this.code];
  }

  get body(): { readonly error_code: MlflowErrorCode; readonly message: string } {
    return { error_code: this.code, message: this.message };
  }
}

export function invalid(message: string): MlflowError {
  return new MlflowError('INVALID_PARAMETER_VALUE', message);
}

export function missing(message: string): MlflowError {
  return new MlflowError('RESOURCE_DOES_NOT_EXIST', message);
}

/** What Reprise's own errors are to a client. A full disk or an unreadable log stays what it is until a person sees to it, so it is no 5xx. */
function codeOf(error: RepriseError): MlflowErrorCode {
  switch (error.code) {
    case 'RUN_NOT_FOUND':
    case 'EXPERIMENT_NOT_FOUND':
      return 'RESOURCE_DOES_NOT_EXIST';
    case 'EXPERIMENT_EXISTS':
      return 'RESOURCE_ALREADY_EXISTS';
    default:
      return error.kind === 'system' ? 'BAD_REQUEST' : 'INVALID_PARAMETER_VALUE';
  }
}

/** Anything thrown, as an answer. */
export function toMlflowError(error: unknown): MlflowError {
  if (error instanceof MlflowError) return error;
  if (error instanceof RepriseError) {
    const message = error.hint === undefined ? error.message : `${error.message} ${error.hint}`;
    return new MlflowError(codeOf(error), message, { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  const code = (error as NodeJS.ErrnoException | null)?.code;
  // Of the file system: it is no use to try again at once.
  if (typeof code === 'string' && code.startsWith('E')) return new MlflowError('BAD_REQUEST', `Reprise could not write or read a file: ${message}`, { cause: error });
  return new MlflowError('INTERNAL_ERROR', `Reprise failed unexpectedly: ${message}`, { cause: error });
}
