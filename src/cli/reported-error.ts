import { toErrorReport, type ErrorReport } from '../errors/errors';

/** An error that crossed the engine's border as a report and goes on to the user as it is. */
export class ReportedError extends Error {
  constructor(readonly report: ErrorReport) {
    super(report.message);
  }
}

export function reportOf(error: unknown): ErrorReport {
  return error instanceof ReportedError ? error.report : toErrorReport(error);
}
