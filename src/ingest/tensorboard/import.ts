/** Reads a folder of TensorBoard logs: a run for each folder with event files. */
import { basename, join, resolve } from 'node:path';
import { attempt, Lots, type ImportSink } from '../import-sink';
import { decode } from '../tail/decode';
import { FileFinder } from '../tail/find-files';
import { readAppended } from '../tail/appended';
import { EventSchema } from './proto/events_pb';
import { folderOf, groupRuns, isEventFile } from './run-folders';
import { TensorBoardTail } from './tail';
import { readFrames } from './tfrecord';

/** Milliseconds since 1970 of the first event; null where there is none. */
async function startOf(file: string): Promise<number | null> {
  const { value } = await readAppended(file, 0, readFrames);
  const [first] = value?.records ?? [];
  return first === undefined ? null : ((decode(EventSchema, first)?.wallTime ?? Number.NaN) * 1000 || null);
}

export async function importTensorBoard(logs: string, sink: ImportSink): Promise<void> {
  const files = await new FileFinder(logs, isEventFile).find();
  for (const [base, folders] of groupRuns(files)) {
    const first = files.find((file) => folderOf(file) === base) as string;
    await attempt(sink, join(logs, base), async (begun) => {
      const name = base === '' ? basename(resolve(logs)) : base;
      const runId = begun(
        await sink.begin({
          system: 'tensorboard',
          // Event files are named by time, host and process; where the logs lie says nothing.
          id: `${basename(name)}/${basename(first)}`,
          name,
          experiment: basename(resolve(logs)),
          experimentTags: {},
          createdAt: Math.round((await startOf(join(logs, first))) ?? 0),
          user: '',
          from: join(logs, base),
          deleted: false,
        }),
      );
      if (runId === null) return;
      const tail = new TensorBoardTail(logs, { put: sink.put, base, folders });
      const lots = new Lots(sink, runId);
      for (let more = true; more; ) {
        const batch = await tail.poll();
        for (const record of batch.records) await lots.add(record);
        ({ more } = batch);
      }
      await lots.flush();
      const { firstTime, lastTime, status } = tail.said;
      await sink.end(runId, { status: status ?? 'finished', name, endedAt: lastTime === null ? null : Math.round(lastTime), ...(firstTime === null ? {} : { startedAt: Math.round(firstTime) }) });
    });
  }
}
