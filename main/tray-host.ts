/** Whether there is a tray. */
import { execFile } from 'node:child_process';

const ASK_LIMIT_MS = 1000;

/** Whether the desktop shows such icons. On Linux one that does owns a name on the session bus; without a bus there is none. */
export function trayAvailable(environment: NodeJS.ProcessEnv = process.env, platform: NodeJS.Platform = process.platform): Promise<boolean> {
  if (platform !== 'linux') return Promise.resolve(true);
  // The program that asks would start a bus of its own where there is none.
  if ((environment['DBUS_SESSION_BUS_ADDRESS'] ?? '') === '') return Promise.resolve(false);
  const ask = ['--session', '--dest=org.freedesktop.DBus', '--print-reply', '/org/freedesktop/DBus', 'org.freedesktop.DBus.NameHasOwner', 'string:org.kde.StatusNotifierWatcher'];
  return new Promise((resolve) => {
    execFile('dbus-send', ask, { timeout: ASK_LIMIT_MS, env: environment }, (error, stdout) => resolve(error === null && /boolean true/u.test(stdout)));
  });
}
