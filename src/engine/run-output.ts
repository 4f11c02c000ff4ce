/** Use cases of one run that is looked at closely: what its command printed, stretches of its series. */
import { createHash } from 'node:crypto';
import { closeSync, createReadStream, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Input, Output } from '../api/contract';
import { RepriseError } from '../errors/errors';
import { ATTEMPT_FILES, attemptFolder } from '../events/command-files';
import { outputLineSchema } from '../events/command-run';
import { ARTIFACT_FILES } from '../events/manifest';
import { atomicWriteWith } from '../files/atomic-write';
import { refuseTarget } from '../files/targets';
import type { FileRow } from '../store/tracking';
import type { Store } from '../store/types';
import type { EngineContext } from './context';

/** Bytes that are read for one page: more than its lines can be. */
const PAGE_BYTES = 4 * 2 ** 20;
const NEWLINE = 0x0a;

/** Bytes of a file from an offset on; none where it is not there (yet). */
function bytesFrom(file: string, offset: number): { readonly bytes: Buffer; readonly size: number } {
  if (!existsSync(file)) return { bytes: Buffer.alloc(0), size: 0 };
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const bytes = Buffer.alloc(Math.max(0, Math.min(PAGE_BYTES, size - offset)));
    return { bytes: bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, offset)), size };
  } finally {
    closeSync(descriptor);
  }
}

function lineOf(bytes: Uint8Array): Output<'runs.output'>['lines'][number] {
  try {
    const parsed = outputLineSchema.safeParse(JSON.parse(new TextDecoder().decode(bytes)));
    if (parsed.success) return parsed.data;
  } catch {
    // Told below.
  }
  return { time: 0, stream: 'note', text: '(a damaged line of the output)' };
}

/** How many attempts have an output. */
function attemptsOf(folder: string): number {
  let attempts = 0;
  while (existsSync(attemptFolder(folder, attempts + 1))) attempts += 1;
  return attempts;
}

/** @throws RepriseError RUN_NOT_FOUND */
export function readRunOutput({ store }: EngineContext, input: Input<'runs.output'>): Output<'runs.output'> {
  const folder = store.runFolder(store.getRun(input.run).runId);
  const attempts = attemptsOf(folder);
  const { bytes, size } = bytesFrom(join(attemptFolder(folder, input.attempt ?? Math.max(1, attempts)), ATTEMPT_FILES.output), input.offset);
  const lines: Output<'runs.output'>['lines'] = [];
  let position = 0;
  while (lines.length < input.limit) {
    const end = bytes.indexOf(NEWLINE, position);
    if (end < 0) break;
    lines.push(lineOf(bytes.subarray(position, end)));
    position = end + 1;
  }
  return { lines, offset: input.offset + position, attempts, more: position > 0 && input.offset + position < size };
}

/** Files of a run: a logged or a command run's own, a training run's artifacts by their file names. */
export function filesOf(store: Store, runId: string): FileRow[] {
  const artifacts = store.artifacts(runId).map(({ name, sha256, bytes }) => ({ path: ARTIFACT_FILES[name], sha256, bytes }));
  return [...artifacts, ...store.files(runId)];
}

/** @throws RepriseError RUN_NOT_FOUND, FILE_NOT_FOUND, FILE_EXISTS, FOLDER_NOT_FOUND, FILE_DAMAGED */
export async function saveRunFile({ store }: EngineContext, input: Input<'runs.saveFile'>): Promise<Output<'runs.saveFile'>> {
  const { runId } = store.getRun(input.run);
  const out = resolve(input.out);
  refuseTarget(out, input.overwrite === true);
  const kept = filesOf(store, runId).find(({ path }) => path === input.path);
  if (kept === undefined) throw new RepriseError('FILE_NOT_FOUND', `Run ${runId} has no file ${JSON.stringify(input.path)}.`, { kind: 'input' });
  const object = store.objectPath(kept.sha256);
  const damaged = (why: string): RepriseError => new RepriseError('FILE_DAMAGED', `The file ${JSON.stringify(input.path)} of run ${runId} cannot be saved: its content, ${object}, ${why}.`, { kind: 'system', hint: 'Restore it from a backup of the workspace.' });
  if (!existsSync(object)) throw damaged('is gone');
  await atomicWriteWith(out, async (handle) => {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(object, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      await handle.writeFile(chunk);
    }
    if (hash.digest('hex') !== kept.sha256) throw damaged('is not what the run kept');
  });
  return { file: out, bytes: kept.bytes };
}

/** @throws RepriseError RUN_NOT_FOUND, METRIC_NOT_FOUND */
export function readSeriesWindow({ store }: EngineContext, input: Input<'series.window'>): Output<'series.window'> {
  const { runId } = store.getRun(input.run);
  const keys = store.seriesKeys(runId);
  if (!keys.includes(input.key)) throw new RepriseError('METRIC_NOT_FOUND', `Run ${runId} has no metric ${JSON.stringify(input.key)}.`, { kind: 'input', hint: keys.length === 0 ? 'It has logged no metric.' : `Known: ${keys.slice(0, 20).join(', ')}.` });
  return { ...store.seriesWindow(runId, input.key, input.from ?? Number.MIN_SAFE_INTEGER, input.to ?? Number.MAX_SAFE_INTEGER, input.buckets) };
}
