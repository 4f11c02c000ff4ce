/** Finds out whether a folder lies on a network file system, where SQLite's locks cannot be trusted. */
import { readFile } from 'node:fs/promises';
import { RepriseError } from '../errors/errors';

const NETWORK_TYPES = new Set([
  'nfs', 'nfs4', 'cifs', 'smb3', 'smbfs', 'ncpfs', 'afs', 'ceph', 'glusterfs', 'fuse.glusterfs', 'lustre', 'gpfs', 'beegfs', 'beegfs_nodev', 'pvfs2', 'orangefs',
  'fuse.sshfs', 'fuse.s3fs', 'fuse.rclone', 'fuse.ceph', 'davfs', 'fuse.davfs2', '9p',
]);

/**
 * The file-system type that holds an absolute path, from the text of /proc/self/mountinfo (proc(5)):
 * the longest mount point that contains it, the later mount on ties. Null where none matches.
 */
export function fileSystemType(mountinfo: string, path: string): string | null {
  let best = -1;
  let type: string | null = null;
  for (const line of mountinfo.split('\n')) {
    const [before, after] = line.split(' - ');
    const mountPoint = before?.split(' ')[4]?.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
    const found = after?.split(' ')[0];
    if (mountPoint === undefined || found === undefined) continue;
    const inside = mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
    if (inside && mountPoint.length >= best) {
      best = mountPoint.length;
      type = found;
    }
  }
  return type;
}

/** Whether SQLite must not be used on a file system of this type. */
export function isNetworkType(type: string): boolean {
  return NETWORK_TYPES.has(type);
}

/**
 * Refuses a folder on a network file system. Knows only Linux's mount table; elsewhere every folder passes.
 * @param folder absolute path without symbolic links
 * @throws RepriseError WORKSPACE_ON_NETWORK
 */
export async function refuseNetwork(folder: string): Promise<void> {
  if (process.platform !== 'linux') return;
  let mountinfo: string;
  try {
    mountinfo = await readFile('/proc/self/mountinfo', 'utf8');
  } catch {
    return;
  }
  const type = fileSystemType(mountinfo, folder);
  if (type !== null && isNetworkType(type)) {
    throw new RepriseError(
      'WORKSPACE_ON_NETWORK',
      `The workspace ${folder} lies on a network file system (${type}), where a database can be damaged by two machines writing at once.`,
      { kind: 'input', hint: 'Use a folder on a local disk with --workspace DIR; bundles can still be exported to the network folder.' },
    );
  }
}
