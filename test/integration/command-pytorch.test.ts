/**
 * A researcher's own PyTorch script, unedited, from a repository with changes that are not committed and files that git
 * does not know: as an ablation over learning rates and seeds, and again from what was stored of its code.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { restoreSnapshot } from '../../src/provenance/restore';
import { ask, engineOn, look, Project, recordsOf, runOnce } from '../helpers/commands';
import { pythonWith } from '../helpers/trackers';

const torch = process.env['REPRISE_PYTHON'] !== undefined && (process.env['REPRISE_JUDGES'] ?? '').split(',').includes('torch') ? process.env['REPRISE_PYTHON'] : null;
const tensorboard = pythonWith('TRACKERS', 'tensorboard');
const wandb = pythonWith('TRACKERS', 'wandb');
const mlflow = pythonWith('MLFLOW3', 'mlflow');
if (torch === null) console.warn('SKIPPED: no torch (REPRISE_PYTHON, REPRISE_JUDGES): no PyTorch script is run as an ablation.');
for (const [name, python] of Object.entries({ tensorboard, wandb, mlflow })) if (python === null) console.warn(`SKIPPED: no ${name}: a command that logs to it is not run.`);

const TRAIN = `
import argparse
import torch
from net import make_net

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=5)
args = parser.parse_args()

torch.manual_seed(args.seed)
torch.set_num_threads(1)
generator = torch.Generator().manual_seed(7)
x = torch.randn(256, 4, generator=generator)
y = (x[:, :2].sum(1) > 0).long()
net = make_net()
optimizer = torch.optim.SGD(net.parameters(), lr=args.lr)
for epoch in range(args.epochs):
    for batch in torch.randperm(192).split(32):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val = torch.nn.functional.cross_entropy(net(x[192:]), y[192:]).item()
    print(f"epoch {epoch}: train loss {loss.item():.6f}, val loss {val!r}")
torch.save(net.state_dict(), "model.pt")
`;
const NET = 'import torch\n\ndef make_net():\n    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))\n';

describe.skipIf(torch === null)('a PyTorch script', () => {
  it('runs as an ablation from a dirty repository without an edit, and again from its stored code', async () => {
    const python = torch ?? '';
    const project = new Project({ 'train.py': TRAIN.replace('torch.set_num_threads(1)', 'pass'), 'README.md': 'The experiment.\n', '.gitignore': '*.pt\n' });
    project.commit();
    project.write('train.py', TRAIN);
    project.write('net.py', NET);
    const study = project.write('studies/lr.yaml', JSON.stringify({
      experiment: 'torch',
      baseline: {
        // Not committed, as everything here but the first draft of the script.
        task: {
          command: [python, '../train.py', '--lr', '{lr}', '--seed', '{seed}'],
          metrics: { patterns: [{ pattern: 'epoch (?<step>\\d+): train loss (?<value>\\S+),', key: 'train/loss' }, { pattern: 'epoch (?<step>\\d+): .*val loss (?<value>\\S+)', key: 'val/loss' }] },
          outputs: ['*.pt'],
        },
        params: { lr: 0.1 },
        selection: { metric: 'val/loss', goal: 'minimize' },
      },
      seeds: [1, 2, 3],
      factors: [{ path: 'params.lr', levels: [0.01, 0.5] }],
    }));
    const engine = await engineOn(project.workspace);
    const { runs, plan } = await ask(engine, 'studies.start', { study });
    expect(plan.variants.map(({ name }) => name)).toEqual(['baseline', 'lr=0.01', 'lr=0.5']);
    const results = await ask(engine, 'runs.wait', { runs: runs.map(({ run }) => run) });
    expect(results.map(({ status, error }) => [status, error])).toEqual(Array.from({ length: 9 }, () => ['finished', null]));
    const values = new Set(results.map(({ metrics }) => metrics?.['val/loss']));
    expect(values.size).toBe(9);

    const [first] = results;
    const runId = first?.run ?? '';
    const { manifest, files, steps } = await look(project.workspace, (store) => ({ manifest: store.manifest(runId), files: store.files(runId), steps: [...store.points(runId, 'val/loss').steps] }));
    expect(steps).toEqual([0, 1, 2, 3, 4]);
    expect(files.map(({ path }) => path)).toEqual(['model.pt']);
    if (manifest.kind !== 'command') throw new Error('it is no command');
    const { git, code, python: environment } = manifest.provenance;
    expect(git).toMatchObject({ dirty: true });
    expect(git?.untracked.map(({ path }) => path)).toEqual(['net.py', 'studies/lr.yaml']);
    expect(environment?.torch?.version).toMatch(/^\d/u);
    expect(code?.complete).toBe(true);
    expect(await ask(engine, 'compare.experiment', { experiment: 'torch' })).toMatchObject({ metric: 'val/loss', variants: [{ n: 3 }, { n: 3 }, { n: 3 }] });

    // What the person goes on to do changes nothing of what was stored.
    project.write('net.py', 'raise SystemExit("another day")\n');
    const elsewhere = join(project.workspace, 'restored');
    await restoreSnapshot(project.workspace, code?.snapshot ?? '', elsewhere);
    expect(readFileSync(join(elsewhere, 'net.py'), 'utf8')).toBe(NET);
    const again = execFileSync(python, ['../train.py', '--lr', '0.1', '--seed', '1'], { cwd: join(elsewhere, 'studies'), encoding: 'utf8' });
    expect(Number(/epoch 4: .*val loss (\S+)/u.exec(again)?.[1])).toBe(first?.metrics?.['val/loss']);
  }, 180_000);
});

describe('a script that knows a tracker only', () => {
  it.skipIf(tensorboard === null)('is heard by its TensorBoard files, and those of older runs are left out', async () => {
    const project = new Project({ 'train.py': 'from torch.utils.tensorboard import SummaryWriter\nwith SummaryWriter("runs/now") as writer:\n  for step in range(20): writer.add_scalar("Loss/train", 1 / (step + 1), step)\n' });
    const old = 'from torch.utils.tensorboard import SummaryWriter\nwith SummaryWriter("runs/old") as writer: writer.add_scalar("Loss/old", 5, 0)\n';
    execFileSync(tensorboard ?? '', ['-c', old], { cwd: project.folder });
    const engine = await engineOn(project.workspace);
    const { run, result } = await runOnce(engine, project.config({ task: { command: [tensorboard, 'train.py'] } }));
    expect(run.status).toBe('finished');
    const keys = await look(project.workspace, (store) => store.seriesKeys(run.runId).filter((key) => !key.startsWith('system/')));
    expect(keys).toEqual(['Loss/train']);
    expect(result.metrics).toMatchObject({ 'Loss/train': expect.closeTo(0.05, 6) });
  }, 60_000);

  it.skipIf(wandb === null)('is heard by its W&B log, offline', async () => {
    const project = new Project({ 'train.py': 'import wandb\nrun = wandb.init(project="p", config={"depth": 3})\nfor step in range(10): wandb.log({"loss": 1 / (step + 1)})\nrun.finish()\n' });
    const engine = await engineOn(project.workspace);
    const { run, result } = await runOnce(engine, project.config({ task: { command: [wandb, 'train.py'] } }));
    expect(run).toMatchObject({ status: 'finished', errorMessage: null });
    expect(result.metrics).toMatchObject({ loss: 0.1 });
    const { params, points } = await look(project.workspace, (store) => ({ params: store.runData([run.runId])[0]?.params, points: store.points(run.runId, 'loss').values.length }));
    expect(params).toMatchObject({ depth: '3', seed: '1' });
    expect(points).toBe(10);
  }, 90_000);

  it.skipIf(mlflow === null)('is heard by the tracking server, in its own run', async () => {
    const project = new Project({ 'train.py': 'import mlflow\nmlflow.set_experiment("mine")\nwith mlflow.start_run():\n  mlflow.log_param("depth", 3)\n  for step in range(5): mlflow.log_metric("loss", 1 / (step + 1), step=step)\n' });
    const engine = await engineOn(project.workspace);
    const { run, result } = await runOnce(engine, project.config({ task: { command: [mlflow, 'train.py'] }, params: {} }));
    expect(run).toMatchObject({ status: 'finished', errorMessage: null, experiment: 'commands' });
    expect(result.metrics).toMatchObject({ loss: 0.2 });
    expect((await ask(engine, 'runs.list', {})).length).toBe(1);
    expect(recordsOf(project.workspace, run.runId).map(({ type }) => type)).toContain('params');
  }, 90_000);
});
