/** Puts what a run's record refers to by hash into the record itself, for a reader without the workspace. */
import type { Provenance, UntrackedFile } from '../events/provenance';
import { readObject } from './snapshot';

/** Bytes of one untracked file, and of all together, that are put in; of others the hash stays. */
const CONTENT_LIMIT = 1024 * 1024;
const TOTAL_LIMIT = 10 * 1024 * 1024;

/** UTF-8 text as it is, anything else in base64. */
function encode(bytes: Buffer): Pick<UntrackedFile, 'content' | 'encoding'> {
  if (!bytes.includes(0)) {
    try {
      // The mark at the start of some files is content: without ignoreBOM it would be dropped.
      return { content: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes), encoding: 'utf8' };
    } catch {
      // Not UTF-8.
    }
  }
  return { content: bytes.toString('base64'), encoding: 'base64' };
}

/** The patch of a run as text, from its record or from the workspace; null where there is none. @throws RepriseError OBJECT_MISSING, OBJECT_HASH_MISMATCH */
export async function patchText(workspace: string, { git }: Pick<Provenance, 'git'>): Promise<string | null> {
  if (git === null) return null;
  if (git.patch !== null || git.patchObject == null) return git.patch;
  return (await readObject(workspace, git.patchObject.sha256)).toString('utf8');
}

/**
 * The provenance with the patch and the small untracked files in it, as bundles carry them.
 * @throws RepriseError OBJECT_MISSING, OBJECT_HASH_MISMATCH
 */
export async function withInlineCode(workspace: string, provenance: Provenance): Promise<Provenance> {
  const { git } = provenance;
  if (git === null) return provenance;
  const untracked: UntrackedFile[] = [];
  let total = 0;
  for (const file of git.untracked) {
    const { stored, ...plain } = file;
    const fits = stored === true && file.content === null && file.bytes <= CONTENT_LIMIT && total + file.bytes <= TOTAL_LIMIT;
    if (fits) total += file.bytes;
    untracked.push(fits ? { ...plain, ...encode(await readObject(workspace, file.sha256)) } : plain);
  }
  const { patchObject: _object, ...rest } = git;
  return { ...provenance, git: { ...rest, patch: await patchText(workspace, provenance), untracked } };
}
