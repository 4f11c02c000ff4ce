/** A machine as it is typed into the window's form. */
import { describe, expect, it } from 'vitest';
import { EMPTY, hostsOf, machineOf, obstacle, parseHost, type Draft } from '../../../renderer/views/machines/machine-words';
import { checkMachine } from '../../../src/engine/machines';

const HOST_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0pVwVYwZ9n4Y4n1mVn0fQ5m5qg1h0y8kq4p0bq1abc';
const draft = (change: Partial<Draft>): Draft => ({ ...EMPTY, name: 'far', ...change });

describe('the form of a machine', () => {
  it('reads hosts as people write them', () => {
    expect(parseHost('ada@gpu.example:2222', '')).toEqual({ user: 'ada', host: 'gpu.example', port: 2222 });
    expect(parseHost('gpu', ' ~/.ssh/key ')).toEqual({ host: 'gpu', identityFile: '~/.ssh/key' });
    expect(parseHost('ada@[fe80::1]:22', '')).toEqual({ user: 'ada', host: 'fe80::1', port: 22 });
    expect(parseHost('a b', '')).toBeNull();
    expect(hostsOf(draft({ ssh: 'ada@far', jump: 'gate1, gate2:23' }))).toEqual([{ host: 'gate1' }, { host: 'gate2', port: 23 }, { user: 'ada', host: 'far' }]);
    expect(hostsOf(draft({ kind: 'slurm' }))).toEqual([]);
  });

  it('says what is missing before anybody is asked', () => {
    expect(obstacle(EMPTY)).toBe('Give it a name.');
    expect(obstacle(draft({}))).toBe('Name the host, as user@host.');
    expect(obstacle(draft({ ssh: 'a b' }))).toContain('user@host');
    expect(obstacle(draft({ kind: 'docker', mostRuns: 'many' }))).toContain('whole number');
    expect(obstacle(draft({ kind: 'slurm', defaults: 'partition' }))).toContain('partition has no value');
    expect(obstacle(draft({ kind: 'slurm', defaults: 'partition=gpu\n' }))).toBeNull();
  });

  it('makes machines that the workspace takes', () => {
    const ssh = machineOf(draft({ ssh: 'ada@far', jump: 'gate', folder: '/scratch/reprise', mostRuns: '4', defaults: 'modules=["cuda/12"]\nvenv=~/venv' }), [HOST_KEY, HOST_KEY]);
    expect(checkMachine('far', ssh)).toMatchObject({ kind: 'ssh', folder: '/scratch/reprise', mostRuns: 4, defaults: { modules: ['cuda/12'], venv: '~/venv' }, ssh: { user: 'ada', host: 'far', jump: [{ host: 'gate', hostKey: HOST_KEY }] } });
    expect(checkMachine('far', machineOf(draft({ kind: 'docker' }), []))).toMatchObject({ kind: 'docker', host: 'unix:///var/run/docker.sock', defaults: {} });
    expect(checkMachine('far', machineOf(draft({ kind: 'slurm', host: 'left over', defaults: 'time=2:00:00' }), []))).toMatchObject({ kind: 'slurm', defaults: { time: '2:00:00' } });
  });
});
