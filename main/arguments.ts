/** Which workspace the command line, the environment or the system's rules name. */
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defaultWorkspace } from '../src/engine/default-workspace';

/** The value of `--name VALUE` or `--name=VALUE`; the last one counts. */
export function argument(argv: readonly string[], name: string): string | null {
  let found: string | null = null;
  for (const [index, part] of argv.entries()) {
    const next = argv[index + 1];
    if (part === name && next !== undefined && next !== '' && !next.startsWith('-')) found = next;
    else if (part.startsWith(`${name}=`) && part.length > name.length + 1) found = part.slice(name.length + 1);
  }
  return found;
}

/**
 * `--workspace`, then REPRISE_WORKSPACE, then the folder the command line uses too, so that both see the same runs.
 * A data folder of its own (`--user-data-dir`) brings a workspace of its own.
 */
export function workspaceFolder(options: { readonly argv: readonly string[]; readonly environment: NodeJS.ProcessEnv; readonly userData: string; readonly platform?: NodeJS.Platform }): string {
  const named = argument(options.argv, '--workspace') ?? options.environment['REPRISE_WORKSPACE'];
  if (named !== undefined && named !== '') return resolve(named);
  if (argument(options.argv, '--user-data-dir') !== null) return join(options.userData, 'workspace');
  return resolve(defaultWorkspace(options.environment, options.platform));
}

/** Switches whose value is an argument of its own. */
const WITH_VALUE = new Set(['--workspace', '--user-data-dir', '-r', '--require']);

/** File managers may name a file by its URL. One that names no local file stays as it is: it will not be found. */
function pathOfUrl(url: string): string {
  try {
    return fileURLToPath(url);
  } catch {
    return url;
  }
}

/** The files a command line asks to open: absolute, in order. `appPath` is the app's own folder, which an unpackaged app is started with. */
export function filesIn(argv: readonly string[], options: { readonly cwd: string; readonly appPath: string }): string[] {
  return argv
    .slice(1)
    .filter((part, index) => part !== '' && !part.startsWith('-') && !WITH_VALUE.has(argv[index] ?? ''))
    .map((part) => resolve(options.cwd, part.startsWith('file://') ? pathOfUrl(part) : part))
    .filter((path) => path !== resolve(options.appPath));
}

/**
 * The engine's environment: the user's (git needs it), with messages in no language and Node without foreign options.
 * @param bundledSqlite the SQLite addon that comes with a packaged app, where there is one
 */
export function engineEnvironment(environment: NodeJS.ProcessEnv, bundledSqlite: string | null = null): Record<string, string> {
  const result: Record<string, string> = bundledSqlite === null ? {} : { REPRISE_SQLITE_BINDING: bundledSqlite };
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && name !== 'NODE_OPTIONS' && name !== 'ELECTRON_RUN_AS_NODE') result[name] = value;
  }
  result['LC_ALL'] = 'C';
  return result;
}

/** Where a file of the app lies that is no part of a packaged app's archive. */
export function unpacked(path: string): string {
  return path.replace(/app\.asar(?=[\\/])/u, 'app.asar.unpacked');
}
