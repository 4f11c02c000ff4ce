import os from 'node:os';
import path from 'node:path';

/** The folder of this user for what can be made again, as scripts/lib finds it. */
export function cacheFolder(): string {
  const { REPRISE_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (REPRISE_CACHE) return REPRISE_CACHE;
  if (XDG_CACHE_HOME) return path.join(XDG_CACHE_HOME, 'reprise');
  if (process.platform === 'win32') return path.join(LOCALAPPDATA ?? path.join(os.homedir(), 'AppData', 'Local'), 'reprise', 'cache');
  return path.join(os.homedir(), ...(process.platform === 'darwin' ? ['Library', 'Caches'] : ['.cache']), 'reprise');
}
