// Python judges: programs by other people that check what Reprise writes. Tests that need one are skipped, and say so,
// where it cannot be had.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, root, run, say, sha256, step, withLock } from './common.mjs';
import { ensurePythonVenv } from './system.mjs';

/** The version that runs are trained with: of the same bits only the same version is certain. */
const ownRuntime = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies['onnxruntime-node'];

/**
 * Environments of their own, each with the variables that tell tests of it and its judges: what pip installs for one and
 * how its presence is proved. PyTorch stands alone: it is large. `rocrate` brings the JSON-LD context that roc-validator
 * reads offline. Both generations of the MLflow client are in use, and cannot share an environment.
 */
const environments = [
  {
    name: 'judges',
    variables: { program: 'REPRISE_PYTHON', present: 'REPRISE_JUDGES' },
    judges: [
      { name: 'onnxruntime', packages: ['numpy', `onnxruntime==${ownRuntime}`, 'onnx', 'safetensors'], proof: 'import onnxruntime, onnx, safetensors, numpy' },
      { name: 'roc-validator', packages: ['roc-validator', 'rocrate==0.13.0'], proof: 'import rocrate_validator, rocrate' },
      { name: 'bagit', packages: ['bagit'], proof: 'import bagit' },
      { name: 'scipy', packages: ['numpy', 'scipy'], proof: 'import scipy.stats' },
      { name: 'torch', packages: ['torch==2.13.0'], proof: 'import torch' },
      { name: 'onnxscript', packages: ['torch==2.13.0', 'onnxscript==0.7.2'], proof: 'import onnxscript, onnx, torch.onnx' },
    ],
  },
  {
    name: 'trackers',
    variables: { program: 'REPRISE_PYTHON_TRACKERS', present: 'REPRISE_TRACKERS' },
    judges: [
      { name: 'torch', packages: ['numpy', 'torch==2.13.0'], proof: 'import torch' },
      { name: 'tensorboard', packages: ['tensorboard==2.21.0', 'pillow'], proof: 'import tensorboard, PIL; from torch.utils.tensorboard import SummaryWriter' },
      { name: 'wandb', packages: ['wandb==0.31.0'], proof: 'import wandb' },
      { name: 'tables', packages: ['pandas==3.0.6', 'pyarrow==24.0.0'], proof: 'import pandas, pyarrow.parquet' },
    ],
  },
  ...[
    { generation: 2, version: '2.22.5', others: ['sqlalchemy<2.1'] },
    // Models of scikit-learn are kept by skops unless a script says otherwise.
    { generation: 3, version: '3.17.2', others: ['sqlalchemy', 'skops'] },
  ].map(({ generation, version, others }) => ({
    name: `mlflow${generation}`,
    variables: { program: `REPRISE_PYTHON_MLFLOW${generation}`, present: `REPRISE_MLFLOW${generation}` },
    judges: [
      // SQLAlchemy and alembic are for the client's own store, which is what ours is compared with.
      { name: 'mlflow', packages: [`mlflow-skinny==${version}`, 'numpy', 'pandas<3', 'scikit-learn', 'alembic', ...others], proof: 'import mlflow, sklearn, sqlalchemy, pandas' },
    ],
  })),
];

/** What benchmarks measure beside: the whole of MLflow, with its server. */
const peers = {
  name: 'peers',
  variables: { program: 'REPRISE_PYTHON_PEERS', present: 'REPRISE_PEERS' },
  judges: [{ name: 'mlflow', packages: ['mlflow==3.17.2'], proof: 'import mlflow, mlflow.server, sqlalchemy' }],
};

const hour = 3600 * 1000;
const isWindows = process.platform === 'win32';
const programIn = (venv) => (isWindows ? join(venv, 'Scripts', 'python.exe') : join(venv, 'bin', 'python'));

/** A Python 3.10 or newer: its program and its version, or null. */
async function findPython() {
  for (const program of isWindows ? ['python', 'python3'] : ['python3', 'python']) {
    const { code, output } = await run(program, ['-c', 'import os, sys; print(sys.version_info[0], sys.version_info[1], os.path.realpath(sys.executable))']);
    const match = code === 0 ? /^(\d+) (\d+) (.+)$/m.exec(output) : null;
    if (match && (Number(match[1]) > 3 || (Number(match[1]) === 3 && Number(match[2]) >= 10))) return { program: match[3].trim(), version: `${match[1]}.${match[2]}` };
  }
  return null;
}

const reason = (output) => {
  const lines = output.split('\n').map((line) => line.trim()).filter(Boolean);
  return (lines.findLast((line) => /^error/i.test(line)) ?? lines.at(-1) ?? 'no reason given').replace(/^error:\s*/i, '').slice(0, 160);
};

/**
 * Makes a virtual environment of every kind with every judge that can be had. What could not be had is tried again after
 * an hour.
 * @returns {Promise<{env: Record<string, string>, skipped: {name: string, reason: string}[]}>} env has, for each
 *   environment with a judge, its program and the judges it has, with commas (REPRISE_PYTHON, REPRISE_JUDGES, …)
 */
export function ensureJudges() {
  return ensureAll(environments);
}

/** The same for what benchmarks measure beside. */
export function ensurePeers() {
  return ensureAll([peers]);
}

async function ensureAll(wanted) {
  await ensurePythonVenv();
  const python = await findPython();
  const found = [];
  for (const environment of wanted) found.push(await ensureEnvironment(environment, python));
  return { env: Object.assign({}, ...found.map(({ env }) => env)), skipped: found.flatMap(({ skipped }) => skipped) };
}

async function ensureEnvironment({ name: environment, variables, judges }, python) {
  const skipAll = (why) => ({ env: {}, skipped: judges.map(({ name }) => ({ name, reason: why })) });
  if (python === null) return skipAll('there is no Python 3.10 or newer on PATH');
  const key = sha256(JSON.stringify([judges, python])).slice(0, 16);
  const venv = join(cacheFolder(), `${environment}-python${python.version}-${key}`);
  const stamp = join(venv, 'judges.json');
  const load = () => (existsSync(stamp) ? JSON.parse(readFileSync(stamp, 'utf8')) : { present: [], failed: {} });
  const due = ({ present, failed }) => judges.filter(({ name }) => !present.includes(name) && !(failed[name] && Date.now() - failed[name].at < hour));

  if (due(load()).length > 0) {
    await withLock(join(cacheFolder(), 'judges.lock'), async () => {
      const state = load();
      if (due(state).length === 0) return;
      if (!existsSync(stamp)) {
        rmSync(venv, { recursive: true, force: true });
        mkdirSync(cacheFolder(), { recursive: true });
        const made = await run(python.program, ['-m', 'venv', venv]);
        if (made.code !== 0) {
          rmSync(venv, { recursive: true, force: true });
          say(`[set-up] Python's venv could not be made: ${reason(made.output)}`);
          return;
        }
      }
      for (const { name, packages, proof } of due(state)) {
        const mayTake = name === 'torch' ? '200 MB, or some GB where only the CUDA build is offered; up to 30 min' : 'about 30 s';
        await step(`Installing the judge ${name} into a Python environment of its own`, mayTake, async () => {
          const installed = await run(programIn(venv), ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--progress-bar', 'off', '--retries', '2', ...packages], {
            timeoutMs: name === 'torch' ? 30 * 60_000 : 5 * 60_000,
          });
          const proved = installed.code === 0 ? await run(programIn(venv), ['-c', proof]) : installed;
          if (proved.code === 0) {
            state.present.push(name);
            delete state.failed[name];
          } else {
            state.failed[name] = { at: Date.now(), reason: proved.timedOut ? 'pip took too long' : reason(proved.output) };
          }
          writeFileSync(stamp, JSON.stringify(state, null, 2));
        });
      }
    });
  }
  if (!existsSync(stamp)) return skipAll('a Python environment could not be made');
  const state = load();
  const present = judges.map(({ name }) => name).filter((name) => state.present.includes(name));
  const skipped = Object.entries(state.failed).map(([name, { reason: why, at }]) => ({ name, reason: `${why} (tried again after ${Math.max(1, Math.ceil((hour - (Date.now() - at)) / 60_000))} min)` }));
  return { env: present.length > 0 ? { [variables.program]: programIn(venv), [variables.present]: present.join(',') } : {}, skipped };
}
