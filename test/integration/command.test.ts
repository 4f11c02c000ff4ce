/** Command runs from the config to the metrics: real programs, a real supervisor, a real store. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Store } from '../../src/store/types';
import { cli, projectRoot } from '../helpers/cli';
import { ask, engineOn, look, outputOf, printed, processesWith, Project, python, recordsOf, runOnce, until } from '../helpers/commands';

const points = (workspace: string, runId: string, key: string): Promise<[number, number][]> =>
  look(workspace, (store) => {
    const { steps, values } = store.points(runId, key);
    return Array.from(steps, (step, index): [number, number] => [step, values[index] ?? Number.NaN]);
  });

function recordedVariables(store: Store, runId: string): Readonly<Record<string, string>> {
  const manifest = store.manifest(runId);
  return manifest.kind === 'command' ? (manifest.provenance.variables ?? {}) : {};
}

describe('a command', () => {
  it('gets its arguments as they are, in a working copy of the code', async () => {
    const project = new Project({ 'show.py': 'import sys, os, json\nprint(json.dumps({"args": sys.argv[1:], "cwd": os.getcwd(), "files": sorted(os.listdir("."))}))\n', 'data.txt': 'x' });
    const engine = await engineOn(project.workspace);
    const config = project.config({ task: { command: [python, 'show.py', 'a b', '$HOME', '{lr}', '{{x}', ''], env: { LEVEL: 'level-{seed}' } }, params: { lr: 1e-7 }, seed: 7 });
    const { run } = await runOnce(engine, config);
    expect(run).toMatchObject({ kind: 'command', status: 'finished', exitCode: 0, seed: 7, attempts: 1, totalSteps: null, errorCode: null });
    const shown = JSON.parse(printed(project.workspace, run.runId)[0] ?? '') as { args: string[]; cwd: string; files: string[] };
    expect(shown.args).toEqual(['a b', '$HOME', '1e-7', '{x}', '']);
    expect(shown.cwd).toContain(join('runs', run.runId, 'work'));
    expect(shown.files).toEqual(['data.txt', 'run.yaml', 'show.py']);
    // The copy is gone, what was printed stays.
    expect(readdirSync(join(project.workspace, 'runs', run.runId)).toSorted()).toEqual(['attempt-1', 'events.log', 'origin.json', 'run.json', 'worker.log']);
  });

  it('can be a line for a shell, and values in it are words', async () => {
    const project = new Project({});
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: { shell: 'sh', script: 'for i in 1 2; do echo "$i" {text}; done; echo $REPRISE_SEED >&2' } }, params: { text: 'a; $(echo b) \'c\'' } }));
    expect(printed(project.workspace, run.runId)).toEqual(["1 a; $(echo b) 'c'", "2 a; $(echo b) 'c'"]);
    expect(printed(project.workspace, run.runId, 'stderr')).toEqual(['1']);
  });

  it('has the environment of the person, of the task and of Reprise', async () => {
    process.env['REPRISE_TEST_OWN'] = 'mine';
    const project = new Project({ 'env.py': 'import os\nfor name in ["REPRISE_TEST_OWN", "MODE", "PYTHONUNBUFFERED", "PYTHONHASHSEED", "REPRISE_SEED", "REPRISE_RUN_ID", "WANDB_MODE", "MLFLOW_RUN_ID"]:\n  print(name, os.environ.get(name))\nprint(os.environ["MLFLOW_TRACKING_URI"].startswith("http://127.0.0.1:"), os.path.exists(os.environ["REPRISE_METRICS"]), os.path.isdir(os.environ["WANDB_DIR"]))\nprint("ELECTRON_RUN_AS_NODE" in os.environ)\n' });
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: [python, 'env.py'], env: { MODE: '{mode}' } }, params: { mode: 'fast' }, seed: 42 }));
    expect(printed(project.workspace, run.runId)).toEqual(['REPRISE_TEST_OWN mine', 'MODE fast', 'PYTHONUNBUFFERED 1', 'PYTHONHASHSEED 42', 'REPRISE_SEED 42', `REPRISE_RUN_ID ${run.runId}`, 'WANDB_MODE offline', `MLFLOW_RUN_ID ${run.runId}`, 'True True True', 'False']);
    const provenance = await look(project.workspace, (store) => store.manifest(run.runId));
    expect(provenance.kind === 'command' ? provenance.provenance.variables : null).toMatchObject({ PYTHONHASHSEED: '42' });
  });

  it('has the recorded variables, also where another shell takes it up', async () => {
    const project = new Project({});
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('OMP_NUM_THREADS', '3').stubEnv('TZ', undefined).stubEnv('NCCL_ALGO', 'Tree');
    const engine = await engineOn(project.workspace);
    const again = join(project.folder, 'again');
    const config = project.config({ task: { command: { shell: 'sh', script: 'echo $OMP_NUM_THREADS ${{TZ-unset} $NCCL_ALGO $PYTHONHASHSEED; test -e {again} || sleep 60' }, env: { NCCL_ALGO: 'Ring' } }, params: { again }, seed: 5 });
    const { run } = await ask(engine, 'runs.start', { config });
    await until(() => existsSync(join(project.workspace, 'runs', run.runId, 'attempt-1', 'output.jsonl')) && printed(project.workspace, run.runId).length > 0, 'its first words');
    await engine.close();
    vi.stubEnv('OMP_NUM_THREADS', '8').stubEnv('TZ', 'Asia/Tokyo').stubEnv('PYTHONHASHSEED', '99');
    writeFileSync(again, '');
    const other = await engineOn(project.workspace);
    expect((await ask(other, 'runs.wait', { runs: [run.runId] }))[0]).toMatchObject({ status: 'finished', error: null });
    expect(outputOf(project.workspace, run.runId, 2).map(({ text }) => text)).toEqual(['3 unset Ring 5']);
    expect(await look(project.workspace, (store) => recordedVariables(store, run.runId))).toMatchObject({ OMP_NUM_THREADS: '3', NCCL_ALGO: 'Ring', PYTHONHASHSEED: '5' });
  });

  it('of each variant records the variables of its own task', async () => {
    const project = new Project({});
    onTestFinished(() => void vi.unstubAllEnvs());
    vi.stubEnv('OMP_NUM_THREADS', undefined);
    const engine = await engineOn(project.workspace);
    const study = project.config({ seed: undefined, seeds: [1], design: 'one-at-a-time', baseline: { task: { command: { shell: 'sh', script: 'echo ${{OMP_NUM_THREADS-unset}' }, env: { OMP_NUM_THREADS: '{threads}' } }, params: { threads: 2 }, selection: { metric: 'loss', goal: 'minimize' } }, factors: [{ path: 'params.threads', levels: [4] }, { name: 'free', levels: [{ label: 'free', set: { 'task.env': {} } }] }] });
    const { runs } = await ask(engine, 'studies.start', { study });
    await ask(engine, 'runs.wait', { runs: runs.map(({ run }) => run) });
    const seen = await look(project.workspace, (store) => runs.map(({ run }) => [printed(project.workspace, run)[0], recordedVariables(store, run)['OMP_NUM_THREADS'] ?? 'unset']));
    expect(seen).toEqual([['2', '2'], ['4', '4'], ['unset', 'unset']]);
  });

  it.each(['yaml', 'json'] as const)('finds its parameters in a %s file', async (format) => {
    const project = new Project({});
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: ['cat', `conf/p.${format}`], parameterFile: { path: `conf/p.${format}`, format } }, params: { lr: 0.1, net: { kind: 'lstm', sizes: [1, 2] } }, seed: 3 }));
    const text = printed(project.workspace, run.runId).join('\n');
    if (format === 'json') expect(JSON.parse(text)).toEqual({ lr: 0.1, net: { kind: 'lstm', sizes: [1, 2] }, seed: 3 });
    else expect(text).toBe('lr: 0.1\nnet:\n  kind: lstm\n  sizes:\n    - 1\n    - 2\nseed: 3');
  });

  it('reads its inputs where they lie, and what it wrote is kept', async () => {
    const project = new Project({ 'sub/work.py': 'import os, pathlib\nprint(pathlib.Path("../data/big.csv").read_text(), os.path.islink("../data"))\npathlib.Path("out/deep").mkdir(parents=True)\npathlib.Path("out/model.bin").write_bytes(b"weights")\npathlib.Path("out/deep/x.log").write_text("log")\npathlib.Path("rest.tmp").write_text("not kept")\n', 'data/big.csv': 'a,b' });
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: [python, 'work.py'], cwd: 'sub', inputs: [{ path: 'data', license: 'CC0-1.0' }], outputs: ['sub/out/*.bin', 'sub/out/**/*.log', 'nothing/*'] } }));
    expect(printed(project.workspace, run.runId)).toEqual(['a,b True']);
    const { manifest, files } = await look(project.workspace, (store) => ({ manifest: store.manifest(run.runId), files: store.files(run.runId) }));
    expect(files.map(({ path, bytes }) => [path, bytes])).toEqual([['sub/out/deep/x.log', 3], ['sub/out/model.bin', 7]]);
    for (const { sha256 } of files) expect(existsSync(join(project.workspace, 'objects', sha256.slice(0, 2), sha256))).toBe(true);
    expect(manifest.kind === 'command' ? manifest.inputs : null).toMatchObject([{ path: 'data', files: 1, bytes: 3, license: 'CC0-1.0' }]);
    expect(recordsOf(project.workspace, run.runId)).toContainEqual(expect.objectContaining({ type: 'message', text: 'The command made no output nothing/*.' }));
    // The data was not copied into the store of code, and is as it was.
    expect(readFileSync(join(project.folder, 'data/big.csv'), 'utf8')).toBe('a,b');
  });

  it('leaves data alone that it reaches by two ways, or behind a link of the code', async () => {
    const project = new Project({ 'a.py': 'import pathlib\nprint(pathlib.Path("data/sub/x.csv").read_text(), pathlib.Path("far/train/y.csv").read_text())\n', 'data/sub/x.csv': 'x', 'data/p.yaml': 'mine' });
    const far = new Project({ 'train/y.csv': 'y' });
    symlinkSync(far.folder, join(project.folder, 'far'));
    project.commit();
    const engine = await engineOn(project.workspace);
    const task = { command: [python, 'a.py'], inputs: ['data', 'data/sub', 'far/train'] };
    const { run } = await runOnce(engine, project.config({ task }));
    expect([run.errorMessage, printed(project.workspace, run.runId)]).toEqual([null, ['x y']]);
    const { run: refused } = await runOnce(engine, project.config({ task: { ...task, parameterFile: { path: 'data/p.yaml' } } }));
    expect(refused).toMatchObject({ status: 'failed', errorCode: 'PARAMETER_FILE_INVALID' });
    expect(['data/sub/x.csv', 'data/p.yaml', 'far/train/y.csv'].map((file) => readFileSync(join(project.folder, file), 'utf8'))).toEqual(['x', 'mine', 'y']);
  });

  it('has the secrets of its folder while it runs, and nothing of them is kept', async () => {
    const secret = ['sk', 'live', 'a1B2'.repeat(6)].join('_');
    const project = new Project({ 'use.py': 'import pathlib, hashlib\nprint(hashlib.sha256(pathlib.Path(".env").read_bytes()).hexdigest()[:8])\n', '.env': `API_KEY=${secret}\n` });
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: [python, 'use.py'] } }));
    expect(run.status).toBe('finished');
    expect(printed(project.workspace, run.runId)[0]).toMatch(/^[0-9a-f]{8}$/u);
    const { status, stdout } = spawnSync('grep', ['-rl', secret, project.workspace], { encoding: 'utf8' });
    // Nothing was found.
    expect([status, stdout]).toEqual([1, '']);
  });

  it('may name a program of an environment that git ignores', async () => {
    const project = new Project({ '.gitignore': '.venv\n', 'a.py': 'print("here")\n' });
    project.commit();
    mkdirSync(join(project.folder, '.venv/bin'), { recursive: true });
    symlinkSync(python, join(project.folder, '.venv/bin/python'));
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: ['.venv/bin/python', 'a.py'] } }));
    expect(run).toMatchObject({ status: 'finished', errorMessage: null });
    expect(printed(project.workspace, run.runId)).toEqual(['here']);
  });

  it('is not run over data that changed while it waited', async () => {
    const project = new Project({ 'data.csv': 'x' });
    const engine = await engineOn(project.workspace, { cores: 1 });
    const slow = await ask(engine, 'runs.start', { config: project.config({ task: { command: ['sleep', '1'] } }, 'slow.yaml') });
    const { run } = await ask(engine, 'runs.start', { config: project.config({ task: { command: ['cat', 'data.csv'], inputs: ['data.csv'] } }) });
    project.write('data.csv', 'y');
    await ask(engine, 'runs.wait', { runs: [slow.run.runId, run.runId] });
    expect((await ask(engine, 'runs.get', { run: run.runId })).run).toMatchObject({ status: 'failed', errorCode: 'INPUT_CHANGED' });
    project.write('data.csv', 'x');
    await ask(engine, 'runs.retry', { run: run.runId });
    await ask(engine, 'runs.wait', { runs: [run.runId] });
    expect((await ask(engine, 'runs.get', { run: run.runId })).run).toMatchObject({ status: 'finished', attempts: 2 });
  });

  it('is refused before anything is made where an input is missing', async () => {
    const project = new Project({});
    const engine = await engineOn(project.workspace);
    const config = project.config({ task: { command: ['true'], inputs: ['data/none.csv'] } });
    expect(await engine.call('runs.start', { config })).toMatchObject({ ok: false, error: { code: 'INPUT_MISSING', message: expect.stringMatching(/run\.yaml: task\.inputs\[0\]: there is no .*data\/none\.csv/u) } });
    expect(await ask(engine, 'runs.list', {})).toEqual([]);
  });
});

describe('metrics', () => {
  it('come from the output, by JSON and by patterns, and from the file', async () => {
    const project = new Project({
      'train.py': [
        'import json, os, sys',
        'for step in range(3):',
        '  print(json.dumps({"step": step, "loss": 1 / (step + 1), "val": {"acc": step}}))',
        '  print(f"epoch {step}: lr=0.{step} f1=0.5", file=sys.stderr)',
        'print(json.dumps({"level": "info", "lineno": 3}))',
        'print(json.dumps({"nan": float("nan")}))',
        'with open(os.environ["REPRISE_METRICS"], "a") as file:',
        '  file.write(json.dumps({"key": "bleu", "value": 30.5, "step": 10, "time": 1700000000}) + "\\n")',
        '  file.write(json.dumps({"loss2": float("-inf"), "note": "text"}) + "\\n")',
        '  file.write(json.dumps({"loss2": 2}))',
      ].join('\n'),
    });
    const engine = await engineOn(project.workspace);
    const { run, result } = await runOnce(engine, project.config({
      task: { command: [python, 'train.py'], metrics: { patterns: [{ pattern: 'epoch (?<step>\\d+): lr=(?<value>[\\d.]+)', key: 'rate' }, { pattern: '(?<key>f\\d)=(?<value>\\S+)' }] } },
      selection: { metric: 'loss' },
    }));
    const of = (key: string): Promise<[number, number][]> => points(project.workspace, run.runId, key);
    expect(await of('loss')).toEqual([[0, 1], [1, 0.5], [2, 1 / 3]]);
    expect(await of('val/acc')).toEqual([[0, 0], [1, 1], [2, 2]]);
    expect(await of('rate')).toEqual([[0, 0], [1, 0.1], [2, 0.2]]);
    expect(await of('f1')).toEqual([[0, 0.5], [1, 0.5], [2, 0.5]]);
    expect(await of('nan')).toEqual([[0, Number.NaN]]);
    expect(await of('bleu')).toEqual([[10, 30.5]]);
    expect(await of('loss2')).toEqual([[0, Number.NEGATIVE_INFINITY], [1, 2]]);
    const keys = await look(project.workspace, (store) => store.seriesKeys(run.runId));
    expect(keys.filter((key) => !key.startsWith('system/'))).toEqual(['bleu', 'f1', 'loss', 'loss2', 'nan', 'rate', 'val/acc']);
    expect(result.metrics).toMatchObject({ loss: 1 / 3, bleu: 30.5 });
  });

  it('come while the command runs', async () => {
    const project = new Project({ 'train.py': 'import json, time, os\nprint(json.dumps({"loss": 3}))\nwhile not os.path.exists("../go"): time.sleep(0.02)\nprint(json.dumps({"loss": 2}))\n' });
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ task: { command: [python, 'train.py'] } }) });
    const log = (): string[] => recordsOf(project.workspace, run.runId).map(({ type }) => type);
    await until(() => log().includes('points'), 'the first point');
    await ask(engine, 'runs.cancel', { run: run.runId });
    expect(await points(project.workspace, run.runId, 'loss')).toEqual([[0, 3]]);
  });
});

describe('the end of a command', () => {
  it('is told by its exit code, with its last words', async () => {
    const project = new Project({ 'fail.py': 'import sys\nprint("fine")\nprint("Traceback", file=sys.stderr)\nprint("ValueError: no", file=sys.stderr)\nsys.exit(3)\n' });
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: [python, 'fail.py'] } }));
    expect(run).toMatchObject({ status: 'failed', exitCode: 3, signal: null, errorCode: 'COMMAND_FAILED', errorMessage: 'The command ended with exit code 3. Its last words:\nTraceback\nValueError: no' });
    expect(printed(project.workspace, run.runId)).toEqual(['fine']);
  });

  it('is told by its signal', async () => {
    const project = new Project({});
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: { shell: 'sh', script: 'kill -SEGV $$' } } }));
    expect(run).toMatchObject({ status: 'failed', exitCode: null, signal: 'SIGSEGV', errorCode: 'COMMAND_FAILED' });
  });

  it('comes at once where there is no such program', async () => {
    const project = new Project({ 'notes.txt': 'x' });
    const engine = await engineOn(project.workspace);
    const missing = await runOnce(engine, project.config({ task: { command: ['pyton', 'train.py'], retries: 3 } }));
    expect(missing.run).toMatchObject({ status: 'failed', attempts: 1, errorCode: 'COMMAND_NOT_FOUND', errorMessage: expect.stringMatching(/^There is no program "pyton" on the PATH\. Install it/u) });
    const closed = await runOnce(engine, project.config({ task: { command: ['./notes.txt'] } }, 'two.yaml'));
    expect(closed.run).toMatchObject({ status: 'failed', errorCode: 'COMMAND_NOT_STARTED', errorMessage: expect.stringContaining('EACCES') });
  });

  it('comes when its time is over, for all it started', async () => {
    const project = new Project({ 'slow.sh': 'sleep 987654 &\ntrap "" TERM\nsleep 987654\n' });
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: ['sh', 'slow.sh'], timeLimitSeconds: 0.5 } }));
    expect(run).toMatchObject({ status: 'failed', errorCode: 'COMMAND_TIME_LIMIT' });
    expect(processesWith('987654')).toEqual([]);
  });

  it('comes when it is cancelled, for grandchildren and those that left its group', async () => {
    const project = new Project({ 'tree.py': `import subprocess, sys, time, os\nsubprocess.Popen(["sleep", "876543"])\nsubprocess.Popen(["sleep", "876543"], start_new_session=True)\nsubprocess.Popen(["sh", "-c", "setsid sh -c 'sleep 876543' & sleep 876543"])\nprint("ready", flush=True)\ntime.sleep(100)\n` });
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ task: { command: [python, 'tree.py'] } }) });
    await until(() => processesWith('876543').length >= 4, 'the processes');
    expect(await ask(engine, 'runs.cancel', { run: run.runId })).toMatchObject({ status: 'cancelled' });
    expect(processesWith('876543')).toEqual([]);
    expect(processesWith('tree.py')).toEqual([]);
  });

  it('takes what it left behind with it', async () => {
    const project = new Project({});
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: { shell: 'sh', script: '(sleep 765432; echo late) & echo done' } } }));
    expect(run).toMatchObject({ status: 'finished', exitCode: 0 });
    expect(processesWith('765432')).toEqual([]);
    expect(recordsOf(project.workspace, run.runId)).toContainEqual(expect.objectContaining({ type: 'message', text: expect.stringMatching(/left \d process(es)? behind/u) }));
  });

  it('begins anew as often as it may, with an empty working copy and its metrics of the last time', async () => {
    const project = new Project({ 'flaky.py': 'import os, sys, json, pathlib\nmark = pathlib.Path("mark")\nprint(mark.exists())\nmark.write_text("x")\ncount = pathlib.Path(os.environ["COUNT"])\nn = int(count.read_text()) if count.exists() else 0\ncount.write_text(str(n + 1))\nprint(json.dumps({"n": n}))\nsys.exit(0 if n == 2 else 1)\n' });
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: [python, 'flaky.py'], env: { COUNT: join(project.workspace, 'count') }, retries: 4 } }));
    expect(run).toMatchObject({ status: 'finished', attempts: 3, exitCode: 0, errorCode: null });
    expect([1, 2, 3].map((attempt) => printed(project.workspace, run.runId, 'stdout', attempt)[0])).toEqual(['False', 'False', 'False']);
    expect(await points(project.workspace, run.runId, 'n')).toEqual([[0, 2]]);
    const fails = await runOnce(engine, project.config({ task: { command: ['false'], retries: 1 } }, 'fails.yaml'));
    expect(fails.run).toMatchObject({ status: 'failed', attempts: 2, exitCode: 1 });
  });
});

describe('output', () => {
  it('is kept line by line, whatever its bytes', async () => {
    const project = new Project({ 'odd.py': 'import sys\nout = sys.stdout.buffer\nout.write(b"caf\\xc3\\xa9 \\xff\\n\\n")\nout.write(b"10%\\r50%\\r100%\\r\\n")\nout.write(b"x" * 70000 + b"\\n")\nout.write(b"no end")\n' });
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: [python, 'odd.py'] } }));
    const lines = printed(project.workspace, run.runId);
    expect(lines[0]).toBe('café \uFFFD');
    expect(lines[1]).toBe('');
    expect(lines).toContain('100%');
    expect(lines.at(-2)).toMatch(/^x{65536} … \(4464 more characters\)$/u);
    expect(lines.at(-1)).toBe('no end');
    for (const { time } of outputOf(project.workspace, run.runId)) expect(Math.abs(Date.now() - time)).toBeLessThan(60_000);
  });

  it('shows no secret', async () => {
    const project = new Project({ 'leak.py': 'print("token " + "gh" + "p_" + "a1B2" * 9)\n' });
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: [python, 'leak.py'] } }));
    expect(printed(project.workspace, run.runId)[0]).toMatch(/^token \[withheld: a.*\]$/u);
  });

  it('is bounded in a flood, and keeps its end', async () => {
    const project = new Project({ 'flood.py': 'import sys\nline = "x" * 999 + "\\n"\nfor _ in range(90): sys.stdout.write(line * 1000)\nprint("the end")\n' });
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ task: { command: [python, 'flood.py'] } }));
    expect(run.status).toBe('finished');
    const lines = outputOf(project.workspace, run.runId);
    expect(lines.length).toBeLessThan(70_000);
    expect(lines.at(-1)?.text).toBe('the end');
    expect(lines.find(({ stream }) => stream === 'note')?.text).toMatch(/^\d+ lines were left out here/u);
  }, 60_000);
});

describe('the command line', () => {
  it('says what is wrong with a config, all at once, and makes nothing', async () => {
    const project = new Project({});
    const config = project.config({ task: { command: ['train', '{lrr}'], cwd: '..' }, params: { lr: 1 } });
    const wrong = await cli(['run', config, '--workspace', project.workspace]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('task.command[1] asks for {lrr}, which is no parameter; did you mean {lr}?');
    const missing = await cli(['run', project.config({ task: { command: ['true'], inputs: ['none.csv'] } }), '--workspace', project.workspace]);
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringMatching(/INPUT_MISSING/u)]);
    expect(existsSync(project.workspace)).toBe(false);
  });

  it('runs a command with its latest metrics beside it, and fails as it does', async () => {
    const project = new Project({ 'train.py': 'import json, sys, time\nfor step in range(8):\n  print(json.dumps({"loss": 8 - step}))\n  time.sleep(0.2)\nsys.exit(int(sys.argv[1]))\n' });
    const config = (code: number): string => project.config({ task: { command: [python, 'train.py', '{code}'], outputs: ['model.pt'] }, params: { code }, selection: { metric: 'accuracy' } }, `exit-${code}.yaml`);
    const good = await cli(['run', config(0), '--workspace', project.workspace]);
    expect([good.code, good.stdout]).toEqual([0, expect.stringMatching(/^run {11}\S+ {2}\(finished\)\nmetrics {7}loss 1\.0000\n/u)]);
    expect(good.stderr).toContain('warning: The command made no output model.pt.');
    expect(good.stderr).toContain('warning: The command logged no accuracy, the metric that its config declares; it logged loss.');
    const listed = await cli(['runs', '--workspace', project.workspace]);
    expect(listed.stdout).toMatch(/^run +experiment +variant +seed +status +metric +duration\n/u);
    const bad = await cli(['run', config(3), '--json', '--workspace', project.workspace]);
    expect(bad.code).toBe(1);
    expect(JSON.parse(bad.stdout)).toMatchObject({ status: 'failed', metrics: { loss: 1 }, finalLoss: null, weightsHash: null, error: { code: 'COMMAND_FAILED' } });
  });
});

describe('the sample', () => {
  it('is an ablation that needs Python alone', async () => {
    const sample = (name: string): string => readFileSync(join(projectRoot, 'resources/samples/command', name), 'utf8');
    const project = new Project({ 'train.py': sample('train.py'), 'ablation.yaml': sample('ablation.yaml').replace('python3', JSON.stringify(python)) });
    const engine = await engineOn(project.workspace);
    const { runs, plan } = await ask(engine, 'studies.start', { study: join(project.folder, 'ablation.yaml') });
    expect(plan.variants.map(({ name }) => name)).toEqual(['baseline', 'learning_rate=0.01', 'learning_rate=1', 'l2=0']);
    const results = await ask(engine, 'runs.wait', { runs: runs.map(({ run }) => run) });
    expect(results.map(({ status, error }) => [status, error])).toEqual(Array.from({ length: 12 }, () => ['finished', null]));
    expect(new Set(results.map(({ metrics }) => metrics?.['val/loss'])).size).toBe(12);
  }, 60_000);
});
