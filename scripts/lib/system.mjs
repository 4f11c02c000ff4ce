// Step (e): what must come from the operating system.
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run, say, SetupError, step, tail, which } from './common.mjs';

const isRoot = () => process.getuid?.() === 0;

/** Debian 13 and Ubuntu 24.04 renamed some libraries. */
const renamed = { 'libgtk-3-0': 'libgtk-3-0t64', libasound2: 'libasound2t64' };

/** Installs Debian packages as root, or says which command does it. `why` begins the sentence. */
export async function install(packages, why) {
  const command = (names) => `apt-get install -y --no-install-recommends ${names.join(' ')}`;
  if (!which('apt-get')) throw new SetupError(`${why}: install them with your system's package manager (on Debian: ${command(packages)}) and try again.`);
  if (!isRoot()) throw new SetupError(`${why}: run "sudo apt-get update && sudo ${command(packages)}" and try again.`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const attempt = async () => {
    const names = [];
    for (const name of packages) {
      const other = renamed[name];
      const known = other ? (await run('apt-cache', ['show', other])).code === 0 : false;
      names.push(known ? other : name);
    }
    return run('apt-get', ['install', '-y', '--no-install-recommends', ...names], { env });
  };
  await step(`Installing Debian packages: ${packages.join(' ')}`, 'once per machine, about 30 s', async () => {
    let result = await attempt();
    if (result.code !== 0) {
      await run('apt-get', ['update'], { env });
      result = await attempt();
    }
    if (result.code !== 0) {
      say(tail(result.output));
      throw new SetupError(`${why} and apt-get could not install them (see above): run "apt-get update && ${command(packages)}" and try again.`);
    }
  });
}

/** A C++ compiler, make and Python, where the addon must be compiled. */
export async function ensureBuildTools() {
  const missing = [
    ['g++', ['c++', 'g++', 'clang++']],
    ['make', ['make', 'gmake']],
    ['python3', ['python3']],
  ].filter(([, programs]) => !programs.some((program) => which(program)));
  if (missing.length === 0 || process.platform !== 'linux') return;
  const names = missing.map(([name]) => name);
  await install(names, `Compiling SQLite for this runtime needs ${names.join(', ')}, which this machine lacks`);
}

/** Python with venv on Debian, whose python3 package comes without it. Not having it fails nothing: judges are skipped. */
export async function ensurePythonVenv() {
  if (process.platform !== 'linux' || !isRoot() || !which('apt-get')) return;
  if (which('python3') && (await run('python3', ['-c', 'import venv, ensurepip'])).code === 0) return;
  try {
    await install(['python3', 'python3-venv'], 'The Python judges need python3 and python3-venv, which this machine lacks');
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(`[set-up]   ${error.message}`);
  }
}

/** The shared libraries that the Electron at `executable` lacks on Linux, as ldd tells. */
export async function missingLibraries(executable) {
  if (process.platform !== 'linux') return [];
  const { output } = await run('ldd', [executable]);
  return [...output.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1]);
}

/** Chromium's sandbox needs user namespaces or its setuid helper; a user other than root must have one of them. */
async function checkSandbox(executable) {
  if (isRoot() || !which('unshare') || (await run('unshare', ['--user', 'true'])).code === 0) return;
  const helper = join(dirname(executable), 'chrome-sandbox');
  const { uid, mode } = statSync(helper, { throwIfNoEntry: false }) ?? { uid: -1, mode: 0 };
  if (uid === 0 && (mode & 0o4000) !== 0) return;
  throw new SetupError(`This system gives ordinary users no user namespaces, so Electron's sandbox needs its helper: run "sudo chown root:root '${helper}' && sudo chmod 4755 '${helper}'" and try again.`);
}

/** What Electron needs to run on Linux; `display: false` also asks for a virtual display to run it on. */
export async function ensureElectronLibraries(executable, { display }) {
  if (process.platform !== 'linux') return;
  await checkSandbox(executable);
  const missing = await missingLibraries(executable);
  const packages = missing.length > 0 ? ['libgtk-3-0', 'libnss3', 'libgbm1', 'libasound2'] : [];
  if (!display) {
    if (!which('Xvfb') || !which('xvfb-run')) packages.push('xvfb');
    if (!which('xauth')) packages.push('xauth');
  }
  if (!existsSync('/usr/share/fonts') || (await run('fc-list', [])).output.trim() === '') packages.push('fonts-liberation');
  if (packages.length === 0) return;
  await install(packages, `Electron needs ${missing.length > 0 ? missing.join(', ') : packages.join(', ')}, which this machine lacks`);
  const still = await missingLibraries(executable);
  if (still.length > 0) throw new SetupError(`Electron still lacks ${still.join(', ')}: install the packages that hold these libraries and try again.`);
}
