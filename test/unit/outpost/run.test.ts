import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isDiskFull } from '../../../src/errors/errors';
import { RUN_FILES } from '../../../src/events/manifest';
import { ownerFile } from '../../../src/events/owner';
import { ownIdentity } from '../../../src/files/process-identity';
import { makeWay } from '../../../src/outpost/run-begin';
import { counterFiles } from '../../../src/outpost/run-memory';
import { newestStart, readWords, say, wordsFile } from '../../../src/outpost/run-words';
import type { EndedWord, StartedWord } from '../../../src/outpost/words';
import { noSmallDisk, SmallDisk } from '../../helpers/small-disk';

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'reprise-outpost-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

const started = (attempt: number): StartedWord => ({ event: 'started', attempt, time: 1, host: 'node-1', pid: 7, startTime: 's', runtime: { platform: 'linux', arch: 'x64', cpuFlags: [] } });
const ended: EndedWord = { event: 'ended', attempt: 1, time: 2, exitCode: 0, signal: null, outOfMemory: false, wasStopped: false, problem: null };

describe('the words of an outpost', () => {
  it('are read in their order, without what was cut off', () => {
    const runFolder = folder();
    expect(readWords(runFolder)).toEqual([]);
    say(runFolder, started(1));
    appendFileSync(wordsFile(runFolder), '{"event":"ended","atte');
    say(runFolder, ended);
    say(runFolder, started(2));
    expect(readWords(runFolder)).toEqual([started(1), ended, started(2)]);
    expect(newestStart(readWords(runFolder))).toEqual(started(2));
    expect(readFileSync(wordsFile(runFolder), 'utf8').split('\n')).toHaveLength(5);
  });

  it.skipIf(noSmallDisk !== null)('are told as not written where the disk is full, and are written once there is room', () => {
    const disk = new SmallDisk(1);
    disk.fill();
    let thrown: unknown;
    try {
      say(disk.folder, ended);
    } catch (error) {
      thrown = error;
    }
    expect(isDiskFull(thrown)).toBe(true);
    disk.clear();
    say(disk.folder, ended);
    expect(readWords(disk.folder)).toEqual([ended]);
  });
});

describe('an attempt', () => {
  it('is not kept from its log by what was on a node that cannot be looked at', async () => {
    const runFolder = folder();
    const log = path.join(runFolder, RUN_FILES.events);
    const elsewhere = { ...ownIdentity(), host: 'gone', boot: 'another', namespace: 'pid:[1]' };
    for (const file of [ownerFile(log), path.join(runFolder, RUN_FILES.worker)]) writeFileSync(file, JSON.stringify(elsewhere));
    writeFileSync(path.join(runFolder, 'stop'), '');
    await makeWay(runFolder);
    expect([ownerFile(log), path.join(runFolder, RUN_FILES.worker), path.join(runFolder, 'stop')].filter((file) => existsSync(file))).toEqual([]);
  });
});

describe('the files that count what ran out of memory', () => {
  it('are those of the own group, of the whole job for Slurm, in either version', () => {
    expect(counterFiles('0::/user.slice/session-2.scope\n', '/c')).toEqual(['/c/user.slice/session-2.scope/memory.events', '/c/memory.events']);
    expect(counterFiles('0::/system.slice/slurmstepd.scope/job_12/step_batch/user/task_0\n', '/c')[0]).toBe('/c/system.slice/slurmstepd.scope/job_12/memory.events');
    expect(counterFiles('9:cpu,cpuacct:/x\n4:memory:/slurm/uid_0/job_3/step_batch/task_0\n', '/c')).toEqual(['/c/memory/slurm/uid_0/job_3/memory.oom_control', '/c/memory/memory.oom_control']);
    expect(counterFiles('', '/c')).toEqual([]);
  });
});
