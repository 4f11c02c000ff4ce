/** What an unpacked bundle says about a run, to be compared with a re-execution. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RepriseError } from '../errors/errors';
import type { ArtifactName } from '../events/records';
import { sha256File } from '../files/hash';
import { readBundleLog, traceOfLog } from './event-log';
import type { BundleRun } from './model';
import type { Trace } from './trace';

/**
 * The trace of a run in the folder of an unpacked bundle. The hashes of its files are those of the files that are
 * there, whatever the event log says of them: they are what a reader of the bundle uses.
 * @throws RepriseError BUNDLE_INVALID for an event log that is missing or damaged
 */
export async function recordedTrace(folder: string, run: BundleRun): Promise<Trace> {
  const place = (path: string): string => join(folder, ...path.split('/'));
  if (!existsSync(place(run.eventLog))) {
    throw new RepriseError('BUNDLE_INVALID', `The bundle has no ${run.eventLog}: there is no record to compare with.`, { kind: 'input', problems: [{ path: run.eventLog, message: 'is missing.' }] });
  }
  const trace = traceOfLog(readBundleLog(await readFile(place(run.eventLog)), run.eventLog));
  const artifacts: Partial<Record<ArtifactName, string>> = { ...trace.artifacts };
  for (const [name, path] of Object.entries(run.files) as [ArtifactName, string | undefined][]) {
    // A file that is named and missing is a finding of `verifyBundle`.
    if (path !== undefined && existsSync(place(path))) artifacts[name] = await sha256File(place(path));
  }
  return { ...trace, artifacts };
}
