/** The payload of a bundle as it will be written: names, sources and hashes, equal files once. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { RepriseError } from '../errors/errors';
import type { FileHashes } from './zip';

/** A file on disk or bytes in memory. */
export type PayloadSource = { readonly file: string } | { readonly bytes: Uint8Array };

export interface PayloadEntry extends FileHashes {
  /** Path in the bag. */
  readonly path: string;
  readonly source: PayloadSource;
}

/** @throws RepriseError BUNDLE_SOURCE_MISSING */
async function hashFile(file: string): Promise<FileHashes> {
  const sha512 = createHash('sha512');
  const sha256 = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
      sha512.update(chunk as Buffer);
      sha256.update(chunk as Buffer);
      bytes += (chunk as Buffer).length;
    }
  } catch (error) {
    throw new RepriseError('BUNDLE_SOURCE_MISSING', `${file} cannot be read, so the bundle cannot be made.`, {
      kind: 'system',
      hint: 'The workspace has lost a file of a run: `reprise workspace check` tells more.',
      cause: error,
    });
  }
  return { sha512: sha512.digest('hex'), sha256: sha256.digest('hex'), bytes };
}

export function hashBytes(bytes: Uint8Array): FileHashes {
  return { sha512: createHash('sha512').update(bytes).digest('hex'), sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length };
}

interface Placed {
  readonly wanted: string;
  readonly source: PayloadSource;
  readonly hashes: FileHashes;
}

/**
 * Collects files under the names they would like; files with equal content that are wanted under more
 * than one name are stored once, as `data/objects/SHA-256.EXTENSION`.
 */
export class PayloadBuilder {
  readonly #shared: Placed[] = [];
  readonly #fixed: Placed[] = [];

  /** Hashes a file that may be stored once for several names. */
  async addFile(wanted: string, file: string): Promise<void> {
    this.#shared.push({ wanted, source: { file }, hashes: await hashFile(file) });
  }

  /** Takes bytes in under exactly this name. */
  addBytes(path: string, bytes: Uint8Array | string): void {
    const data = typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes;
    this.#fixed.push({ wanted: path, source: { bytes: data }, hashes: hashBytes(data) });
  }

  /** Takes a file in under exactly this name. */
  async addFixedFile(path: string, file: string): Promise<void> {
    this.#fixed.push({ wanted: path, source: { file }, hashes: await hashFile(file) });
  }

  /** Wanted name → name in the bag. Complete once all shared files are in. */
  places(): ReadonlyMap<string, string> {
    const uses = new Map<string, number>();
    for (const { hashes } of this.#shared) uses.set(hashes.sha256, (uses.get(hashes.sha256) ?? 0) + 1);
    return new Map(
      this.#shared.map(({ wanted, hashes }) => {
        const extension = /\.([A-Za-z0-9]{1,20})$/u.exec(wanted)?.[1] ?? 'bin';
        return [wanted, uses.get(hashes.sha256) === 1 ? wanted : `data/objects/${hashes.sha256}.${extension}`];
      }),
    );
  }

  /** All files, sorted by name in code-unit order. */
  entries(): PayloadEntry[] {
    const places = this.places();
    const byPath = new Map<string, PayloadEntry>();
    for (const { wanted, source, hashes } of [...this.#shared, ...this.#fixed]) {
      const path = places.get(wanted) ?? wanted;
      byPath.set(path, { path, source, ...hashes });
    }
    return [...byPath.values()].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  }
}
