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
  /** Gives a file of a writable folder to one that runs. */
  put(container: Container, file: string): Promise<void>;
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
  return { mounts, send: nothing, put: nothing, fetch: nothing, collect: nothing };
}

/** From the top of the container. */
const nameIn = (file: string): string => file.replace(/^\/+/u, '');

function copyCarrier({ docker }: Engine, shares: readonly Share[], owner: Owner): Carrier {
  const get = async (container: Container, from: string): Promise<Readable> => (await docker.getContainer(container.id).getArchive({ path: from })) as unknown as Readable;
  return {
    mounts: [],
    async send(container) {
      const entries = await Promise.all(shares.map(async (share) => ({ source: share.writable ? share.path : await realpath(share.path), name: nameIn(share.path) })));
      await container.putArchive(packed(entries, owner) as unknown as NodeJS.ReadableStream, { path: '/' });
    },
    async put(container, file) {
      await container.putArchive(packed([{ source: file, name: nameIn(file) }], owner) as unknown as NodeJS.ReadableStream, { path: '/' });
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

/** Where links of a folder lead: without their targets they would lead nowhere in a container. */
export async function linkTargets(folder: string, names: readonly string[]): Promise<string[]> {
  const targets: string[] = [];
  for (const name of names) {
    const place = path.join(folder, ...name.split('/'));
    if ((await lstat(place).catch(() => null))?.isSymbolicLink() === true) targets.push(path.resolve(path.dirname(place), await readlink(place)));
  }
  return targets;
}
