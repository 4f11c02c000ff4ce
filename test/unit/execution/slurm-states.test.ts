import { describe, expect, test } from 'vitest';
import { formatJob, numberOf, parseJob, parseSacct, parseScontrol, parseSqueue } from '../../../src/execution/slurm/jobs';
import { exitOf, notableReason, standingOf } from '../../../src/execution/slurm/states';

describe('states of Slurm', () => {
  test.each([
    ['PENDING', { phase: 'waiting' }],
    ['CONFIGURING', { phase: 'waiting' }],
    ['REQUEUED', { phase: 'waiting' }],
    ['REQUEUE_HOLD', { phase: 'waiting' }],
    ['SPECIAL_EXIT', { phase: 'waiting' }],
    ['RUNNING', { phase: 'there' }],
    ['COMPLETING', { phase: 'there' }],
    ['SUSPENDED', { phase: 'there' }],
    ['COMPLETED', { phase: 'over', end: 'completed' }],
    ['FAILED', { phase: 'over', end: 'failed' }],
    ['CANCELLED by 1000', { phase: 'over', end: 'cancelled' }],
    ['CANCELLED+', { phase: 'over', end: 'cancelled' }],
    ['TIMEOUT', { phase: 'over', end: 'time-limit' }],
    ['DEADLINE', { phase: 'over', end: 'deadline' }],
    ['OUT_OF_MEMORY', { phase: 'over', end: 'out-of-memory' }],
    ['NODE_FAIL', { phase: 'over', end: 'node-failed' }],
    ['BOOT_FAIL', { phase: 'over', end: 'node-failed' }],
    ['PREEMPTED', { phase: 'over', end: 'preempted' }],
    ['A_WORD_OF_TOMORROW', { phase: 'unknown' }],
    ['', { phase: 'unknown' }],
    ['constructor', { phase: 'unknown' }],
  ])('%s', (state, standing) => {
    expect(standingOf(state)).toEqual(standing);
  });

  test('only what somebody should do something about is worth a word', () => {
    expect(['None', 'Priority', 'Resources', 'JobArrayTaskLimit', 'Dependency'].map(notableReason)).toEqual([null, null, null, null, null]);
    expect(['JobHeldUser', 'DependencyNeverSatisfied', 'ReqNodeNotAvail, UnavailableNodes:node[1-2]'].map(notableReason)).toEqual(['JobHeldUser', 'DependencyNeverSatisfied', 'ReqNodeNotAvail, UnavailableNodes:node[1-2]']);
  });

  test('an exit is a pair, or the number of wait(2)', () => {
    expect([exitOf('3:0'), exitOf('0:15'), exitOf('768'), exitOf('9'), exitOf('N/A'), exitOf('')]).toEqual([{ exitCode: 3, signal: 0 }, { exitCode: 0, signal: 15 }, { exitCode: 3, signal: 0 }, { exitCode: 0, signal: 9 }, null, null]);
  });
});

describe('names of jobs', () => {
  test('say cluster, number and submission, there and back', () => {
    const job = { cluster: 'big cluster', id: 12, index: 3, token: 'a1b2' };
    expect(formatJob(job)).toBe('big cluster/12_3/a1b2');
    expect(parseJob(formatJob(job))).toEqual(job);
    expect(parseJob(formatJob({ ...job, index: null }))).toEqual({ ...job, index: null });
    expect([numberOf(job), numberOf({ id: 7, index: null })]).toEqual(['12_3', '7']);
  });

  test('of a container or of another time are none', () => {
    expect(['', '12', 'x/12', 'sha256:abc/def', 'x/12_/t', 'x/12_3/'].map(parseJob)).toEqual([null, null, null, null, null, null]);
  });
});

describe('what commands print (Slurm 22.05)', () => {
  test('squeue tells of waiting, running and ended jobs, arrays or not', () => {
    const text = [
      '12|0|RUNNING|node1|/b/jobs/t1|None',
      '12|1|PENDING|n/a|/b/jobs/t1|JobArrayTaskLimit',
      '13|N/A|TIMEOUT|node2|/b/jobs/t 2|TimeLimit',
      '14|N/A|PENDING|n/a|/b/jobs/t3|ReqNodeNotAvail, UnavailableNodes:a|b',
      'slurm_load_jobs error: Invalid job id specified',
      '',
    ].join('\n');
    expect(parseSqueue(text)).toEqual([
      { number: '12_0', standing: { phase: 'there' }, state: 'RUNNING', reason: '', node: 'node1', exit: null, by: null, folder: '/b/jobs/t1' },
      { number: '12_1', standing: { phase: 'waiting' }, state: 'PENDING', reason: 'JobArrayTaskLimit', node: null, exit: null, by: null, folder: '/b/jobs/t1' },
      { number: '13', standing: { phase: 'over', end: 'time-limit' }, state: 'TIMEOUT', reason: 'TimeLimit', node: 'node2', exit: null, by: null, folder: '/b/jobs/t 2' },
      { number: '14', standing: { phase: 'waiting' }, state: 'PENDING', reason: 'ReqNodeNotAvail, UnavailableNodes:a|b', node: null, exit: null, by: null, folder: '/b/jobs/t3' },
    ]);
  });

  test('scontrol tells of exit codes, and values with spaces do not run over', () => {
    const text = [
      'JobId=6 ArrayJobId=2 ArrayTaskId=3 ArrayTaskThrottle=2 JobName=we "ird JobState=FAILED Reason=NonZeroExitCode Dependency=(null) Requeue=1 Restarts=0 ExitCode=3:0 RunTime=00:00:20 NodeList=node2 BatchHost=node2 TRES=cpu=1,node=1 WorkDir=/tmp/slurm try/x Comment=JobState=RUNNING of old StdErr=/tmp/o-3.out Power= ',
      'JobId=2 ArrayJobId=2 ArrayTaskId=4-9%2 JobName=x JobState=PENDING Reason=Dependency ExitCode=0:0 WorkDir=/tmp/x Power= ',
      'JobId=7 JobName=x JobState=RUNNING Reason=None ExitCode=0:0 BatchHost=node1 WorkDir=/tmp/y',
    ].join('\n');
    expect(parseScontrol(text)).toEqual([
      { number: '2_3', standing: { phase: 'over', end: 'failed' }, state: 'FAILED', reason: 'NonZeroExitCode', node: 'node2', exit: { exitCode: 3, signal: 0 }, by: null, folder: '/tmp/slurm try/x' },
      { number: '2', standing: { phase: 'waiting' }, state: 'PENDING', reason: 'Dependency', node: null, exit: null, by: null, folder: '/tmp/x' },
      { number: '7', standing: { phase: 'there' }, state: 'RUNNING', reason: '', node: 'node1', exit: null, by: null, folder: '/tmp/y' },
    ]);
  });

  test('sacct tells who cancelled a job, and of a requeued one the newest last', () => {
    const text = ['12_0|NODE_FAIL|0:0|node[01-04]|/b/jobs/t1', '12_0|CANCELLED by 1000|0:15|node[01-04,9]|/b/jobs/t1', '12_[1-4]|PENDING|0:0|None assigned|/b/jobs/t1', '13|COMPLETED|0:0|a,b|/b/jobs/t2', ''].join('\n');
    expect(parseSacct(text)).toEqual([
      expect.objectContaining({ number: '12_0', state: 'NODE_FAIL', by: null }),
      { number: '12_0', standing: { phase: 'over', end: 'cancelled' }, state: 'CANCELLED', reason: '', node: 'node01', exit: { exitCode: 0, signal: 15 }, by: '1000', folder: '/b/jobs/t1' },
      { number: '13', standing: { phase: 'over', end: 'completed' }, state: 'COMPLETED', reason: '', node: 'a', exit: { exitCode: 0, signal: 0 }, by: null, folder: '/b/jobs/t2' },
    ]);
    expect(parseSacct('Slurm accounting storage is disabled\n')).toEqual([]);
  });
});
