/** Other machines from the command line: made known, looked at, sent to, forgotten. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MachineTestView, MachineView } from '../../src/api/machines';
import type { RunResult } from '../../src/api/rows';
import { cli, cliJson, temporaryFolder } from '../helpers/cli';
import { DockerEngine, noDocker } from '../helpers/engines/docker';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let workspace: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  workspace = join(folder.path, 'workspace');
});
afterAll(() => folder.remove());

const inWorkspace = (...args: string[]): string[] => [...args, '--workspace', workspace];
const rowOf = ({ checks }: MachineTestView, name: string) => checks.find((check) => check.name === name);

describe('machines that are described wrongly', () => {
  it('leave no workspace behind, and are told with what is known', async () => {
    expect((await cli(inWorkspace('machine', 'list'))).stdout).toContain('No machine besides this one is known');
    const config = await folder.write('task.yaml', 'task: { command: [sh, -c, "echo hi"] }\n');
    for (const [args, code, part] of [
      [['machine', 'add', 'box', 'podman'], 'USAGE', 'docker, ssh or slurm'],
      [['machine', 'add', 'box', 'ssh'], 'USAGE', '--ssh'],
      [['machine', 'add', 'box', 'docker', '--set', 'partition=gpu'], 'MACHINE_INVALID', 'defaults.partition'],
      [['machine', 'add', 'local', 'docker'], 'MACHINE_INVALID', 'this machine itself'],
      [['machine', 'test', 'box'], 'MACHINE_UNKNOWN', 'No machine is known yet'],
      [['run', config, '--on', 'box'], 'MACHINE_UNKNOWN', '"box"'],
    ] as const) {
      const result = await cli(inWorkspace(...args));
      expect([result.code, result.stderr], result.stderr).toEqual([2, expect.stringContaining(code)]);
      expect(result.stderr).toContain(part);
    }
    expect(existsSync(join(workspace, 'runs'))).toBe(false);
  });

  it('say so where nobody answers, with exit code 1', async () => {
    await cliJson<MachineView>(inWorkspace('machine', 'add', 'nowhere', 'docker', '--host', `unix://${join(folder.path, 'no.sock')}`));
    const tested = await cliJson<MachineTestView>(inWorkspace('machine', 'test', 'nowhere'), 1);
    expect(tested.ok).toBe(false);
    expect(rowOf(tested, 'Connection')).toMatchObject({ status: 'missing', hint: expect.any(String) as string });
    const listed = (await cli(inWorkspace('machine', 'list'))).stdout;
    expect(listed).toMatch(/nowhere\s+docker\s+unix:\/\/\S+\s+lacks Connection, tested \d{4}-/u);
    expect(JSON.parse((await cli(inWorkspace('machine', 'remove', 'nowhere', '--json'))).stdout)).toEqual({ removed: 'nowhere' });
  });
});

describe.skipIf(noDocker !== null)('a Docker Engine as a machine', () => {
  let docker: DockerEngine;
  beforeAll(async () => {
    docker = await DockerEngine.start();
    await docker.image('box:1');
  });
  afterAll(() => docker?.stop());

  it('is known by name, and completes configs that are sent to it', async () => {
    const added = await cliJson<MachineView>(inWorkspace('machine', 'add', 'box', 'docker', '--host', `unix://${docker.socket}`, '--set', 'image=box:1', 'env={"WHERE":"box"}'));
    expect(added).toMatchObject({ name: 'box', kind: 'docker', defaults: { image: 'box:1', env: { WHERE: 'box' } }, test: null });
    expect(statSync(join(workspace, 'machines.json')).mode & 0o777).toBe(0o600);

    const config = await folder.write('hello.yaml', 'experiment: hello\ntask: { command: [sh, -c, "echo $WHERE; echo \'{\\"loss\\": 1}\'"] }\nseed: 1\n');
    const there = await cliJson<RunResult>(inWorkspace('run', config, '--on', 'box'));
    expect(there).toMatchObject({ status: 'finished', metrics: { loss: 1 } });
    const manifest = JSON.parse(readFileSync(join(workspace, 'runs', there.run, 'run.json'), 'utf8')) as { config: { executor: object }; provenance: { image: object; container: object } };
    expect(manifest.config.executor).toEqual({ kind: 'docker', machine: 'box', image: 'box:1', env: { WHERE: 'box' }, threads: 1 });
    expect(manifest.provenance).toMatchObject({ image: { name: 'box:1', id: expect.stringMatching(/^sha256:/u) as string }, container: { kind: 'docker', image: 'box:1' } });
    expect((await cli(inWorkspace('logs', there.run))).stdout).toMatch(/^box\n/u);

    // The same words on this machine are another computation: there is no such variable here, and no image.
    const here = await cliJson<RunResult>(inWorkspace('run', config, '--on', 'local'));
    expect(here.status).toBe('finished');
    const own = JSON.parse(readFileSync(join(workspace, 'runs', here.run, 'run.json'), 'utf8')) as { config: { executor: object } };
    expect(own.config.executor).toEqual({ kind: 'local', threads: 1 });
    expect(here.computeHash).not.toBe(there.computeHash);
    expect(here.configHash).not.toBe(there.configHash);
  });

  it('is looked at in one screen, and compared with what a config asks for', async () => {
    const tested = await cliJson<MachineTestView>(inWorkspace('machine', 'test', 'box'));
    expect(tested.checks.map(({ name }) => name)).toEqual(expect.arrayContaining(['Connection', 'Clock', 'Docker Engine', 'Operating system', 'Processor', 'Memory', 'GPU']));
    const modest = await folder.write('modest.yaml', 'task: { command: [sh, -c, "true"] }\nseed: 1\nenvironment: { os: linux, memoryGb: 0.1, container: "box:1" }\n');
    const met = await cliJson<MachineTestView>(inWorkspace('machine', 'test', 'box', '--config', modest));
    expect(rowOf(met, 'Image')).toMatchObject({ status: 'ok', found: expect.stringContaining('sha256:') as string });
    expect(rowOf(met, 'Asked: container')).toMatchObject({ status: 'ok' });
    const greedy = await folder.write('greedy.yaml', 'task: { command: [sh, -c, "true"] }\nseed: 1\nenvironment: { memoryGb: 1000000, levels: { memoryGb: error } }\n');
    const unmet = await cliJson<MachineTestView>(inWorkspace('machine', 'test', 'box', '--config', greedy), 1);
    expect(rowOf(unmet, 'Asked: memoryGb')).toMatchObject({ status: 'missing', hint: expect.any(String) as string });
    // Nothing starts there then, either.
    expect((await cli(inWorkspace('run', greedy, '--on', 'box'))).stderr).toContain('ENVIRONMENT_MISMATCH');
    const threads = await folder.write('threads.yaml', 'task: { command: [sh, -c, "true"] }\nseed: 1\nexecutor: { threads: 250 }\n');
    expect((await cli(inWorkspace('run', threads, '--on', 'box'))).stderr).toContain('THREADS_EXCEED_CORES');
  });
});
