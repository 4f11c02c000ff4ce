/** What is asked of real interpreters, files and processes. */
import { execFile, spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, realpath, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createReadStream, existsSync } from 'node:fs';
import { parquetWriteFile } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { preflightConfig } from '../../src/engine/preflight';
import { sha256Bytes } from '../../src/files/hash';
import { findInterpreter } from '../../src/provenance/find-interpreter';
import { fingerprintInput } from '../../src/provenance/fingerprint';
import { captureInterpreter } from '../../src/provenance/interpreter';
import { meetsPython } from '../../src/provenance/python-version';
import { sampleResources, type ResourceSample } from '../../src/provenance/resources';
import { ask, engineOn, Project, python } from '../helpers/commands';

const execute = promisify(execFile);
let base = '';
let venv = '';

async function put(name: string, content: string | Uint8Array, mode = 0o644): Promise<string> {
  const file = join(base, name);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, content);
  await chmod(file, mode);
  return file;
}

beforeAll(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'reprise-environment-')));
  venv = join(base, 'project', '.venv');
  await execute('python3', ['-m', 'venv', '--without-pip', venv]);
  const version = (await execute(join(venv, 'bin/python'), ['-c', 'import sys; print(f"python{sys.version_info[0]}.{sys.version_info[1]}")'])).stdout.trim();
  const packages = join('project/.venv/lib', version, 'site-packages');
  const distribution = async (name: string, number: string, direct?: object): Promise<void> => {
    const folder = `${packages}/${name}-${number}.dist-info`;
    await put(`${folder}/METADATA`, `Metadata-Version: 2.1\nName: ${name}\nVersion: ${number}\n`);
    if (direct !== undefined) await put(`${folder}/direct_url.json`, JSON.stringify(direct));
  };
  await distribution('Some_Package', '1.2.3');
  await distribution('own', '0.1', { url: `file://${base}/own`, dir_info: { editable: true } });
  await distribution('fork', '2.0', { url: `https://me:hunt${'er22'}@git.example.org/fork.git`, vcs_info: { vcs: 'git', commit_id: 'a'.repeat(40) } });
  await distribution('nvidia_cudnn_cu12', '9.1.0.70');
  await distribution('torch', '2.5.1');
  // Whoever imports it notices.
  await put(`${packages}/torch/__init__.py`, `open(${JSON.stringify(join(base, 'imported'))}, 'w').close()\n`);
  await put(`${packages}/torch/version.py`, "from typing import Optional\n__all__ = ['__version__', 'debug', 'cuda']\n__version__ = '2.5.1+cu124'\ndebug = False\ncuda: Optional[str] = '12.4'\ngit_version = 'x'\nhip: Optional[str] = None\n");
}, 60_000);

afterAll(async () => {
  await rm(base, { recursive: true, force: true });
});

describe('the Python of a command', () => {
  const env = (extra: Record<string, string> = {}) => ({ PATH: process.env['PATH'] ?? '', ...extra });

  it('is found through venvs, uv, poetry, conda, scripts and wrappers', async () => {
    const cwd = join(base, 'project');
    const python = join(venv, 'bin/python');
    await put('project/pyproject.toml', '[project]\n');
    await put('project/tool', `#!${python}\nprint(1)\n`, 0o755);
    await put('project/by-env', '#!/usr/bin/env python3\n', 0o755);
    await put('project/long', `#!/bin/sh\n'''exec' "${python}" "$0" "$@"\n' '''\n`, 0o755);
    await put('project/shell.sh', '#!/bin/sh\n', 0o755);
    await put('conda/bin/conda', '', 0o755);
    await mkdir(join(base, 'conda/envs/lab/bin'), { recursive: true });
    await symlink(python, join(base, 'conda/envs/lab/bin/python'));
    const path = `${join(venv, 'bin')}:${join(base, 'conda/bin')}:${process.env['PATH'] ?? ''}`;
    const find = (...command: string[]) => findInterpreter(command, { cwd, env: { PATH: path } });
    for (const command of [['python', 'x.py'], ['.venv/bin/python', '-m', 'x'], ['./tool'], ['./long'], ['uv', 'run', 'x.py'], ['poetry', 'run', 'python', 'x.py'], ['env', 'A=1', 'python', 'x.py'], ['nice', '-n', '5', './.venv/bin/python']]) {
      const found = await find(...command);
      expect(found, command.join(' ')).toMatchObject({ executable: expect.stringMatching(/\.venv\/bin\/python3?$/u) as string });
    }
    expect(await find('./by-env')).toEqual({ executable: join(venv, 'bin/python3') });
    expect(await find('conda', 'run', '-n', 'lab', 'python', 'x.py')).toEqual({ executable: join(base, 'conda/envs/lab/bin/python') });
    for (const command of [['./shell.sh'], ['ls'], ['nowhere'], ['uv', 'pip', 'list'], []]) expect(await find(...command), command.join(' ')).toBeNull();
    expect(await find('python9')).toEqual({ problem: 'There is no program python9 to ask for its packages.' });
    expect(await findInterpreter(['uv', 'run', 'x.py'], { cwd: base, env: env() })).toMatchObject({ problem: expect.stringContaining('uv sync') as string });
  });

  it('tells version, packages and torch without importing anything of theirs', async () => {
    // What lies beside the code shadows modules of the standard library for a careless probe.
    await put('project/json.py', `open(${JSON.stringify(join(base, 'imported'))}, 'w').close()\n`);
    const extra = `${await put('extra/Extra-1.0.dist-info/METADATA', 'Name: Extra\nVersion: 1.0\n')}`;
    const { python, problems } = await captureInterpreter(['.venv/bin/python', 'x.py'], join(base, 'project'), env({ PYTHONPATH: join(extra, '../..') }));
    expect(problems).toEqual([]);
    expect(python).toMatchObject({ implementation: 'CPython', virtual: true, prefix: venv, torch: { version: '2.5.1+cu124', cuda: '12.4', rocm: null, cudnn: '9.1.0.70' } });
    expect(python?.version).toMatch(/^3\.\d+\.\d+/u);
    expect(python?.packages).toEqual([
      { name: 'extra', version: '1.0' },
      { name: 'fork', version: '2.0', origin: { kind: 'vcs', url: 'https://git.example.org/fork.git', commit: 'a'.repeat(40) } },
      { name: 'nvidia-cudnn-cu12', version: '9.1.0.70' },
      { name: 'own', version: '0.1', origin: { kind: 'folder', url: null }, editable: true },
      { name: 'some-package', version: '1.2.3' },
      { name: 'torch', version: '2.5.1' },
    ]);
    await expect(readFile(join(base, 'imported'))).rejects.toThrow();
    // The same packages in another place are the same environment; others are not.
    const other = await captureInterpreter({ shell: 'sh', script: 'export A=1; python x.py && echo done' }, base, env({ PATH: `${join(venv, 'bin')}:/usr/bin:/bin` }));
    expect(other.python?.lockHash).not.toBe(python?.lockHash);
    const again = await captureInterpreter(['python', 'x.py'], base, env({ PATH: join(venv, 'bin'), PYTHONPATH: join(extra, '../..') }));
    expect(again.python?.lockHash).toBe(python?.lockHash);
  });

  it('agrees with pip about a real environment', async () => {
    const real = (await execute('python3', ['-c', 'import sys; print(sys.executable)'])).stdout.trim();
    const frozen = JSON.parse((await execute(real, ['-m', 'pip', 'list', '--format=json', '--disable-pip-version-check'])).stdout) as { name: string; version: string }[];
    const { python } = await captureInterpreter([real, 'x.py'], base, { ...process.env });
    expect(frozen.length).toBeGreaterThan(0);
    expect(python?.packages.map(({ name, version }) => `${name}==${version}`).sort()).toEqual(frozen.map(({ name, version }) => `${name.toLowerCase().replaceAll(/[-_.]+/gu, '-')}==${version}`).sort());
  });

  it('that fails or hangs costs a sentence', async () => {
    await put('bin/python3', '#!/bin/sh\necho "boom in /secret/place" >&2\nexit 3\n', 0o755);
    expect(await captureInterpreter([join(base, 'bin/python3')], base, env())).toEqual({ python: null, problems: ["The command's Python failed (boom in …), so its version and packages are not recorded; 3.8 or newer can be asked."] });
    await put('bin/python', '#!/bin/sh\necho hello\n', 0o755);
    expect((await captureInterpreter([join(base, 'bin/python')], base, env())).problems.join()).toContain('no answer that can be read');
    expect(await captureInterpreter(['ls'], base, env())).toEqual({ python: null, problems: [] });
  });
});

describe('specifiers of versions', () => {
  it('agree with those of pip on random ones', async () => {
    // Fixed, so that a difference can be looked at again.
    let state = 20_260_723;
    const next = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const pick = (list: readonly string[]): string => list[next(list.length)] ?? '';
    const number = (): string => pick(['0', '1', '2', '10']);
    const release = (least: number): string => Array.from({ length: least + next(3) }, number).join('.');
    const suffix = (): string => (next(3) === 0 ? pick(['a', 'b', 'rc']) + number() : '') + (next(4) === 0 ? `.post${number()}` : '') + (next(4) === 0 ? `.dev${number()}` : '');
    const clause = (): string => {
      const operator = pick(['==', '!=', '<', '<=', '>', '>=', '~=', '==*', '!=*']);
      // Three numbers at most before `.*`: how shorter versions are filled up for it differs among versions of pip.
      return operator.endsWith('*') ? `${operator.slice(0, 2)}${Array.from({ length: 1 + next(3) }, number).join('.')}.*` : operator + release(2) + suffix();
    };
    const cases = Array.from({ length: 3000 }, () => [`${next(15) === 0 ? '1!' : ''}${release(3)}${suffix()}`, next(3) === 0 ? `${clause()},${clause()}` : clause()] as const);
    const program = 'import json, sys\nfrom pip._vendor.packaging.specifiers import SpecifierSet\nfrom pip._vendor.packaging.version import Version\nprint(json.dumps([SpecifierSet(s).contains(Version(v), prereleases=True) for v, s in json.load(open(sys.argv[1]))]))';
    const judged = JSON.parse((await execute('python3', ['-c', program, await put('cases.json', JSON.stringify(cases))])).stdout) as boolean[];
    expect(cases.filter(([version, requirement], index) => meetsPython(version, requirement) !== judged[index])).toEqual([]);
    expect(judged.filter(Boolean).length).toBeGreaterThan(500);
  });
});

describe('fingerprints of inputs', () => {
  it('read unchanged files once, and changed ones again', async () => {
    const folder = join(base, 'data');
    await put('data/train.csv', 'a,b\n1,2\n3,4\n5,6');
    await put('data/sub/log.jsonl', '{}\n{}\n');
    await put('data/image.bin', Uint8Array.of(1, 2, 3));
    await put('data/README.md', '---\nlicense: cc-by-4.0\ntags: [x]\n---\n# Data\n');
    await parquetWriteFile({ filename: join(folder, 'rows.parquet'), columnData: [{ name: 'x', data: [1, 2, 3, 4, 5, 6, 7] }] });
    const read: string[] = [];
    const options = {
      cacheFolder: join(base, 'cache'),
      read: (file: string) => {
        read.push(file);
        return createReadStream(file);
      },
    };
    const first = await fingerprintInput(folder, options);
    expect(first).toMatchObject({ files: 5, rows: 3 + 2 + 7, license: 'cc-by-4.0' });
    expect(read).toHaveLength(5);
    // Once their times are old enough to be trusted, they are remembered.
    await new Promise((resolve) => setTimeout(resolve, 2600));
    await fingerprintInput(folder, options);
    read.length = 0;
    expect(await fingerprintInput(folder, options)).toEqual(first);
    expect(read).toEqual([]);
    await put('data/image.bin', Uint8Array.of(1, 2, 4));
    await utimes(join(folder, 'image.bin'), 1, 1);
    const changed = await fingerprintInput(folder, options);
    expect(changed.fingerprint).not.toBe(first.fingerprint);
    expect(read).toEqual([join(folder, 'image.bin')]);
  });

  it('of a file is its SHA-256; of nothing, null; of a renamed file in a folder, another', async () => {
    const options = { cacheFolder: join(base, 'cache') };
    const file = await put('single.csv', 'x\n1\n');
    expect(await fingerprintInput(file, { ...options, license: 'MIT' })).toEqual({ fingerprint: sha256Bytes('x\n1\n'), bytes: 4, files: 1, rows: 1, license: 'MIT' });
    expect(await fingerprintInput(join(base, 'nowhere'), options)).toEqual({ fingerprint: null, bytes: 0, files: 0, license: 'unknown' });
    await put('one/a', 'x');
    await put('two/b', 'x');
    const [one, two] = [await fingerprintInput(join(base, 'one'), options), await fingerprintInput(join(base, 'two'), options)];
    expect(one.fingerprint).not.toBe(two.fingerprint);
    // Data is often linked to; a link in a circle ends.
    await symlink(join(base, 'one/a'), join(base, 'two/a'));
    await symlink(join(base, 'two'), join(base, 'two/again'));
    expect(await fingerprintInput(join(base, 'two'), options)).toMatchObject({ files: 2, bytes: 2 });
  });

  it('can be called off', async () => {
    const file = await put('large.bin', Buffer.alloc(3_000_000));
    await expect(fingerprintInput(file, { cacheFolder: join(base, 'cache'), signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  });
});

describe('resources', () => {
  it.runIf(process.platform === 'linux')('of a process tree are counted whole, until its end', async () => {
    const program = 'import time\nblock = bytearray(80_000_000)\nend = time.time() + 2.6\nwhile time.time() < end: pass\n';
    // The shell waits; a child, and a grandchild that outlives its parent, work.
    const child = spawn('sh', ['-c', `python3 -c '${program}' & (python3 -c '${program}' &) ; wait; sleep 1`], { detached: true, stdio: 'ignore' });
    const samples: ResourceSample[] = [];
    for await (const sample of sampleResources(child.pid ?? 0, { intervalMs: 500, signal: AbortSignal.timeout(20_000) })) samples.push(sample);
    expect(samples.length).toBeGreaterThan(3);
    const most = (key: string): number => Math.max(...samples.map(({ values }) => values[key] ?? Number.NaN));
    // Two programs that are never idle, on whatever cores others leave.
    expect(most('system/cpu')).toBeGreaterThan(25);
    expect(most('system/cpu')).toBeLessThan(230);
    expect(most('system/memory')).toBeGreaterThan(150_000_000);
    expect(most('system/processes')).toBeGreaterThanOrEqual(3);
    for (const { values } of samples) for (const value of Object.values(values)) expect(Number.isFinite(value)).toBe(true);
    expect(samples.every(({ time }, index) => index === 0 || time > (samples[index - 1]?.time ?? 0))).toBe(true);
  }, 30_000);

  it('end with the signal, and for a process that is not there', async () => {
    const none: ResourceSample[] = [];
    for await (const sample of sampleResources(2 ** 22 - 3, { intervalMs: 10, signal: AbortSignal.timeout(5000) })) none.push(sample);
    expect(none).toEqual([]);
    const abort = new AbortController();
    const start = performance.now();
    for await (const _ of sampleResources(process.pid, { intervalMs: 20, signal: abort.signal })) abort.abort();
    expect(performance.now() - start).toBeLessThan(3000);
  });
});

describe('the environment that a config asks for', () => {
  it('lets nothing start where it is an error, says so before a workspace is made, and is stored with the run where it is a warning', async () => {
    const project = new Project({ 'x.py': 'print(1)\n' });
    const config = (environment: object): string => project.config({ task: { command: [python, 'x.py'] }, environment });
    await expect(preflightConfig(project.workspace, config({ python: { version: '2.7' } }))).rejects.toMatchObject({ code: 'ENVIRONMENT_MISMATCH', kind: 'input' });
    expect(existsSync(project.workspace)).toBe(false);
    const engine = await engineOn(project.workspace);
    expect(await engine.call('runs.start', { config: config({ python: { version: '2.7', packages: { 'no-such-package': '*' } } }) })).toMatchObject({
      ok: false,
      error: { code: 'ENVIRONMENT_MISMATCH', problems: [{ path: 'environment.python', message: expect.stringContaining('The config asks for python 2.7; this machine has 3.') as string }] },
    });
    expect(await engine.call('runs.start', { config: config({ python: { packages: { 'no-such-package': '*' } }, levels: { 'packages.no-such-package': 'error' } }) })).toMatchObject({ ok: false, error: { code: 'ENVIRONMENT_MISMATCH' } });
    const study = project.config({ experiment: 's', seed: undefined, seeds: [1], design: 'one-at-a-time', factors: [{ path: 'params.a', levels: [2] }], baseline: { task: { command: [python, 'x.py', '{a}'] }, params: { a: 1 }, seed: 1, selection: { metric: 'loss' }, environment: { python: { version: '2.7' } } } }, 'study.yaml');
    expect(await engine.call('studies.start', { study })).toMatchObject({ ok: false, error: { code: 'ENVIRONMENT_MISMATCH' } });
    expect(await ask(engine, 'runs.list', {})).toEqual([]);
    expect(await ask(engine, 'studies.list', {})).toEqual([]);
    const started = await ask(engine, 'runs.start', { config: config({ python: { version: '2.7', packages: { 'no-such-package': '*' } }, levels: { python: 'warning', packages: 'ignore' } }) });
    await ask(engine, 'runs.wait', { runs: [started.run.runId] });
    expect(started.warnings.filter((warning) => warning.startsWith('The config asks for'))).toEqual([expect.stringMatching(/^The config asks for python 2\.7; this machine has 3\.\d+\.\d+\.$/u)]);
    const { provenance } = await ask(engine, 'runs.details', { run: started.run.runId });
    const items = provenance.find(({ title }) => title === 'Environment')?.items.filter(({ name }) => name.startsWith('Required')).map(({ name, kind }) => [name, kind]);
    expect(items).toEqual([['Required python', 'warning'], ['Required packages.no-such-package', 'text']]);
  }, 60_000);
});
