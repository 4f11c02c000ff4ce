import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { afterPrologue, execute } from '../../../src/outpost/serve-shell';
import { carrierOf, isCarried } from '../../../src/outpost/serve-life';
import { below, insideOf } from '../../../src/outpost/serve-paths';
import { Poller } from '../../../src/outpost/serve-poll';
import { say } from '../../../src/outpost/run-words';
import { identityOf } from '../../../src/files/process-identity';
import type { StartedWord } from '../../../src/outpost/words';

let base: string;
beforeEach(() => {
  const made = mkdtempSync(path.join(tmpdir(), 'reprise-serve-'));
  base = made;
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
});

function write(name: string, content: string | Buffer): void {
  const file = path.join(base, 'runs', 'r', name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
}

const { pid, startTime, host = '', namespace, boot } = identityOf(process.pid)!;
const started = (more: Partial<StartedWord>): StartedWord => ({ event: 'started', attempt: 1, time: 1, host, pid, startTime, ...(namespace === undefined ? {} : { namespace }), ...(boot === undefined ? {} : { boot }), runtime: { platform: 'linux', arch: 'x64', cpuFlags: [] }, ...more });

describe('names that come from elsewhere', () => {
  it('mean places below a folder, or nothing', async () => {
    expect(below('/top', 'a/b.c')).toBe('/top/a/b.c');
    for (const name of ['', '/a', 'a/', '../a', 'a/..', 'a/./b', 'a\0']) expect(() => below('/top', name), name).toThrow(expect.objectContaining({ code: 'PATH_OUTSIDE' }));
    write('a/x', '');
    symlinkSync(base, path.join(base, 'runs/r/up'));
    symlinkSync('a', path.join(base, 'runs/r/in'));
    const folder = path.join(base, 'runs/r');
    expect(await insideOf(folder, 'in/x')).toBe(path.join(folder, 'a/x'));
    await expect(insideOf(folder, 'up')).rejects.toMatchObject({ code: 'PATH_OUTSIDE' });
    await expect(insideOf(folder, 'up/runs/r/a/x')).resolves.toBe(path.join(folder, 'a/x'));
    await expect(insideOf(folder, 'none')).rejects.toMatchObject({ code: 'FILE_MISSING' });
  });
});

describe('a poll', () => {
  const ask = async (poller: Poller, offsets: Record<string, number>) => {
    const { value, body } = await poller.poll({ runs: [{ runId: 'r', offsets }] });
    return { more: value.more, isAlive: value.runs[0]!.isAlive, names: value.runs[0]!.pieces.map(({ path: name }) => name), body };
  };

  it('tells words last, and not before all that they follow from', async () => {
    say((write('attempt-1/output.jsonl', Buffer.alloc(5 << 20, 'x')), path.join(base, 'runs/r')), started({ pid: 2 ** 30 }));
    write('events.log', 'records');
    write('worker.log', 'words');
    write('work/logs/events.out.tfevents.1', 'series');
    // Part of the code: of a run of long ago.
    write('work/old/events.out.tfevents.0', 'series');
    write('passed-over.json', '["work/old/events.out.tfevents.0"]');
    write('work/data.bin', 'no');
    const poller = new Poller(base);
    const first = await ask(poller, {});
    expect(first).toMatchObject({ more: true, isAlive: null, names: ['attempt-1/output.jsonl'] });
    const second = await ask(poller, { 'attempt-1/output.jsonl': first.body.length });
    expect(second).toMatchObject({ more: false, isAlive: false });
    expect(second.names.toSorted()).toEqual(['attempt-1/output.jsonl', 'events.log', 'outpost.jsonl', 'work/logs/events.out.tfevents.1', 'worker.log']);
    expect(second.names.slice(-2)).toEqual(['events.log', 'outpost.jsonl']);
    expect(first.body.length + second.body.indexOf('records')).toBeGreaterThan(5 << 20);
  });
});

describe('a poll of a command that ends soon', () => {
  it('finds what its program wrote since the last search before its last word', async () => {
    write('passed-over.json', '[]');
    write('work/train.py', '');
    const poller = new Poller(base);
    const names = async (): Promise<string[]> => (await poller.poll({ runs: [{ runId: 'r', offsets: {} }] })).value.runs[0]!.pieces.map(({ path: name }) => name);
    expect(await names()).toEqual([]);
    write('work/events.out.tfevents.1', 'series');
    say(path.join(base, 'runs/r'), started({}));
    expect(await names()).toEqual(['work/events.out.tfevents.1', 'outpost.jsonl']);
  });
});

describe('who carries out a run', () => {
  it('is the newest that was started, and is known to live only where it can be looked at', () => {
    const folder = path.join(base, 'runs/r');
    mkdirSync(folder, { recursive: true });
    expect([carrierOf(folder), isCarried(folder)]).toEqual([null, null]);
    say(folder, started({}));
    expect([carrierOf(folder)?.attempt, isCarried(folder)]).toEqual([1, true]);
    say(folder, started({ attempt: 2, startTime: 'another' }));
    expect([carrierOf(folder)?.attempt, isCarried(folder)]).toEqual([2, false]);
    say(folder, started({ attempt: 3, host: 'node-9', boot: 'elsewhere' }));
    expect([carrierOf(folder)?.attempt, isCarried(folder)]).toEqual([3, null]);
    write('outpost.pid', JSON.stringify({ ...started({ attempt: 4 }) }));
    expect([carrierOf(folder)?.attempt, isCarried(folder)]).toEqual([4, true]);
  });
});

describe('what comes before a program', () => {
  it('is done by a shell that ends where a line fails, and becomes the program', () => {
    expect(afterPrologue([], ['a', 'b'])).toEqual(['a', 'b']);
    const run = (prologue: string[]): [number | null, string] => {
      const [program = '', ...args] = afterPrologue(prologue, ['sh', '-c', 'echo "$X $$ $PPID $1"', 'sh', "it's"]);
      const { status, stdout, pid: own } = spawnSync(program, args, { encoding: 'utf8' });
      return [status, stdout.trim().replace(String(own), 'PID').replace(String(process.pid), 'PARENT')];
    };
    expect(run(['export X=1'])).toEqual([0, "1 PID PARENT it's"]);
    expect(run(['false', 'export X=1'])[0]).toBe(1);
  });

  it('keeps of what is printed what an answer can hold', async () => {
    const { stdout, exitCode } = await execute({ argv: ['sh', '-c', 'head -c 20000000 /dev/zero'], timeoutMs: 20_000 }, new Uint8Array());
    expect([stdout.length, exitCode]).toEqual([8 << 20, 0]);
  });
});
