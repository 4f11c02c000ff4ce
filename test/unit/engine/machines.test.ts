/** What a workspace knows of other machines: read with care, written whole. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addMachine, checkMachine, forgetMachine, machineNamed, machineOfKind, readMachines } from '../../../src/engine/machines';

const HOST_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0pVwVYwZ9n4Y4n1mVn0fQ5m5qg1h0y8kq4p0bq1abc';
const REMOTE = { kind: 'ssh', ssh: { host: 'gpu.example', user: 'alice', hostKey: HOST_KEY } };

let workspace: string;
beforeEach(() => {
  workspace = mkdtempSync(join(tmpdir(), 'reprise-machines-'));
});
afterEach(() => rmSync(workspace, { recursive: true, force: true }));

const file = (): string => join(workspace, 'machines.json');

describe('machines.json', () => {
  it('is made by the first machine, for its owner alone, and keeps what was said', async () => {
    expect(readMachines(workspace)).toEqual({});
    await addMachine(workspace, 'gpu', REMOTE, false);
    await addMachine(workspace, 'cluster', { kind: 'slurm', defaults: { partition: 'gpu', time: '2:00:00' }, mostRuns: 500 }, false);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(Object.keys(readMachines(workspace))).toEqual(['cluster', 'gpu']);
    expect(machineNamed(workspace, 'gpu')).toMatchObject({ kind: 'ssh', folder: '~/.reprise', ssh: { host: 'gpu.example', port: 22, hostKey: HOST_KEY, jump: [] } });
    expect(machineNamed(workspace, 'cluster')).toMatchObject({ mostRuns: 500, defaults: { partition: 'gpu' } });
  });

  it('lets no machine overwrite another unless told', async () => {
    await addMachine(workspace, 'gpu', REMOTE, false);
    await expect(addMachine(workspace, 'gpu', { kind: 'docker' }, false)).rejects.toMatchObject({ code: 'MACHINE_EXISTS' });
    expect(machineNamed(workspace, 'gpu').kind).toBe('ssh');
    await addMachine(workspace, 'gpu', { kind: 'docker' }, true);
    expect(machineNamed(workspace, 'gpu')).toMatchObject({ kind: 'docker', host: 'unix:///var/run/docker.sock' });
  });

  it('names the known machines where one is not known, or is of another kind', async () => {
    await addMachine(workspace, 'gpu', REMOTE, false);
    expect(() => machineNamed(workspace, 'cpu')).toThrow(expect.objectContaining({ code: 'MACHINE_UNKNOWN', hint: expect.stringContaining('gpu') }));
    // A name that every object has is no machine.
    expect(() => machineNamed(workspace, 'constructor')).toThrow(expect.objectContaining({ code: 'MACHINE_UNKNOWN' }));
    expect(() => machineOfKind(workspace, 'gpu', 'slurm')).toThrow(expect.objectContaining({ code: 'MACHINE_KIND', hint: expect.stringContaining('executor.kind to ssh') }));
    expect(machineOfKind(workspace, 'gpu', 'ssh').ssh.host).toBe('gpu.example');
  });

  it('forgets one machine and keeps the others', async () => {
    await addMachine(workspace, 'gpu', REMOTE, false);
    await addMachine(workspace, 'box', { kind: 'docker' }, false);
    await forgetMachine(workspace, 'gpu');
    expect(Object.keys(readMachines(workspace))).toEqual(['box']);
    await expect(forgetMachine(workspace, 'gpu')).rejects.toMatchObject({ code: 'MACHINE_UNKNOWN' });
  });

  it('is refused whole where a person broke it, with the place of the mistake, and is not overwritten', async () => {
    for (const [text, part] of [
      ['{', 'is not JSON'],
      ['{"format":1,"machines":{"gpu":{"kind":"ssh"}}}', 'machines.gpu.ssh'],
      ['{"format":1,"machines":{"gpu":{"kind":"docker","password":"x"}}}', 'machines.gpu.password'],
      ['{"format":2,"machines":{}}', 'format'],
    ] as const) {
      writeFileSync(file(), text);
      expect(() => readMachines(workspace)).toThrow(expect.objectContaining({ code: 'MACHINES_INVALID', message: expect.stringContaining(part) }));
      await expect(addMachine(workspace, 'box', { kind: 'docker' }, false)).rejects.toMatchObject({ code: 'MACHINES_INVALID' });
      expect(readFileSync(file(), 'utf8')).toBe(text);
    }
  });
});

describe('a machine that is added', () => {
  it('needs a name, the key of its host, and defaults that its configs could have', () => {
    const problemsOf = (name: string, input: unknown): string[] => {
      try {
        checkMachine(name, input);
        return [];
      } catch (error) {
        return (error as { problems: { path: string }[] }).problems.map(({ path }) => path);
      }
    };
    expect(problemsOf('gpu', REMOTE)).toEqual([]);
    expect(problemsOf('a b', REMOTE)).toEqual(['name']);
    expect(problemsOf('local', REMOTE)).toEqual(['name']);
    expect(problemsOf('gpu', { kind: 'ssh', ssh: { host: 'gpu.example' } })).toEqual(['ssh.hostKey']);
    expect(problemsOf('gpu', { ...REMOTE, defaults: { partition: 'gpu' } })).toEqual(['defaults.partition']);
    expect(problemsOf('gpu', { ...REMOTE, defaults: { machine: 'other' } })).toEqual(['defaults.machine']);
    expect(problemsOf('box', { kind: 'docker', defaults: { image: 'pytorch/pytorch:2.5.1', memory: '8g' } })).toEqual([]);
    expect(problemsOf('box', { kind: 'docker', host: 'box.example' })).toEqual(['host']);
  });
});
