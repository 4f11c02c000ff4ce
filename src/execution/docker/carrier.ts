/** How folders of this machine come into a container, and what it wrote comes back: by mounts, or by copies. */
import { lstat, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import type { Container, MountSettings } from 'dockerode';
import { packed, unpackInto, type Owner } from './archive';
import type { Engine } from './client';
import { isGone } from './problems';

/** Something of this machine that is in the container under the same path. */
export interface Share {
  readonly path: string;
  readonly writable: boolean;
}

export interface Carrier {
  readonly mounts: readonly MountSettings[];
  /** After the container was made, before it starts. */
  send(container: Container): Promise<void>;
  /** Brings what it has written of one file until now. */
  fetch(container: Container, file: string): Promise<void>;
  /** Brings all that it wrote, once it is over. */
  collect(container: Container): Promise<void>;
}

/** @param owner who has copies in the container */
export function carrierOf(engine: Engine, shares: readonly Share[], owner: Owner): Promise<Carrier> {
  return engine.isHere ? mountCarrier(shares) : Promise.resolve(copyCarrier(engine, shares, owner));
}

async function mountCarrier(shares: readonly Share[]): Promise<Carrier> {
  const mounts = await Promise.all(
    shares.map(async (share): Promise<MountSettings> => ({ Type: 'bind', Source: await realpath(share.path), Target: share.path, ReadOnly: !share.writable })),
  );
  const nothing = (): Promise<void> => Promise.resolve();
  return { mounts, send: nothing, fetch: nothing, collect: nothing };
}

function copyCarrier({ docker }: Engine, shares: readonly Share[], owner: Owner): Carrier {
  const get = async (container: Container, from: string): Promise<Readable> => (await docker.getContainer(container.id).getArchive({ path: from })) as unknown as Readable;
  return {
    mounts: [],
    async send(container) {
      const entries = await Promise.all(shares.map(async (share) => ({ source: share.writable ? share.path : await realpath(share.path), name: share.path.replace(/^\/+/u, '') })));
      await container.putArchive(packed(entries, owner) as unknown as NodeJS.ReadableStream, { path: '/' });
    },
    async fetch(container, file) {
      try {
        await unpackInto(file, await get(container, file));
      } catch (error) {
        // It is not there yet.
        if (!isGone(error)) throw error;
      }
    },
    async collect(container) {
      for (const { path: folder } of shares.filter(({ writable }) => writable)) await unpackInto(folder, await get(container, folder));
    },
  };
}

/** What links of a working copy lead to outside of it: without it they would lead nowhere in a container. */
export async function targetsOf(folder: string, names: readonly string[]): Promise<string[]> {
  const targets: string[] = [];
  for (const name of names) {
    const place = path.resolve(folder, name);
    const info = await lstat(place).catch(() => null);
    if (info === null) continue;
    if (path.isAbsolute(name)) targets.push(place);
    else if (info.isSymbolicLink()) targets.push(path.resolve(path.dirname(place), await readlink(place)));
  }
  return [...new Set(targets)];
}
