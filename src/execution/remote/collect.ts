/** What is brought here when an attempt has ended elsewhere: declared outputs, a checkpoint where it is wanted. */
import { join, posix } from 'node:path';
import type { Collecting } from '../../config/machine';
import { outputPattern } from '../../config/output-pattern';
import { bytesOf } from '../../config/facts';
import { fillTask } from '../../config/task';
import { RepriseError } from '../../errors/errors';
import { COMMAND_FILES } from '../../events/command-files';
import { RUN_FILES, type CommandManifest } from '../../events/manifest';
import { eachRecord } from '../../events/reader';
import type { CheckpointRecord } from '../../events/records';
import { atomicWrite } from '../../files/atomic-write';
import type { Output } from '../../outpost/protocol';
import type { Order } from '../executor';
import { fetchFile } from './fetch';
import type { Link } from './link';

/** Files that are fetched at once. */
const AT_ONCE = 8;
/** Of a run, as many as are kept of one on this machine. */
const MOST_FILES = 10_000;

/**
 * Fetches what is left, then removes the run's folder there; that of a training which can go on from its checkpoint stays.
 * @throws RepriseError MACHINE_UNREACHABLE, and of the disk here
 */
export async function collect(link: Link, order: Order, { largest, checkpoints, keep }: Collecting): Promise<void> {
  const { manifest, runId, runFolder } = order;
  if (manifest.kind === 'command') {
    await collectOutputs(link, order, manifest, largest === undefined ? Infinity : (bytesOf(largest) ?? Infinity));
  } else {
    const { isFinished, checkpoint } = standing(join(runFolder, RUN_FILES.events));
    if (checkpoints === 'last' && checkpoint !== null) await fetchCheckpoint(link, order, checkpoint);
    if (!isFinished) return;
  }
  if (!keep) await link.call('remove', { runIds: [runId] });
}

/** A run does not fail for want of it: the log says so. */
async function fetchCheckpoint(link: Link, { runId, runFolder, tell }: Order, { file, sha256 }: CheckpointRecord): Promise<void> {
  try {
    await fetchFile(link, { runId, runFolder, path: file, sha256 });
  } catch (error) {
    if (!(error instanceof RepriseError) || (error.code !== 'FILE_MISSING' && error.code !== 'ARTIFACT_MISMATCH')) throw error;
    await tell({ type: 'message', level: 'warning', text: `The last checkpoint, ${file}, could not be fetched from ${link.name}: ${error.message}` });
  }
}

async function collectOutputs(link: Link, { runId, runFolder, tell }: Order, manifest: CommandManifest, most: number): Promise<void> {
  const { outputs } = fillTask(manifest.config);
  if (outputs.length === 0) return;
  const folder = posix.join(COMMAND_FILES.work, manifest.provenance.code?.folder ?? '');
  const files = await filesThere(link, runId, folder);
  const patterns = outputs.map(outputPattern);
  const wanted = files.filter(({ path }) => patterns.some((pattern) => pattern.test(posix.relative(folder, path)))).slice(0, MOST_FILES);
  const large = wanted.filter(({ bytes }) => bytes > most);
  if (large.length > 0) {
    await atomicWrite(join(runFolder, COMMAND_FILES.leftThere), JSON.stringify(large.map(({ path }) => posix.relative(folder, path))));
    const named = large.slice(0, 5).map(({ path, bytes }) => `${posix.relative(folder, path)} (${bytes} bytes)`).join(', ');
    await tell({ type: 'message', level: 'warning', text: `${large.length === 1 ? 'An output is' : `${large.length} outputs are`} larger than what ${link.name} is asked for, and not fetched: ${named}${large.length > 5 ? ', …' : ''}.` });
  }
  const rest = wanted.filter(({ bytes }) => bytes <= most);
  for (let from = 0; from < rest.length; from += AT_ONCE) await Promise.all(rest.slice(from, from + AT_ONCE).map(({ path }) => fetchFile(link, { runId, runFolder, path })));
}

/** None where the working copy could not be made, or a host that died just then had fetched all and removed it. */
async function filesThere(link: Link, runId: string, folder: string): Promise<Output<'list'>['files']> {
  try {
    return (await link.call('list', { runId, path: folder })).value.files;
  } catch (error) {
    if (error instanceof RepriseError && error.code === 'FILE_MISSING') return [];
    throw error;
  }
}

/** Whether a training came to its end, and its newest checkpoint. */
function standing(log: string): { readonly isFinished: boolean; readonly checkpoint: CheckpointRecord | null } {
  let isFinished = false;
  let checkpoint: CheckpointRecord | null = null;
  for (const record of eachRecord(log)) {
    if (record.type === 'attempt') isFinished = false;
    else if (record.type === 'finished') isFinished = true;
    else if (record.type === 'checkpoint') checkpoint = record;
  }
  return { isFinished, checkpoint };
}
