/** What is brought here when an attempt has ended elsewhere: declared outputs, a checkpoint where it is wanted. */
import { join, posix } from 'node:path';
import type { Collecting } from '../../config/machine';
import { outputPattern } from '../../config/output-pattern';
import { bytesOf } from '../../config/facts';
import { fillTask } from '../../config/task';
import { RepriseError } from '../../errors/errors';
import { COMMAND_FILES } from '../../events/command-files';
import { RUN_FILES, type CommandManifest } from '../../events/manifest';
import { readEvents } from '../../events/reader';
import type { CheckpointRecord } from '../../events/records';
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
    if (checkpoints === 'last' && checkpoint !== null) await fetchFile(link, { runId, runFolder, path: checkpoint.file, sha256: checkpoint.sha256 });
    if (!isFinished) return;
  }
  if (!keep) await link.call('remove', { runIds: [runId] });
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
  for (const record of readEvents(log, 0).records) {
    if (record.type === 'attempt') isFinished = false;
    else if (record.type === 'finished') isFinished = true;
    else if (record.type === 'checkpoint') checkpoint = record;
  }
  return { isFinished, checkpoint };
}
