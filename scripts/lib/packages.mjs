// Step (a): node_modules as package-lock.json says.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, childEnvironment, readText, root, run, say, SetupError, sha256, step, withLock } from './common.mjs';

const stamp = join(root, 'node_modules', '.reprise', 'packages');
const wanted = () => sha256(`${readText(join(root, 'package-lock.json'))}\n${process.platform}-${process.arch}`);

/** How npm is started: the npm that runs this script, else the one on PATH. */
export function npmCommand() {
  const cli = process.env.npm_execpath;
  // npm's own Node, not node_modules/.bin/node: `npm ci` removes the latter while it runs.
  if (cli && /npm-cli\.c?js$/.test(cli) && existsSync(cli)) return { program: process.env.npm_node_execpath ?? process.execPath, args: [cli], shell: false };
  return process.platform === 'win32' ? { program: 'npm.cmd', args: [], shell: true } : { program: 'npm', args: [], shell: false };
}

/** Runs npm, output collected. */
export function npm(args, options = {}) {
  const { program, args: first, shell } = npmCommand();
  const env = childEnvironment({ ...options.env, ONNXRUNTIME_NODE_INSTALL: 'skip', npm_config_update_notifier: 'false' });
  return run(program, [...first, ...args], { ...options, env, shell });
}

/** Installs the packages where node_modules does not match package-lock.json. */
export async function ensurePackages() {
  if (readText(stamp) === wanted()) return;
  await withLock(join(cacheFolder(), `install-${sha256(root).slice(0, 16)}.lock`), async () => {
    if (readText(stamp) === wanted()) return;
    await step('Installing the packages named in package-lock.json with npm ci', 'about 20 s to 2 min, 250 MB', async () => {
      // No package needs its install script here, and onnxruntime-node's would fetch GPU libraries from a further host.
      const result = await npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--engine-strict=false']);
      if (result.code !== 0) {
        say(result.output.trimEnd().split('\n').slice(0, 30).join('\n')); // npm ends with its usage: what went wrong comes first
        throw new SetupError('npm ci failed (see above): check that the npm registry can be reached and that this folder is writable, then try again.');
      }
      mkdirSync(join(root, 'node_modules', '.reprise'), { recursive: true });
      writeFileSync(stamp, wanted());
    });
  });
}
