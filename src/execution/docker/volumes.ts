/** A config's volumes as mounts. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { MountSettings } from 'dockerode';
import { RepriseError } from '../../errors/errors';

/** The parts of `HOST_PATH:/PATH[:ro|rw]`; a Windows path has a colon of its own. */
function parts(volume: string): { readonly source: string; readonly target: string; readonly mode: string } {
  const { source = '', target = '', mode = 'ro' } = /^(?<source>(?:[A-Za-z]:[\\/])?[^:]+):(?<target>\/[^:]*)(?::(?<mode>ro|rw))?$/u.exec(volume)?.groups ?? {};
  return { source, target, mode };
}

/**
 * @param folder of the config, from which relative paths count; null where it is not known
 * @param isHere whether the engine sees this machine's files; else the paths are those of its own machine
 * @throws RepriseError VOLUME_RELATIVE, VOLUME_MISSING
 */
export function volumeMounts(volumes: readonly string[], folder: string | null, isHere: boolean): MountSettings[] {
  return volumes.map((volume) => {
    const { source, target, mode } = parts(volume);
    const place = path.isAbsolute(source) || folder === null || !isHere ? source : path.resolve(folder, source);
    if (!path.isAbsolute(place)) {
      throw new RepriseError('VOLUME_RELATIVE', `The volume ${volume} begins with a relative path, ${isHere ? 'and the folder of the config is not known here' : 'which says nothing on another machine'}.`, { hint: 'Give its whole path in `executor.volumes`.' });
    }
    if (isHere && !existsSync(place)) throw new RepriseError('VOLUME_MISSING', `The volume ${volume} cannot be mounted: there is no ${place}.`, { hint: 'Make the folder, or correct `executor.volumes`.' });
    return { Type: 'bind', Source: place, Target: target, ReadOnly: mode !== 'rw' };
  });
}
