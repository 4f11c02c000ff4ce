/** Brings files of a run from where it was carried out into its folder here. */
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { RepriseError } from '../../errors/errors';
import { COMMAND_FILES } from '../../events/command-files';
import { RUN_FILES } from '../../events/manifest';
import { ownerFile } from '../../events/owner';
import { temporaryName } from '../../files/atomic-write';
import { sha256File } from '../../files/hash';
import { PIECE } from '../../outpost/protocol';
import type { Link } from './link';

const PLAIN_PART = /^(?!\.{1,2}$)[^/\\\0]+$/u;

/** What the host alone writes in the folder of a run. Some disks take names in capitals for the same. */
const OF_HOST: ReadonlySet<string> = new Set([RUN_FILES.manifest, RUN_FILES.events, RUN_FILES.cancel, RUN_FILES.worker, ownerFile(RUN_FILES.events), COMMAND_FILES.origin, COMMAND_FILES.leftThere, RUN_FILES.batchScript]);
export const isOfHost = (path: string): boolean => OF_HOST.has(path.toLowerCase());

/**
 * Where a file of a run lies here. The name comes from another machine: it must not lead out of the run's folder, nor to
 * what the host writes there.
 * @throws RepriseError OUTPOST_ANSWER_INVALID
 */
export function fileHere(runFolder: string, path: string): string {
  const parts = path.split('/');
  if (parts.every((part) => PLAIN_PART.test(part)) && !isOfHost(path)) return join(runFolder, ...parts);
  throw new RepriseError('OUTPOST_ANSWER_INVALID', `Another machine names a file ${JSON.stringify(path)}, which is none that its run may write.`, { kind: 'system', hint: 'Test the machine: `reprise machine test`.' });
}

async function sizeOf(file: string): Promise<number | null> {
  return stat(file).then(
    ({ size }) => size,
    () => null,
  );
}

export interface Wanted {
  readonly runId: string;
  readonly runFolder: string;
  /** From the run's folder, with `/`. */
  readonly path: string;
  /** Hex; absent where it is not known. */
  readonly sha256?: string;
}

/**
 * Brings a file here, whole; one that is here with the right hash is left alone.
 * @throws RepriseError MACHINE_UNREACHABLE, ARTIFACT_MISMATCH, and of the disk here
 */
export async function fetchFile(link: Link, { runId, runFolder, path, sha256 }: Wanted): Promise<void> {
  const file = fileHere(runFolder, path);
  if (sha256 !== undefined && (await sizeOf(file)) !== null && (await sha256File(file)) === sha256) return;
  await mkdir(dirname(file), { recursive: true });
  const temporary = temporaryName(file);
  try {
    const handle = await open(temporary, 'w');
    try {
      for (let offset = 0; ; ) {
        const { value, body } = await link.call('read', { runId, path, offset, bytes: PIECE });
        await handle.writeFile(body);
        offset += body.length;
        if (offset >= value.total || body.length === 0) break;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (sha256 !== undefined && (await sha256File(temporary)) !== sha256) {
      throw new RepriseError('ARTIFACT_MISMATCH', `The file ${path} of run ${runId} on ${link.name} is not what its log says.`, { kind: 'system', hint: 'Start the config again for a fresh run.' });
    }
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Adds what was appended to a file there; what is here already is not added again. One that began anew there (offset 0) does so here. */
export async function appendPiece(runFolder: string, path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const file = fileHere(runFolder, path);
  await mkdir(dirname(file), { recursive: true });
  const handle = await open(file, 'a+');
  try {
    const { size } = await handle.stat();
    if (offset === 0) await handle.truncate(0);
    // A shorter one was cut by a crash here; the next host asks from its end on.
    else if (size < offset) return;
    await handle.appendFile(bytes.subarray(offset === 0 ? 0 : size - offset));
  } finally {
    await handle.close();
  }
}

/** Bytes of a file of a run that are here. */
export async function bytesHere(runFolder: string, path: string): Promise<number> {
  return (await sizeOf(fileHere(runFolder, path))) ?? 0;
}
