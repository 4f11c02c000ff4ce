/** Other machines from the command line: made known, looked at, sent to, forgotten. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { MachineTestView, MachineView } from '../../src/api/machines';
import type { ReproduceView, RunResult, StudyPlan } from '../../src/api/rows';
import { cli, cliJson, smallConfig, temporaryFolder } from '../helpers/cli';
import { DockerEngine, noDocker } from '../helpers/engines/docker';
import { noSlurm, SlurmCluster } from '../helpers/engines/slurm';
import { noSshd, Sshd } from '../helpers/engines/sshd';

vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

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

  it('makes bundles that reproduce in the recorded image where Docker is here, and say what is missing where it is not', async () => {
    await cliJson<MachineView>(inWorkspace('machine', 'add', 'box', 'docker', '--host', `unix://${docker.socket}`, '--set', 'image=box:1', 'env={"WHERE":"box"}', '--replace'));
    const config = await folder.write('sum.yaml', 'experiment: sum\nauthor: Ada\ntask: { command: [sh, sum.sh, "{n}"], outputs: [total.txt] }\nparams: { n: 100 }\nseed: 1\n');
    await folder.write('sum.sh', 'total=0; for i in $(seq $1); do total=$((total + i)); echo "{\\"total\\": $total, \\"step\\": $i}"; done; echo $total $WHERE > total.txt\n');
    const there = await cliJson<RunResult>(inWorkspace('run', config, '--on', 'box'));
    expect(there).toMatchObject({ status: 'finished', metrics: { total: 5050 } });
    const bundle = join(folder.path, 'sum.crate.zip');
    const exported = await cliJson<{ digest: string }>(inWorkspace('export', there.run, '-o', bundle, '--license', 'CC0-1.0'));
    const again = ['reproduce', bundle, '--trust', exported.digest, '--workspace', join(folder.path, 'elsewhere')];
    const same = await cliJson<ReproduceView>(again);
    expect(same.verdict, JSON.stringify(same)).toBe('identical');
    const without = await cli([...again, '--json'], { env: { DOCKER_HOST: `unix://${join(folder.path, 'no.sock')}` } });
    const told = JSON.parse(without.stdout) as ReproduceView;
    // The shell of this machine counts to the same number; what it was not is said.
    expect(told.verdict).toBe('identical');
    expect(told.runs[0]?.sentence).toMatch(/Its place was another: it ran in the image box:1 \(sha256:\w+\), which cannot be had here/u);
  });
});

describe.skipIf(noSshd !== null)('a machine over SSH', () => {
  let sshd: Sshd;
  beforeAll(async () => {
    sshd = await Sshd.start();
  });
  afterAll(() => sshd?.stop());

  it('is known by its key, and trains to the same bits under the same compute hash', async () => {
    const there = join(folder.path, 'there');
    const add = ['machine', 'add', 'far', 'ssh', '--ssh', `${userInfo().username}@127.0.0.1:${sshd.port}`, '--identity', sshd.identityFile, '--folder', there];
    const unconfirmed = await cli(inWorkspace(...add));
    expect([unconfirmed.code, unconfirmed.stderr]).toEqual([2, expect.stringContaining('HOST_KEY_UNCONFIRMED')]);
    const fingerprint = /SHA256:\S+/u.exec(unconfirmed.stderr)?.[0]?.replace(/[;.]$/u, '') ?? '';
    const wrong = await cli(inWorkspace(...add, '--fingerprint', `SHA256:${'A'.repeat(43)}`));
    expect(wrong.stderr).toContain('HOST_KEY_MISMATCH');
    const added = await cliJson<MachineView>(inWorkspace(...add, '--fingerprint', fingerprint));
    expect(added.hosts).toEqual([{ host: '127.0.0.1', port: sshd.port, user: userInfo().username, fingerprint }]);

    const tested = await cliJson<MachineTestView>(inWorkspace('machine', 'test', 'far'));
    expect(rowOf(tested, 'Programs of Reprise')).toMatchObject({ status: 'ok' });

    const config = await folder.write('small.yaml', smallConfig({ epochs: 2 }));
    const far = await cliJson<RunResult>(inWorkspace('run', config, '--on', 'far'));
    const here = await cliJson<RunResult>(inWorkspace('run', config, '--fresh'));
    expect(far).toMatchObject({ status: 'finished', weightsHash: here.weightsHash, computeHash: here.computeHash });
    expect(far.configHash).not.toBe(here.configHash);
    const bundle = join(folder.path, 'far.crate.zip');
    const { digest } = await cliJson<{ digest: string }>(inWorkspace('export', far.run, '-o', bundle, '--license', 'CC0-1.0', '--no-calibrate'));
    expect((await cliJson<ReproduceView>(['reproduce', bundle, '--trust', digest, '--workspace', join(folder.path, 'elsewhere')])).verdict).toBe('identical');
    const python = await folder.write('python.yaml', 'task: { command: [python3, -c, "print(1)"] }\nenvironment: { python: { version: ">=3.8" } }\nseed: 1\n');
    expect(rowOf(await cliJson<MachineTestView>(inWorkspace('machine', 'test', 'far', '--config', python)), 'Python of the command')).toMatchObject({ status: 'ok', found: expect.stringContaining('packages') as string });
  });
});

describe.skipIf(noSlurm !== null)('a cluster whose login host is this machine', () => {
  let cluster: SlurmCluster;
  beforeAll(async () => {
    cluster = await SlurmCluster.start();
  });
  afterAll(() => cluster?.stop());

  it('tells of its partitions, lets a node say what it is, and shows the script of an ablation before anything is sent', async () => {
    await cliJson<MachineView>(inWorkspace('machine', 'add', 'cluster', 'slurm', '--folder', join(folder.path, 'cluster'), '--set', 'time=0:05:00', '--most-runs', '100'));
    const tested = await cliJson<MachineTestView>(inWorkspace('machine', 'test', 'cluster'));
    expect(rowOf(tested, 'Partitions')?.found).toMatch(/^main\* \(up, 2 nodes of 8 cores/u);
    expect(rowOf(tested, 'Compute node')).toMatchObject({ status: 'ok', found: expect.stringMatching(/^\d+ cores/u) as string });
    const study = await folder.write('study.yaml', `experiment: spread\nseeds: [1, 2]\nfactors: [{ path: model.dropout, levels: [0] }]\nbaseline:\n${smallConfig().replace(/^(?:seed|experiment): .*\n/gmu, '').replace(/^/gmu, '  ').trimEnd()}\n`);
    const plan = await cliJson<StudyPlan>(inWorkspace('ablate', study, '--on', 'cluster', '--dry-run'));
    expect(plan.scripts).toEqual([{ machine: 'cluster', runs: plan.totalRuns - plan.reusedRuns, text: expect.stringContaining('#SBATCH --time=0:05:00') as string }]);
    expect((await cluster.run('squeue', '--noheader')).trim()).toBe('');
  });
});
