/** Which Python interpreter a command would start. */
import { constants } from 'node:fs';
import { access, open, readFile, realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { outputOf } from './machine';

const windows = process.platform === 'win32';
/** Milliseconds that poetry or pipenv may take to name their environment. */
const TOOL_LIMIT_MS = 20_000;

export interface Surroundings {
  /** Absolute folder that the command starts in. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Where the interpreter is, or why it cannot be told; null where the command starts none. */
export type Interpreter = { readonly executable: string } | { readonly problem: string } | null;

const PYTHON = /^(?:python|pypy)(?:\d+(?:\.\d+)*)?w?(?:\.exe)?$/iu;
/** Programs that start what their arguments name. */
const WRAPPERS = /^(?:env|nohup|nice|time|timeout|stdbuf|setsid|ionice|taskset|numactl|srun|mpirun|mpiexec|xvfb-run)$/u;

async function isProgram(file: string): Promise<boolean> {
  const regular = await stat(file).then((info) => info.isFile(), () => false);
  return regular && (await access(file, windows ? constants.R_OK : constants.X_OK).then(() => true, () => false));
}

/** The file that a program's name means: by path from `cwd`, else the first one on PATH. */
export async function findProgram(name: string, { cwd, env }: Surroundings): Promise<string | null> {
  const suffixes = windows && path.extname(name) === '' ? ['.exe', '.cmd', '.bat', ''] : [''];
  const isPath = name.includes('/') || (windows && name.includes('\\'));
  const folders = isPath ? [''] : (env['PATH'] ?? env['Path'] ?? '').split(path.delimiter).filter((folder) => folder !== '');
  for (const folder of folders) {
    for (const suffix of suffixes) {
      const file = path.resolve(cwd, folder, name + suffix);
      if (await isProgram(file)) return file;
    }
  }
  return null;
}

/** The interpreter of a virtual environment or conda prefix, if it is one. */
async function interpreterIn(prefix: string): Promise<string | null> {
  for (const name of windows ? ['Scripts/python.exe', 'python.exe'] : ['bin/python', 'bin/python3']) {
    const file = path.join(prefix, ...name.split('/'));
    if (await isProgram(file)) return file;
  }
  return null;
}

/** `.venv` of the project that holds the folder: the nearest one upwards with a pyproject.toml. */
async function projectEnvironment({ cwd, env }: Surroundings): Promise<string | null> {
  for (let folder = cwd; ; folder = path.dirname(folder)) {
    const isProject = await stat(path.join(folder, 'pyproject.toml')).then(() => true, () => false);
    if (isProject) {
      const found = await interpreterIn(path.resolve(folder, env['UV_PROJECT_ENVIRONMENT'] || '.venv'));
      if (found !== null) return found;
    }
    if (path.dirname(folder) === folder) return null;
  }
}

/** The value of `-n NAME`, `--name NAME`, `--name=NAME`. */
function optionOf(args: readonly string[], names: readonly string[]): string | undefined {
  for (const [index, arg] of args.entries()) {
    if (names.includes(arg)) return args[index + 1];
    const [name, value] = arg.split('=', 2);
    if (value !== undefined && names.includes(name ?? '')) return value;
  }
  return undefined;
}

async function condaInterpreter(conda: string | null, args: readonly string[], surroundings: Surroundings): Promise<string | null> {
  const prefix = optionOf(args, ['-p', '--prefix']);
  if (prefix !== undefined) return interpreterIn(path.resolve(surroundings.cwd, prefix));
  const name = optionOf(args, ['-n', '--name']) ?? 'base';
  const base = conda === null ? null : path.dirname(path.dirname(await realpath(conda)));
  const roots = [surroundings.env['MAMBA_ROOT_PREFIX'], base, path.join(homedir(), '.conda'), path.join(homedir(), 'micromamba')];
  for (const root of roots) {
    if (root === undefined || root === null) continue;
    const found = await interpreterIn(name === 'base' ? root : path.join(root, 'envs', name));
    if (found !== null) return found;
  }
  return null;
}

/** The interpreter in a script's first lines: `#!/path/python`, `#!/usr/bin/env python3`, or what pip writes for long paths. */
async function interpreterOfScript(file: string, surroundings: Surroundings): Promise<string | null> {
  const handle = await open(file, 'r');
  let head: string;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1024), 0, 1024, 0);
    head = buffer.subarray(0, bytesRead).toString('latin1');
  } finally {
    await handle.close();
  }
  const [first = '', second = ''] = head.split(/\r?\n/u);
  const byEnv = /^#!\s*\S*\/env\s+(?:-S\s+)?(\S+)/u.exec(first)?.[1];
  const named = byEnv ?? /^#!\s*"?([^"\s]+)/u.exec(first)?.[1] ?? '';
  if (PYTHON.test(path.posix.basename(named))) return findProgram(named, surroundings);
  const long = /^'''exec' "?([^"]+?)"? "\$0"/u.exec(second)?.[1];
  return long !== undefined && PYTHON.test(path.posix.basename(long)) ? findProgram(long, surroundings) : null;
}

/** Console scripts of Windows are programs; their interpreter lies beside them. */
async function interpreterBeside(file: string): Promise<string | null> {
  const folder = path.dirname(file);
  for (const candidate of [path.join(folder, 'python.exe'), path.join(path.dirname(folder), 'python.exe')]) if (await isProgram(candidate)) return candidate;
  return null;
}

/**
 * The interpreter that an argument array starts: python itself, an environment's (`uv run`, `poetry run`, `conda run`,
 * `pipenv run`), that of a script by its first line (`torchrun`, `pytest`, `./train.py`), also behind `env`, `nohup`
 * and their like. Runs poetry or pipenv to ask them, nothing else.
 */
export async function findInterpreter(command: readonly string[], surroundings: Surroundings): Promise<Interpreter> {
  const [program = '', ...args] = command;
  const name = path.basename(program).replace(/\.exe$/iu, '');
  if (WRAPPERS.test(name)) {
    // Options and their values, and variables, stand before what they start.
    const at = args.findIndex((arg) => PYTHON.test(path.basename(arg)) || /^(?:uv|poetry|conda|mamba|micromamba|pipenv|torchrun|accelerate|deepspeed)$/u.test(path.basename(arg)));
    return at === -1 ? null : findInterpreter(args.slice(at), surroundings);
  }
  const file = await findProgram(program, surroundings);
  const orProblem = (executable: string | null, problem: string): Interpreter => (executable === null ? { problem } : { executable });
  if (PYTHON.test(path.basename(program))) return orProblem(file, `There is no program ${program} to ask for its packages.`);
  const [first] = args;
  switch (name) {
    case 'uv':
      if (first !== 'run') return null;
      return orProblem(await projectEnvironment(surroundings), 'uv makes the environment when the command starts, so its packages are not recorded before; run `uv sync` first.');
    case 'poetry':
    case 'pipenv': {
      if (first !== 'run') return null;
      const own = await projectEnvironment(surroundings);
      const told = own ?? (file === null ? null : ((await outputOf(file, name === 'poetry' ? ['env', 'info', '--executable'] : ['--py'], TOOL_LIMIT_MS, surroundings))?.trim() || null));
      return orProblem(told, `${name} does not tell which environment it uses, so its packages are not recorded.`);
    }
    case 'conda':
    case 'mamba':
    case 'micromamba':
      return first === 'run' ? orProblem(await condaInterpreter(file, args, surroundings), `The environment that ${name} would use was not found, so its packages are not recorded.`) : null;
    default:
      break;
  }
  if (file === null) return null;
  const found = await interpreterOfScript(file, surroundings).catch(() => null);
  return found === null ? (windows && /\.exe$/iu.test(file) && (await hasScriptMark(file)) ? orProblem(await interpreterBeside(file), `The interpreter of ${name} was not found.`) : null) : { executable: found };
}

/** Whether a Windows program is a console script that pip made: a zip with a `__main__.py` follows its launcher. */
async function hasScriptMark(file: string): Promise<boolean> {
  const { size } = await stat(file);
  return size < 1_000_000 && (await readFile(file)).includes('__main__.py');
}
