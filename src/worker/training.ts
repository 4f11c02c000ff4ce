/** A training from the start of its process to its end. */
import path from 'node:path';
import { isDiskFull, toErrorReport } from '../errors/errors';
import { foldEvents } from '../events/fold';
import { RUN_FILES } from '../events/manifest';
import { readEvents } from '../events/reader';
import { EventLogWriter } from '../events/writer';
import { readManifest } from './inputs';
import { breather, Interruption } from './interruption';
import { trainRun } from './train';

function complain(error: unknown): void {
  const report = toErrorReport(error);
  process.stderr.write(`${report.code}: ${report.message}\n`);
}

/** Records how the run stopped; gives the exit code. */
function recordEnd(log: EventLogWriter, error: unknown): number {
  try {
    if (error instanceof Interruption) {
      const step = stepsDone(log);
      log.append(error.reason === 'cancelled' ? { type: 'cancelled', step } : { type: 'orphaned', step });
      return error.reason === 'cancelled' ? 130 : 129;
    }
    const { code, message, hint } = toErrorReport(error);
    const next = isDiskFull(error) ? 'Make room, then retry the run: it goes on from its last checkpoint.' : hint;
    log.append({ type: 'failed', code, message: next === undefined ? message : `${message} ${next}` });
  } catch (second) {
    // A full disk, for one, can make the log itself unwritable.
    complain(second);
  }
  complain(error);
  return 1;
}

/** Steps the log tells of, this attempt's and those it went on from. */
function stepsDone(log: EventLogWriter): number {
  return foldEvents(readEvents(log.file, 0).records).losses.length;
}

/**
 * Trains the run of a folder and writes its event log.
 * @param dataFile the prepared data
 * @returns the exit code: 0 finished, 1 failed, 129 the host went away, 130 cancelled
 */
export async function trainInFolder(dataFile: string, runFolder: string, parentGone: () => boolean): Promise<number> {
  let log: EventLogWriter;
  try {
    log = EventLogWriter.open(path.join(runFolder, RUN_FILES.events));
  } catch (error) {
    complain(error);
    return 1;
  }
  process.on('uncaughtException', (error) => {
    const code = recordEnd(log, error);
    log.close();
    process.exit(code);
  });
  try {
    if (foldEvents(log.existing).status === 'finished') return 0;
    const manifest = await readManifest(runFolder);
    await trainRun({ runFolder, dataFile, manifest, log, breathe: breather(runFolder, parentGone) });
    return 0;
  } catch (error) {
    return recordEnd(log, error);
  } finally {
    log.close();
  }
}
