/** `replay.py` of a bundle of really trained runs; test/integration/replay.test.ts tries what it covers of a training. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { traceOfLog } from '../../src/bundle/event-log';
import type { TrainingRunInput } from '../../src/bundle/model';
import { extractBundle } from '../../src/bundle/open';
import { defaultTolerance } from '../../src/bundle/tolerance';
import { verifyBundle } from '../../src/bundle/verify';
import { writeBundle } from '../../src/bundle/write';
import type { ConfigInput } from '../../src/config/schema';
import type { ArtifactName } from '../../src/events/records';
import { alterLoss } from '../helpers/bundle-surgery';
import { canReplay, python, replay, type Replayed } from '../helpers/replay';
import { eventsFile, makeRun, trainHere } from '../helpers/worker-runs';
import { freshFolder } from '../unit/bundle/sample';

const judges = (process.env['REPRISE_JUDGES'] ?? '').split(',').map((name) => name.trim());

const CONFIGS: Readonly<Record<string, ConfigInput>> = {
  mlprun: {
    model: { kind: 'mlp', hidden: [16, 8], dropout: 0.25 },
    training: { learningRate: 0.01, batchSize: 32, epochs: 2, hashEvery: 7, optimizer: { kind: 'adamw' }, schedule: { kind: 'cosine', warmupSteps: 5 } },
    data: { kind: 'two-moons', samples: 500 },
    seed: 3,
    seeds: { order: 17 },
  },
  cnnrun: {
    model: { kind: 'cnn', channels: [4], hidden: [12], dropout: 0.1 },
    training: { learningRate: 0.05, batchSize: 24, epochs: 1, optimizer: { kind: 'sgd', momentum: 0.9 } },
    data: { kind: 'mnist', samples: 400 },
    seed: 8,
  },
};

async function train(workspace: string, runId: string, config: ConfigInput): Promise<{ readonly run: TrainingRunInput; readonly dataFile: string }> {
  const { folder, dataFile, manifest } = await makeRun(workspace, runId, config);
  const state = await trainHere({ folder, dataFile, manifest });
  const files = Object.fromEntries([...state.artifacts].map(([name, record]) => [name, join(folder, record.file)])) as Partial<Record<ArtifactName, string>>;
  return {
    dataFile,
    run: {
      manifest,
      status: state.status,
      startedAt: state.startedAt,
      endedAt: state.endedAt,
      totalSteps: state.totalSteps ?? 0,
      finalLoss: Number(state.finished?.finalLoss),
      bestLoss: Number(state.finished?.bestLoss),
      weightsHash: state.finished?.weightsHash ?? null,
      selectedStep: state.finished?.selectedStep ?? null,
      metrics: traceOfLog(state).metrics,
      files,
      eventLog: eventsFile({ folder, dataFile, manifest }),
      tolerance: defaultTolerance('Not calibrated: a test.'),
    },
  };
}

describe.skipIf(!canReplay)('replay.py of a bundle', () => {
  let folder: string;
  let bag: string;
  let runs: TrainingRunInput[];
  const replayed = (...args: readonly string[]): Promise<Replayed> => replay(join(bag, 'data', 'replay.py'), args);

  beforeAll(async () => {
    folder = await freshFolder();
    const workspace = join(folder, 'workspace');
    await mkdir(workspace);
    const trained = [];
    for (const [runId, config] of Object.entries(CONFIGS)) trained.push(await train(workspace, runId, config));
    runs = trained.map(({ run }) => run);
    const file = join(folder, 'real.crate.zip');
    await writeBundle(
      {
        name: 'real', description: '', license: 'CC0-1.0', createdAt: Date.UTC(2026, 0, 1), author: '', reprise: '0.1.0', runs, study: null,
        data: trained.map(({ run, dataFile }) => ({ ref: run.manifest.data, file: dataFile })),
        report: { markdown: '# Real\n', html: '<!doctype html><title>Real</title>\n' },
      },
      file,
    );
    expect((await verifyBundle(file)).problems).toEqual([]);
    bag = join(folder, 'bag');
    await extractBundle(file, bag);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each(Object.keys(CONFIGS))('repeats %s: batches, masks, losses, weights', async (runId) => {
    const { code, output, errors } = await replayed(runId);
    expect(errors).toBe('');
    expect(output).toContain(`identical: ${runs.find(({ manifest }) => manifest.runId === runId)?.totalSteps} losses`);
    expect(code).toBe(0);
  });

  it('needs no name where there is one run, and asks for one where there are more', async () => {
    expect(await replayed('--steps', '1')).toMatchObject({ code: 2, errors: expect.stringContaining('name one of these: ') });
    const only = join(folder, 'only');
    await cp(join(bag, 'data'), only, { recursive: true });
    for (const other of await readdir(join(only, 'runs'))) if (other !== 'mlprun') await rm(join(only, 'runs', other), { recursive: true });
    expect(await replay(join(only, 'replay.py'), ['--steps', '1'])).toMatchObject({ code: 0, output: expect.stringMatching(/^mlprun: \d+ steps, .*, 1 thread\n[^]*^identical: 1 loss and 1 hash of the weights$/mu) });
  });

  it('trains the first steps only where that is asked for', async () => {
    expect(await replayed('mlprun', '--steps', '9')).toMatchObject({ code: 0, output: expect.stringContaining('identical: 9 losses and 2 hashes') });
  });

  it('tells a loss within the tolerance of the bundle from one outside', async () => {
    const log = join(bag, 'data', 'runs', 'mlprun', 'events.log');
    const before = await readFile(log);
    try {
      await writeFile(log, alterLoss(before, 9, (loss) => Math.fround(loss * (1 + 1e-6))));
      expect(await replayed('mlprun')).toMatchObject({ code: 0, output: expect.stringContaining('from step 10 on\nwithin-tolerance') });
      await writeFile(log, alterLoss(before, 9, (loss) => loss + 0.25));
      expect(await replayed('mlprun')).toMatchObject({ code: 1, output: expect.stringContaining('diverged: step 10 is the first outside') });
      await writeFile(log, alterLoss(before, 9, () => Number.NaN));
      expect(await replayed('mlprun')).toMatchObject({ code: 1 });
    } finally {
      await writeFile(log, before);
    }
  });

  it.each(['order', 'noise'] as const)('does not repeat a run whose %s seed was changed', async (purpose) => {
    const file = join(bag, 'data', 'runs', 'mlprun', 'run.json');
    const before = await readFile(file, 'utf8');
    const manifest = JSON.parse(before) as { config: { seeds: Record<string, number> } };
    manifest.config.seeds[purpose] = 99;
    await writeFile(file, JSON.stringify(manifest));
    try {
      expect(await replayed('mlprun')).toMatchObject({ code: 1, output: expect.stringContaining('diverged') });
    } finally {
      await writeFile(file, before);
    }
  });

  it('does what REPRODUCE.md says, command by command', async () => {
    const text = await readFile(join(bag, 'data', 'REPRODUCE.md'), 'utf8');
    const commands = [...text.matchAll(/```sh\n([\s\S]*?)```/gu)].flatMap((match) => (match[1] ?? '').trim().split('\n'));
    const own = commands.filter((command) => command.startsWith('npm run -s reprise -- '));
    expect(own).toEqual(['npm run -s reprise -- verify real.crate.zip', 'npm run -s reprise -- reproduce real.crate.zip --trust DIGEST']);
    const others = commands.filter((command) => !own.includes(command));
    expect(others).toHaveLength(4);
    const path = `${dirname(python)}${delimiter}${process.env['PATH'] ?? ''}`;
    for (const command of others) {
      if (command.startsWith('bagit.py') && !judges.includes('bagit')) continue;
      const output = await new Promise<string>((resolve, reject) => {
        execFile('bash', ['--norc', '-c', command], { cwd: folder, env: { ...process.env, PATH: path }, timeout: 60_000 }, (error, stdout, stderr) => (error === null ? resolve(stdout) : reject(new Error(`${command}: ${stderr}`))));
      });
      if (command.startsWith('sha256sum')) expect(output.slice(0, 64)).toBe((await verifyBundle(join(folder, 'real.crate.zip'))).digest);
      if (command.includes('replay.py')) expect(output).toContain('identical');
    }
  });

  it('says what it cannot replay', async () => {
    expect(await replayed('nothing')).toMatchObject({ code: 2, output: '', errors: expect.stringContaining('cnnrun, mlprun') });
  });
});
