/** What stands around the window: places, names, menus, logs, sentences. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MenuItemConstructorOptions } from 'electron';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { filesIn } from '../../../main/arguments';
import { fileName, withExtension } from '../../../main/file-names';
import { guardedWith } from '../../../main/ipc';
import { readJsonFile, writeJsonFile, writeJsonFileNow } from '../../../main/json-file';
import { LogFile } from '../../../main/log-file';
import { menuTemplate } from '../../../main/menu-template';
import { readSettings, SettingsFile } from '../../../main/settings';
import { trayAvailable } from '../../../main/tray-host';
import { FIRST_STATE, isWindowState, placement } from '../../../main/window-state';
import { isBusy, NO_WORK, quitSentence, studyEndedSentence, workSentence, workWithout } from '../../../main/work';
import { shellMethodNames } from '../../../src/api/bridge';
import { commandIds } from '../../../src/api/commands';
import { shellMethods } from '../../../src/api/shell';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reprise-shell-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('the bridge has every shell method', () => {
  expect([...shellMethodNames].sort()).toEqual(Object.keys(shellMethods).sort());
});

describe('the window’s place', () => {
  const left = { x: 0, y: 0, width: 1920, height: 1080 };
  const right = { x: 1920, y: 0, width: 1280, height: 720 };
  const was = { x: 2000, y: 40, width: 1100, height: 600 };

  it('is where it was, while that display is there', () => {
    expect(placement(was, [left, right])).toEqual(was);
    expect(placement(was, [left])).toBeNull();
    expect(placement(null, [left])).toBeNull();
  });
  it('fits the display', () => {
    expect(placement({ x: 1920, y: 0, width: 1920, height: 1080 }, [left, right])).toEqual({ x: 1920, y: 0, width: 1280, height: 720 });
    expect(placement({ x: 0, y: 0, width: 100, height: 100 }, [left])).toEqual({ x: 0, y: 0, width: 720, height: 480 });
  });
  it('must leave its upper edge within reach', () => {
    expect(placement({ x: 100, y: -300, width: 900, height: 600 }, [left])).toBeNull();
    expect(placement({ x: 1850, y: 100, width: 900, height: 600 }, [left])).toBeNull();
    expect(placement({ x: 1800, y: 100, width: 900, height: 600 }, [left])).not.toBeNull();
  });
});

describe('a file of the app’s own', () => {
  it.each([['nothing', null], ['no JSON', '{'], ['another shape', '{"bounds":{"x":1e9}}'], ['a zoom nobody can read', '{"bounds":null,"maximized":false,"zoomLevel":40}']])('that holds %s gives the fallback', async (_name, text) => {
    const file = join(folder, 'window.json');
    if (text !== null) await writeFile(file, text);
    expect(readJsonFile(file, isWindowState, FIRST_STATE)).toEqual(FIRST_STATE);
  });
  it('is written whole, beside nothing else', async () => {
    const state = { bounds: { x: 1, y: 2, width: 800, height: 600 }, maximized: true, zoomLevel: 0.5 };
    const file = join(folder, 'data', 'window.json');
    for (const write of [writeJsonFile, writeJsonFileNow]) {
      await write(file, state);
      expect(readJsonFile(file, isWindowState, FIRST_STATE)).toEqual(state);
      expect(await readdir(join(folder, 'data'))).toEqual(['window.json']);
    }
  });
  it('keeps the last of several changes', async () => {
    const told: unknown[] = [];
    const file = join(folder, 'settings.json');
    const settings = new SettingsFile(file, (now) => told.push(now));
    await Promise.all([settings.change({ theme: 'dark' }), settings.change({ notifications: false }), settings.change({ theme: 'light' })]);
    const trackingServer = false;
    expect(told).toEqual([{ theme: 'dark', notifications: true, trackingServer }, { theme: 'dark', notifications: false, trackingServer }, { theme: 'light', notifications: false, trackingServer }]);
    expect(new SettingsFile(file, () => {}).current).toEqual({ theme: 'light', notifications: false, trackingServer });
  });
  it('of settings may be older than a setting, and never holds more than all of them', async () => {
    const file = join(folder, 'settings.json');
    await writeFile(file, '{"theme":"dark","notifications":false}');
    expect(readSettings(file)).toEqual({ theme: 'dark', notifications: false, trackingServer: false });
    await writeFile(file, '{"theme":"dark","notifications":false,"other":1}');
    expect(readSettings(file)).toEqual({ theme: 'system', notifications: true, trackingServer: false });
    await writeFile(file, 'null');
    expect(readSettings(file)).toEqual({ theme: 'system', notifications: true, trackingServer: false });
  });
});

describe('names of files', () => {
  it('are taken by every file system', () => {
    expect(fileName('a/b: c?', 'study')).toBe('a-b- c-.yaml');
    expect(fileName('../../etc/passwd', 'csv')).toBe('-..-etc-passwd.csv');
    expect(fileName('CON', 'md')).toBe('reprise-CON.md');
    expect(fileName(' . ', 'svg')).toBe('reprise.svg');
    expect(fileName('mnist-ablation.crate.zip', 'bundle')).toBe('mnist-ablation.crate.zip');
  });
  it('get an extension once', () => {
    expect([withExtension('/a/b', ['yaml', 'yml']), withExtension('/a/b.YML', ['yaml', 'yml']), withExtension('/a/b', [])]).toEqual(['/a/b.yaml', '/a/b.YML', '/a/b']);
  });
});

describe('files on the command line', () => {
  const options = { cwd: '/home/u', appPath: '/opt/reprise' };
  it('are what is no switch and no value of one', () => {
    expect(filesIn(['reprise', '--workspace', '/w', 'a.yaml', '--x=1', '/b.zip', ''], options)).toEqual(['/home/u/a.yaml', '/b.zip']);
    expect(filesIn(['electron', '-r', '/loader.js', '/opt/reprise', '--user-data-dir', '/u'], options)).toEqual([]);
  });
  it('may be URLs', () => {
    expect(filesIn(['reprise', 'file:///home/u/a%20b.zip'], options)).toEqual(['/home/u/a b.zip']);
  });
});

describe('the menus', () => {
  const flat = (items: readonly MenuItemConstructorOptions[]): MenuItemConstructorOptions[] => items.flatMap((item) => [item, ...(Array.isArray(item.submenu) ? flat(item.submenu) : [])]);
  const template = (platform: NodeJS.Platform, packaged = true, run: (command: string) => void = () => {}) => flat(menuTemplate({ platform, packaged, run }));

  it.each(['linux', 'win32', 'darwin'] as const)('hold every command once on %s', (platform) => {
    const ids = template(platform).map((item) => item.id).filter((id) => id !== undefined);
    expect(ids.sort()).toEqual([...commandIds].sort());
  });
  it('tell which command was chosen, and leave the keys to the page', () => {
    const run: string[] = [];
    const settings = template('linux', true, (command) => run.push(command)).find((item) => item.id === 'go.settings');
    settings?.click?.(undefined as never, undefined, undefined as never);
    expect(run).toEqual(['go.settings']);
    expect(settings).toMatchObject({ accelerator: 'CmdOrCtrl+,', registerAccelerator: false });
  });
  it('have what each system expects', () => {
    const roles = (platform: NodeJS.Platform, packaged = true) => template(platform, packaged).map((item) => item.role);
    for (const platform of ['linux', 'win32', 'darwin'] as const) expect(roles(platform)).toEqual(expect.arrayContaining(['cut', 'copy', 'paste', 'selectAll', 'resetZoom', 'zoomIn', 'zoomOut', 'togglefullscreen', 'about', 'quit']));
    expect(roles('darwin')).toEqual(expect.arrayContaining(['appMenu', 'services', 'hide', 'windowMenu']));
    expect(roles('linux', true)).not.toContain('toggleDevTools');
    expect(roles('linux', false)).toContain('toggleDevTools');
  });
});

describe('the log', () => {
  it('keeps two files of a limited size, and the newest lines', async () => {
    const file = join(folder, 'logs', 'reprise.log');
    const log = new LogFile(file, 100);
    for (let line = 0; line < 40; line += 1) {
      log.write(`line ${line}\n`);
      if (line % 3 === 0) await log.flush();
    }
    await log.flush();
    expect((await readdir(join(folder, 'logs'))).sort()).toEqual(['reprise.1.log', 'reprise.log']);
    for (const name of ['reprise.log', 'reprise.1.log']) expect((await stat(join(folder, 'logs', name))).size).toBeLessThanOrEqual(100);
    expect(await readFile(file, 'utf8')).toMatch(/line 39\n$/u);
    new LogFile(file, 100).write('after a restart\n');
    await expect.poll(() => readFile(file, 'utf8')).toMatch(/line 39\nafter a restart\n$|^after a restart\n$/u);
  });
  it('goes on after somebody removed it', async () => {
    const file = join(folder, 'logs', 'reprise.log');
    const log = new LogFile(file, 100);
    log.write(`${'x'.repeat(90)}\n`);
    await log.flush();
    await rm(file);
    log.write('the first after it\n');
    await log.flush();
    log.write('the second\n');
    await log.flush();
    expect(await readFile(file, 'utf8')).toBe('the first after it\nthe second\n');
  });
  it('that cannot be written is done without', async () => {
    await writeFile(join(folder, 'logs'), '');
    const log = new LogFile(join(folder, 'logs', 'reprise.log'));
    log.write('lost');
    await expect(log.flush()).resolves.toBeUndefined();
  });
});

describe('the tray', () => {
  /** Stands in for the program that asks the bus. */
  const asking = async (answer: string): Promise<NodeJS.ProcessEnv> => {
    await writeFile(join(folder, 'dbus-send'), `#!/bin/sh\n${answer}\n`, { mode: 0o755 });
    return { PATH: `${folder}:/usr/bin:/bin`, DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere' };
  };
  it('is there on Windows and macOS', async () => {
    expect(await Promise.all([trayAvailable({}, 'win32'), trayAvailable({}, 'darwin')])).toEqual([true, true]);
  });
  it.skipIf(process.platform === 'win32')('is there on Linux where somebody shows icons', async () => {
    expect(await trayAvailable(await asking('echo "   boolean true"'), 'linux')).toBe(true);
    expect(await trayAvailable(await asking('echo "   boolean false"'), 'linux')).toBe(false);
    expect(await trayAvailable(await asking('exit 1'), 'linux')).toBe(false);
    expect(await trayAvailable({ PATH: join(folder, 'empty'), DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nowhere' }, 'linux')).toBe(false);
  });
  it.skipIf(process.platform === 'win32')('is not asked for where there is no bus, nor waited for long', async () => {
    const { PATH } = await asking('echo "   boolean true"');
    expect(await trayAvailable({ PATH }, 'linux')).toBe(false);
    expect(await trayAvailable(await asking('sleep 30'), 'linux')).toBe(false);
  });
});

describe('what goes on, in words', () => {
  it('names runs and tasks', () => {
    expect(workSentence({ ...NO_WORK, running: 2, queued: 10 })).toBe('2 runs are running, 10 wait.');
    expect(workSentence({ ...NO_WORK, running: 1, queued: 1 })).toBe('1 run is running, 1 waits.');
    expect(workSentence({ ...NO_WORK, queued: 3, tasks: 1 })).toBe('3 runs wait, 1 export or reproduction goes on.');
    expect(workSentence(NO_WORK)).toBe('Nothing is running.');
    expect([isBusy(NO_WORK), isBusy({ ...NO_WORK, tasks: 1 })]).toEqual([false, true]);
    // Runs wait for an engine that comes back; its exports are lost, and with one that stays away all is.
    const work = { running: 1, queued: 2, tasks: 1, share: 0.5 };
    expect(workWithout({ status: 'restarting', restart: 1 }, work)).toEqual({ ...work, tasks: 0 });
    expect(workWithout({ status: 'failed', error: { code: 'ENGINE_CRASHED', kind: 'system', message: '' } }, work)).toEqual(NO_WORK);
  });
  it('says what quitting does', () => {
    expect(quitSentence({ ...NO_WORK, running: 1 })).toBe('Runs stop now and go on from their last checkpoint at the next start.');
    expect(quitSentence({ ...NO_WORK, tasks: 1 })).toBe('An export or reproduction that stops has to be started again.');
  });
  it('counts how a study ended', () => {
    expect(studyEndedSentence({ studyId: 's', experiment: 'e', seconds: 1, byStatus: { queued: 0, running: 0, finished: 14, failed: 1, cancelled: 0 } as never })).toBe('15 runs: 14 finished, 1 failed.');
  });
});

describe('a guarded channel with an input', () => {
  const from = (url: string) => ({ sender: { id: 3 }, senderFrame: { url, parent: null } });
  const options = { contentsId: () => 3, log: () => {} };
  const call = guardedWith('channel', options, z.strictObject({ path: z.string() }), ({ path }) => path.length);

  it('takes one of its shape and nothing else', async () => {
    const page = from('app://reprise/index.html');
    expect(await call(page, { path: 'abc' })).toEqual({ ok: true, value: 3 });
    for (const given of [[], [{}], [{ path: 7 }], [{ path: 'a', more: 1 }], [{ path: 'a' }, 1], [null]]) expect(await call(page, ...given)).toMatchObject({ ok: false, error: { code: 'INPUT_INVALID' } });
    expect(await call(page, { path: 7 })).toMatchObject({ error: { problems: [{ path: 'path' }] } });
  });
  it('answers the crash page only where it may', async () => {
    const page = from('app://reprise/crash.html');
    expect(await call(page, { path: '' })).toMatchObject({ ok: false, error: { code: 'SENDER_REFUSED' } });
    expect(await guardedWith('channel', { ...options, crashPage: true }, z.undefined(), () => 1)(page, undefined)).toEqual({ ok: true, value: 1 });
  });
});
