/** What this machine has and lacks. Looks only: writes nothing but one file in the workspace, which it removes. */
import { existsSync, readdirSync } from 'node:fs';
import { access, constants, open, realpath, rm, stat, statfs } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { DoctorView } from '../api/rows';
import { toErrorReport } from '../errors/errors';
import { temporaryName } from '../files/atomic-write';
import { describeMachine, findGpus, outputOf } from '../provenance/machine';
import { numericFlags, onnxruntimeFolder, onnxruntimeVersion } from '../provenance/runtime';
import { meets } from '../provenance/version-range';
import { openDatabase } from '../store/database';
import { cacheFolder } from './cache-folder';
import { gigabytes, missing, ok, warning, type Check } from './checks';
import { askProviders } from './providers';
import { refuseNetwork } from '../store/network';

export interface DoctorOptions {
  readonly workspace: string;
  /** The folder of Reprise's package.json. */
  readonly packageRoot: string;
  readonly repriseVersion: string;
}

const NODE_FLOOR = '>=20.18.0';
/** Bytes below which a workspace soon stops: some hundred runs with their checkpoints. */
const DISK_FLOOR = 1e9;
/** Bytes a worker, the engine and the system want at the least. */
const MEMORY_FLOOR = 2e9;


function checkNode(): Check {
  const { node, electron } = process.versions as NodeJS.ProcessVersions & { electron?: string };
  const found = electron === undefined ? node : `${node} (in Electron ${electron})`;
  return meets(node, NODE_FLOOR) === true ? ok('Node.js', found) : missing('Node.js', found, 'Reprise needs Node.js 20.18 or newer.');
}

function checkOnnxruntime(): Check {
  const name = 'ONNX Runtime';
  try {
    const version = onnxruntimeVersion();
    const folder = path.join(onnxruntimeFolder(), 'bin');
    const target = path.join(process.platform, process.arch, 'onnxruntime_binding.node');
    const native = existsSync(folder) && readdirSync(folder).some((napi) => existsSync(path.join(folder, napi, target)));
    return native
      ? ok(name, version)
      : missing(name, `${version}, without a binary for ${process.platform} ${process.arch}`, 'onnxruntime-node has binaries for Linux and Windows on x64 and arm64 and for macOS on arm64; use such a machine, or install the package again.');
  } catch (error) {
    const { message, hint } = toErrorReport(error);
    return missing(name, message, hint ?? 'Install Reprise again.');
  }
}

/** Loads SQLite for real: a binary that is there but does not fit is the usual trouble. */
function checkSqlite(): Check {
  try {
    const database = openDatabase(':memory:', { readonly: false });
    try {
      const row = database.prepare('SELECT sqlite_version() AS version').get() as { version: string };
      return ok('SQLite', row.version);
    } finally {
      database.close();
    }
  } catch (error) {
    const { message, hint } = toErrorReport(error);
    return missing('SQLite', message, hint ?? 'Install Reprise again: in a checkout run `npm ci`.');
  }
}

async function checkGit(): Promise<Check> {
  const text = await outputOf('git', ['--version']);
  if (text === null) return warning('git', 'not installed', 'Install git: without it the state of your code is not recorded with a run.');
  return ok('git', text.trim().replace(/^git version /u, ''));
}

function checkProcessor(): Check {
  const { model, cores, flags } = describeMachine().cpu;
  const numeric = numericFlags(flags);
  return ok('Processor', `${model}, ${cores} ${cores === 1 ? 'core' : 'cores'}; ${numeric.length === 0 ? 'instruction sets unknown' : numeric.join(' ')}`);
}

function checkMemory(): Check {
  const total = os.totalmem();
  const found = `${gigabytes(total)}, ${gigabytes(os.freemem())} free`;
  return total >= MEMORY_FLOOR ? ok('Memory', found) : warning('Memory', found, 'Train one run at a time; larger models need more memory.');
}

/** The nearest folder of a path that exists. */
function existingFolder(folder: string): string {
  const parent = path.dirname(folder);
  return existsSync(folder) || parent === folder ? folder : existingFolder(parent);
}

async function checkWorkspace(workspace: string): Promise<Check> {
  const name = 'Workspace';
  const nearest = existingFolder(workspace);
  const elsewhere = 'Name another folder with --workspace DIR or REPRISE_WORKSPACE.';
  try {
    if (!(await stat(nearest)).isDirectory()) return missing(name, `${nearest} is a file`, elsewhere);
    if (nearest === workspace) {
      // The permission bits do not tell of a read-only mount, a quota or a full disk.
      const probe = temporaryName(path.join(workspace, 'doctor'));
      try {
        await (await open(probe, 'wx')).close();
      } finally {
        await rm(probe, { force: true });
      }
    } else await access(nearest, constants.W_OK | constants.X_OK);
    await refuseNetwork(await realpath(nearest));
    return ok(name, nearest === workspace ? workspace : `${workspace} (not made yet)`);
  } catch (error) {
    const { code, message, hint } = toErrorReport(error);
    return missing(name, code === 'INTERNAL' ? `${workspace} cannot be written to (${error instanceof Error ? error.message : String(error)})` : message, hint !== undefined && code !== 'INTERNAL' ? hint : elsewhere);
  }
}

async function checkDisk(workspace: string): Promise<Check> {
  const name = 'Disk';
  try {
    const system = await statfs(existingFolder(workspace));
    const free = system.bavail * system.bsize;
    const found = `${gigabytes(free)} free at the workspace`;
    return free >= DISK_FLOOR ? ok(name, found) : warning(name, found, 'Free some space: checkpoints and bundles need it.');
  } catch (error) {
    return warning(name, `unknown (${error instanceof Error ? error.message : String(error)})`, 'Check the free space yourself.');
  }
}

function checkDisplay(): Check {
  const name = 'Display';
  if (process.platform !== 'linux') return ok(name, 'the desktop');
  const display = process.env['WAYLAND_DISPLAY'] || process.env['DISPLAY'];
  return ok(name, display ? display : 'none (`npm start` runs the sample without a window)');
}

/** Folders in which an unpacked Electron may lie, with how they are told to people; as scripts/lib looks for them. */
function electronFolders(packageRoot: string): string[] {
  const cache = cacheFolder();
  const kept = existsSync(cache) ? readdirSync(cache).filter((entry) => /^electron-[\d.]+-/u.test(entry)).sort() : [];
  return [process.env['ELECTRON_OVERRIDE_DIST_PATH'] ?? '', path.join(packageRoot, 'node_modules', 'electron', 'dist'), ...kept.map((entry) => path.join(cache, entry))].filter((folder) => folder !== '');
}

function checkElectron(packageRoot: string): Check {
  const name = 'Electron';
  const running = process.versions['electron'];
  if (running !== undefined) return ok(name, `${running}, running`);
  const executables = ['electron', 'electron.exe', path.join('Electron.app', 'Contents', 'MacOS', 'Electron')];
  const folder = electronFolders(packageRoot).find((candidate) => executables.some((file) => existsSync(path.join(candidate, file))));
  return ok(name, folder === undefined ? 'not here yet (the window needs it; `npm start` fetches it once)' : folder);
}

async function checkDocker(): Promise<Check> {
  const client = await outputOf('docker', ['--version']);
  if (client === null) return ok('Docker', 'not installed (optional)');
  const server = await outputOf('docker', ['version', '--format', '{{.Server.Version}}']);
  return ok('Docker', server === null ? `${client.trim()}; its engine does not answer (optional)` : `engine ${server.trim()}`);
}

async function checkSlurm(): Promise<Check> {
  const text = await outputOf('sbatch', ['--version']);
  return ok('Slurm', text === null ? 'not installed (optional)' : text.trim().replace(/^slurm(?:-wlm)? /u, ''));
}

async function checkGpu(): Promise<Check> {
  const gpus = await findGpus();
  const names = gpus.map(({ name, driver }) => (driver === null ? name : `${name} (driver ${driver})`)).join(', ');
  return ok('GPU', names === '' ? 'none found' : names);
}

/** What `executor.provider` of a config can name here. */
async function checkProviders(): Promise<Check> {
  const name = 'Execution providers';
  const found = (await askProviders()).filter(({ builtIn }) => builtIn);
  const working = found.flatMap(({ provider, milliseconds }) => (milliseconds === null ? [] : [`${provider} (${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms for a product of 1024 × 1024)`]));
  const others = found.flatMap(({ provider, problem }) => (problem === null ? [] : [`${provider} does not work (${problem.replace(/\.$/u, '')})`]));
  const text = [working.join(', '), ...others].filter((part) => part !== '').join('; ');
  return found.some(({ provider, milliseconds }) => provider === 'cpu' && milliseconds !== null) ? ok(name, text) : missing(name, text === '' ? 'none' : text, 'Nothing can be trained: install Reprise again.');
}

/**
 * What this machine has and lacks for Reprise. `ok` is false only where something is missing without which no run can
 * be trained or stored; what is optional and not there is no fault.
 */
export async function doctor(options: DoctorOptions): Promise<DoctorView> {
  const workspace = path.resolve(options.workspace);
  const checks = await Promise.all([
    ok('Reprise', options.repriseVersion),
    checkNode(),
    checkOnnxruntime(),
    checkSqlite(),
    checkGit(),
    checkProcessor(),
    checkMemory(),
    checkWorkspace(workspace),
    checkDisk(workspace),
    checkDisplay(),
    checkElectron(options.packageRoot),
    checkDocker(),
    checkSlurm(),
    checkGpu(),
    checkProviders(),
  ]);
  return { ok: checks.every(({ status }) => status !== 'missing'), checks };
}
