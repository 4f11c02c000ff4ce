// Running the window tests as an ordinary user where the tests start as root: Chromium's sandbox refuses root, and a test
// with the sandbox off would not test what users run.
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { cacheFolder, root, run, SetupError, step, which } from './common.mjs';

const uid = 65534;
const gid = 65534;
const become = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];

/**
 * Prepares a home in a temporary folder and, where that user cannot read the project or the fetched programs (they may
 * lie under a private folder), readable copies.
 * @param {Record<string, string>} env paths that the tests need (Electron, SQLite)
 * @returns {Promise<{root: string, home: string, env: Record<string, string>, command: string[], remove: () => void}>}
 *   `command` goes in front of the program to run
 */
export async function ordinaryUser(env) {
  if (!which('setpriv')) throw new SetupError('The window tests run as an ordinary user when they start as root, and this machine has no setpriv: install util-linux, or start the tests as an ordinary user.');
  const folder = mkdtempSync(join(tmpdir(), 'reprise-e2e-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    chmodSync(folder, 0o755);
    const home = join(folder, 'home');
    mkdirSync(home);
    chmodSync(home, 0o700);
    chownSync(home, uid, gid);
    // Xvfb makes this folder as root only.
    if (!existsSync('/tmp/.X11-unix')) {
      mkdirSync('/tmp/.X11-unix');
      chmodSync('/tmp/.X11-unix', 0o1777);
    }

    const readable = async (path) => (await run('setpriv', [...become, 'find', path, '!', '-readable', '-o', '-type', 'd', '!', '-executable'], { cwd: '/' })).output.trim() === '';
    let usedRoot = root;
    if (!(await readable(root))) {
      usedRoot = join(folder, 'project');
      await step('Copying the project to where an ordinary user can read it', 'about 5 s, 850 MB for the time of the tests', () => copy(root, usedRoot, ['.git', 'dist', join('node_modules', '.vite'), join('node_modules', '.vite-temp')]));
    }
    const cache = cacheFolder();
    const moved = {};
    const dist = env.ELECTRON_OVERRIDE_DIST_PATH;
    // In a chroot and in many containers an ordinary user gets no user namespace: then the sandbox needs its helper,
    // owned by root and setuid, so Electron is copied in any case.
    const needsHelper = (await run('setpriv', [...become, 'unshare', '--user', 'true'])).code !== 0;
    for (const [name, path] of Object.entries(env)) {
      const top = relative(cache, path).split(/[\\/]/)[0];
      if (top === '..' || top === '') continue;
      if ((await readable(join(cache, top))) && !(needsHelper && path === dist)) continue;
      if (!existsSync(join(folder, top))) await copy(join(cache, top), join(folder, top));
      moved[name] = join(folder, relative(cache, path));
    }
    const helper = join(moved.ELECTRON_OVERRIDE_DIST_PATH ?? dist ?? join(usedRoot, 'node_modules', 'electron', 'dist'), 'chrome-sandbox');
    if (needsHelper && helper.startsWith(folder) && existsSync(helper)) {
      chownSync(helper, 0, 0);
      chmodSync(helper, 0o4755);
    }
    return {
      root: usedRoot,
      home,
      env: { ...env, ...moved, HOME: home, TMPDIR: home, USER: 'nobody', LOGNAME: 'nobody', REPRISE_TEST_CACHE: join(home, '.vite') },
      command: ['setpriv', ...become],
      remove,
    };
  } catch (error) {
    remove();
    throw error;
  }
}

async function copy(from, to, without = []) {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true, verbatimSymlinks: true, filter: (path) => !without.includes(relative(from, path)) });
  const { code, output } = await run('chmod', ['-R', 'a+rX', to]);
  if (code !== 0) throw new SetupError(`${to} could not be made readable (${output.trim()}): start the tests as an ordinary user.`);
}
