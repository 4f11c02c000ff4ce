import { homedir } from 'node:os';
import { join } from 'node:path';

/** The user's data folder by the rules of each system: where runs are kept when no workspace is named. */
export function defaultWorkspace(environment: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): string {
  const named = environment['REPRISE_WORKSPACE'];
  if (named !== undefined && named !== '') return named;
  const home = homedir();
  switch (platform) {
    case 'win32':
      return join(environment['APPDATA'] ?? join(home, 'AppData', 'Roaming'), 'Reprise', 'workspace');
    case 'darwin':
      return join(home, 'Library', 'Application Support', 'Reprise', 'workspace');
    default:
      return join(environment['XDG_DATA_HOME'] || join(home, '.local', 'share'), 'reprise', 'workspace');
  }
}
