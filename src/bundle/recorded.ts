/** What an unpacked bundle says about a run, to be compared with a re-execution. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ArtifactName } from '../events/records';
import { sha256File } from '../files/hash';
import { readBundleLog, traceOfLog } from './event-log';
import type { BundleRun } from './model';
import type { Trace } from './trace';

/**
 * The trace of a run in the folder of an unpacked bundle. The hashes of its files are those of the files that are
 * there, whatever the event log says of them: they are what a reader of the bundle uses.
 * @throws RepriseError BUNDLE_INVALID for an event log that cannot be read
 */
export async function recordedTrace(folder: string, run: BundleRun): Promise<Trace> {
  const place = (path: string): string => join(folder, ...path.split('/'));
  const trace = traceOfLog(readBundleLog(await readFile(place(run.eventLog)), run.eventLog));
  const artifacts: Partial<Record<ArtifactName, string>> = { ...trace.artifacts };
  for (const [name, path] of Object.entries(run.files) as [ArtifactName, string | undefined][]) {
    if (path !== undefined) artifacts[name] = await sha256File(place(path));
  }
  return { ...trace, artifacts };
}
