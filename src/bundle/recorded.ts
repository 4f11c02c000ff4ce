/** What an unpacked bundle says about a run, to be compared with a re-execution. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RepriseError } from '../errors/errors';
import type { ArtifactName } from '../events/records';
import { sha256File } from '../files/hash';
import { readBundleLog, readBundleRecords, traceOfLog } from './event-log';
import type { CommandBundleRun, TrainingBundleRun } from './model';
import { filesOfLog, seriesOfLog, type CommandTrace } from './series';
import type { Trace } from './trace';

function missingLog(path: string): RepriseError {
  return new RepriseError('BUNDLE_INVALID', `The bundle has no ${path}: there is no record to compare with.`, { kind: 'input', problems: [{ path, message: 'is missing.' }] });
}

/** The same of a command run. @throws RepriseError BUNDLE_INVALID */
export async function recordedCommandTrace(folder: string, run: CommandBundleRun): Promise<CommandTrace> {
  const file = join(folder, ...run.eventLog.split('/'));
  if (!existsSync(file)) throw missingLog(run.eventLog);
  const records = readBundleRecords(await readFile(file), run.eventLog);
  return { status: run.status, error: null, series: seriesOfLog(records), files: new Map([...filesOfLog(records)].map(([path, { sha256 }]) => [path, sha256])) };
}

/**
 * The trace of a run in the folder of an unpacked bundle. The hashes of its files are those of the files that are
 * there, whatever the event log says of them: they are what a reader of the bundle uses.
 * @throws RepriseError BUNDLE_INVALID for an event log that is missing or damaged
 */
export async function recordedTrace(folder: string, run: TrainingBundleRun): Promise<Trace> {
  const place = (path: string): string => join(folder, ...path.split('/'));
  if (!existsSync(place(run.eventLog))) throw missingLog(run.eventLog);
  const trace = traceOfLog(readBundleLog(await readFile(place(run.eventLog)), run.eventLog));
  const artifacts: Partial<Record<ArtifactName, string>> = { ...trace.artifacts };
  for (const [name, path] of Object.entries(run.files) as [ArtifactName, string | undefined][]) {
    // A file that is named and missing is a finding of `verifyBundle`.
    if (path !== undefined && existsSync(place(path))) artifacts[name] = await sha256File(place(path));
  }
  return { ...trace, artifacts };
}
