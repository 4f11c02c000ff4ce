/** Reads the folders of W&B's offline runs. */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { attempt, Lots, type ImportSink } from '../import-sink';
import { readAppended } from '../tail/appended';
import { decode } from '../tail/decode';
import { FileFinder } from '../tail/find-files';
import { readLog } from './log-frames';
import { RecordSchema, type Run } from './proto/record_pb';
import { WandbTail } from './tail';

/** A log that nobody has written to for so long is that of a run that was killed. */
const SILENT_MS = 10 * 60 * 1000;

/** What a log says first of its run; null where it does not. */
async function runOf(file: string): Promise<Run | null> {
  const { value } = await readAppended(file, 0, (bytes) => readLog(bytes, 0, true));
  for (const bytes of value?.records ?? []) {
    const record = decode(RecordSchema, bytes)?.recordType;
    if (record?.case === 'run') return record.value;
  }
  return null;
}

/** Reads all runs below a folder: `wandb`, one `offline-run-…`, or a folder around them. */
export async function importWandb(folder: string, sink: ImportSink): Promise<void> {
  const finder = new FileFinder(folder, (name) => name.endsWith('.wandb'), (name) => !['files', 'logs', 'tmp'].includes(name));
  for (const file of await finder.find()) {
    const path = join(folder, file);
    await attempt(sink, path, async (begun) => {
      const run = await runOf(path);
      if (run === null) throw new Error("It is not a transaction log of W&B, or it tells of no run.");
      const name = run.displayName === '' ? run.runId : run.displayName;
      const startedAt = run.startTime === undefined ? null : Number(run.startTime.seconds) * 1000 + Math.floor(run.startTime.nanos / 1e6);
      const runId = begun(
        await sink.begin({
          system: 'wandb',
          id: [run.entity, run.project, run.runId, startedAt].join('/'),
          name,
          experiment: run.project === '' ? 'uncategorized' : run.project,
          experimentTags: {},
          createdAt: startedAt ?? 0,
          user: run.entity,
          from: dirname(path),
          deleted: false,
        }),
      );
      if (runId === null) return;
      const tail = new WandbTail(dirname(path), { put: sink.put, imported: true });
      const lots = new Lots(sink, runId);
      for (let more = true; more; ) {
        const batch = await tail.poll(true);
        for (const record of batch.records) await lots.add(record);
        ({ more } = batch);
      }
      await lots.flush();
      const [fold] = tail.runs;
      const goesOn = fold?.exitCode === null && Date.now() - (await stat(path)).mtimeMs < SILENT_MS;
      const status = fold?.exitCode === null ? (goesOn ? 'running' : 'killed') : fold?.exitCode === 0 ? 'finished' : 'failed';
      const endedAt = goesOn || fold?.lastTime === undefined || fold.lastTime === null ? null : Math.round(fold.lastTime);
      await sink.end(runId, { status, name, endedAt, ...(startedAt === null ? {} : { startedAt }) });
    });
  }
}
