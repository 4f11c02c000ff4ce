/** Who a container's program runs as, and whose its files are afterwards. */
import { chmod, lchown, lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Owner } from './archive';
import type { Engine, EngineFacts } from './client';

export interface ContainerUser {
  /** As the engine takes it; null: the image's own. */
  readonly name: string | null;
  /** Who has files that are copied into the container. */
  readonly owner: Owner;
  /** Whether it is this process' own user, whose files need no care and who has no home in the image. */
  readonly isCaller: boolean;
}

/** @param wanted `executor.user` */
export function containerUser(wanted: string | undefined, { isRootless }: EngineFacts): ContainerUser {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  const numbers = /^(\d+)(?::(\d+))?$/u.exec(wanted ?? '');
  if (wanted !== undefined) {
    const owner = numbers === null ? { uid: 0, gid: 0 } : { uid: Number(numbers[1]), gid: Number(numbers[2] ?? 0) };
    return { name: wanted, owner, isCaller: !isRootless && numbers !== null && owner.uid === uid };
  }
  // In rootless Docker the container's root is the user who started it.
  if (isRootless) return { name: '0:0', owner: { uid: 0, gid: 0 }, isCaller: true };
  if (uid === undefined || gid === undefined) return { name: null, owner: { uid: 0, gid: 0 }, isCaller: true };
  return { name: `${uid}:${gid}`, owner: { uid, gid }, isCaller: true };
}

/** All that is in a folder, itself first; no link is followed. */
async function* inside(place: string): AsyncGenerator<{ readonly place: string; readonly uid: number; readonly mode: number; readonly isLink: boolean; readonly isFolder: boolean }> {
  const info = await lstat(place);
  yield { place, uid: info.uid, mode: info.mode & 0o7777, isLink: info.isSymbolicLink(), isFolder: info.isDirectory() };
  if (info.isDirectory()) for (const name of await readdir(place)) yield* inside(path.join(place, name));
}

/** Lets another user write there. */
export async function openTo(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    for await (const { place, mode, isLink, isFolder } of inside(folder)) {
      if (!isLink) await chmod(place, mode | (isFolder ? 0o777 : 0o666) | ((mode & 0o100) === 0 ? 0 : 0o111));
    }
  }
}

async function hasForeign(folders: readonly string[], uid: number): Promise<boolean> {
  for (const folder of folders) {
    try {
      for await (const entry of inside(folder)) if (entry.uid !== uid) return true;
    } catch {
      // What may not even be read is another's.
      return true;
    }
  }
  return false;
}

/**
 * Makes what another user wrote there the caller's again, and closed to others: by itself where this process may, else
 * through a container of the same image whose root does it.
 * @returns whether all of it is
 */
export async function takeBack(engine: Engine, image: string, folders: readonly string[]): Promise<boolean> {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  if (uid === undefined || gid === undefined || !(await hasForeign(folders, uid))) return true;
  if (uid === 0) for (const folder of folders) for await (const { place } of inside(folder)) await lchown(place, uid, gid);
  else await chownThere(engine, image, folders, { uid, gid });
  if (await hasForeign(folders, uid)) return false;
  for (const folder of folders) for await (const { place, mode, isLink } of inside(folder)) if (!isLink) await chmod(place, mode & ~0o002);
  return true;
}

async function chownThere({ docker }: Engine, image: string, folders: readonly string[], { uid, gid }: Owner): Promise<void> {
  const container = await docker.createContainer({
    Image: image,
    Entrypoint: ['chown', '-hR', `${uid}:${gid}`, ...folders],
    User: '0:0',
    HostConfig: { NetworkMode: 'none', Mounts: folders.map((folder) => ({ Type: 'bind', Source: folder, Target: folder })) },
  });
  try {
    await container.start();
    await container.wait();
  } catch {
    // The image has no such program.
  } finally {
    await container.remove({ force: true, v: true });
  }
}
