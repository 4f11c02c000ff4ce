/** The chain a user goes through: config, ablation, comparison, report, bundle, verdict, all through the command line. */
import { existsSync } from 'node:fs';
import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ComparisonView, ReproduceView, RunResult, RunView, StudyPlan, StudyResult, VerifyView } from '../../src/api/rows';
import { splitIndices } from '../../src/datasets/split';
import { decodeSafetensors } from '../../src/tensors/safetensors';
import { BatchOrder } from '../../src/worker/batches';
import { alterLoss, pack, remakeHashes, unpack, type Files } from '../helpers/bundle-surgery';
import { cli, cliJson, smallConfig, temporaryFolder } from '../helpers/cli';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let workspace: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  workspace = join(folder.path, 'workspace');
});
afterAll(() => folder.remove());

const studyText = `experiment: chain
design: one-at-a-time
seeds: [1, 2, 3]
factors:
  - { path: model.dropout, levels: [0] }
  - name: optimizer
    levels:
      - { label: sgd, set: { training.optimizer: { kind: sgd, momentum: 0.9 }, training.learningRate: 0.1 } }
baseline: base.yaml
`;

describe('one run', () => {
  it('gives the same weights twice, as two runs', async () => {
    const config = await folder.write('config.yaml', smallConfig());
    const first = await cliJson<RunResult>(['run', config, '--workspace', workspace]);
    const second = await cliJson<RunResult>(['run', config, '--workspace', workspace]);
    expect(first.status).toBe('finished');
    expect(first.weightsHash).toMatch(/^[0-9a-f]{64}$/u);
    expect(second.run).not.toBe(first.run);
    expect(second.weightsHash).toBe(first.weightsHash);
    expect(second.computeHash).toBe(first.computeHash);
    expect(second.finalLoss).toBe(first.finalLoss);
    expect(first.bestLoss).toBeLessThanOrEqual(first.finalLoss as number);
    expect(first.metrics?.accuracy).toBeGreaterThan(0.5);
    const other = await cliJson<RunResult>(['run', config, '--seed', '2', '--workspace', workspace]);
    expect(other.weightsHash).not.toBe(first.weightsHash);
    expect(other.configHash).not.toBe(first.configHash);
    const rows = await cliJson<RunView[]>(['runs', '--experiment', 'small', '--workspace', workspace]);
    expect(rows.map((row) => row.status)).toEqual(['finished', 'finished', 'finished']);
    expect(rows.every((row) => row.exitCode === 0 && row.stepsDone === row.totalSteps)).toBe(true);
  });

  it('stores its provenance before its first step', async () => {
    const [row] = await cliJson<RunView[]>(['runs', '--workspace', workspace]);
    const manifest = JSON.parse(await readFile(join(workspace, 'runs', row?.runId ?? '', 'run.json'), 'utf8')) as { createdAt: number; provenance: { capturedAt: number; versions: { node: string; onnxruntime: string }; cpu: { flags: string[] } } };
    expect(manifest.provenance.capturedAt).toBeLessThanOrEqual(row?.startedAt ?? 0);
    expect(manifest.provenance.versions.onnxruntime).toMatch(/^\d+\.\d+/u);
    expect(manifest.provenance.cpu.flags.length).toBeGreaterThan(0);
  });
});

describe('an ablation, from plan to verdict', () => {
  let study: string;
  let result: StudyResult;
  let bundle: string;
  let digest: string;

  beforeAll(async () => {
    await folder.write('base.yaml', smallConfig({ experiment: 'chain', epochs: 3 }));
    study = await folder.write('study.yaml', studyText);
    bundle = join(folder.path, 'chain.crate.zip');
  });

  it('plans without training', async () => {
    const empty = join(folder.path, 'not-made');
    const plan = await cliJson<StudyPlan>(['ablate', study, '--dry-run', '--workspace', empty]);
    expect(existsSync(empty)).toBe(false);
    expect(plan.variants.map((variant) => variant.name)).toEqual(['baseline', 'model.dropout=0', 'sgd']);
    expect(plan.variants[2]?.changes.map((change) => change.path).toSorted()).toEqual(expect.arrayContaining(['training.learningRate']));
    expect(plan).toMatchObject({ totalRuns: 9, reusedRuns: 0 });
    expect(plan.estimatedSeconds).toBeGreaterThan(0);
    const text = await cli(['ablate', study, '--dry-run', '--workspace', empty]);
    expect(text.stdout).toMatch(/9 runs \(3 variants × 3 seeds\), 0 reused, 9 to run, ≈/u);
  });

  it('trains, and reuses what it trained', async () => {
    result = await cliJson<StudyResult>(['ablate', study, '--workspace', workspace]);
    expect(result.runs).toHaveLength(9);
    expect(result.runs.every((run) => run.status === 'finished' && !run.reused)).toBe(true);
    const again = await cliJson<StudyResult>(['ablate', study, '--workspace', workspace]);
    expect(again.runs.every((run) => run.reused)).toBe(true);
    expect(again.runs.map((run) => run.run).toSorted()).toEqual(result.runs.map((run) => run.run).toSorted());
  });

  it('compares variants with the baseline, paired by seed', async () => {
    const comparison = await cliJson<ComparisonView>(['compare', 'chain', '--workspace', workspace]);
    expect(comparison.metric).toBe('test accuracy');
    expect(comparison.missing).toEqual([]);
    const [baseline, dropout] = comparison.variants;
    expect(baseline).toMatchObject({ name: 'baseline', n: 3, delta: null });
    const accuracy = (variant: string): number[] => result.runs.filter((run) => run.variant === variant).toSorted((a, b) => (a.seed ?? 0) - (b.seed ?? 0)).map((run) => run.metrics?.['accuracy'] ?? Number.NaN);
    const base = accuracy('baseline');
    const other = accuracy('model.dropout=0');
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(baseline?.mean).toBeCloseTo(mean(base), 12);
    expect(dropout?.delta?.mean).toBeCloseTo(mean(other.map((value, index) => value - (base[index] ?? 0))), 12);
    expect(dropout?.delta?.ci?.[0]).toBeLessThanOrEqual(dropout?.delta?.mean ?? 0);
  });

  it('exports a bundle that verifies, and asks for a licence and for consent', async () => {
    const refused = await cli(['export', 'chain', '-o', bundle, '--workspace', workspace]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/licence/u);
    const exported = await cliJson<{ file: string; digest: string; runs: number }>(['export', 'chain', '-o', bundle, '--license', 'CC-BY-4.0', '--workspace', workspace]);
    expect(exported.runs).toBe(9);
    digest = exported.digest;
    const verified = await cliJson<VerifyView>(['verify', bundle]);
    expect(verified).toMatchObject({ valid: true, digest, problems: [], license: 'CC-BY-4.0' });
    expect(verified.runs).toHaveLength(9);
    const untrusted = await cli(['reproduce', bundle, '--workspace', join(folder.path, 'elsewhere')]);
    expect(untrusted.code).toBe(2);
    expect(untrusted.stderr).toContain(digest);
    const wrong = await cli(['reproduce', bundle, '--trust', digest.replace(/^./u, (c) => (c === '0' ? '1' : '0'))]);
    expect(wrong.code).toBe(2);
  });

  it('reproduces identically after the original workspace is gone', async () => {
    await rm(workspace, { recursive: true });
    const elsewhere = join(folder.path, 'elsewhere');
    const verdict = await cliJson<ReproduceView>(['reproduce', bundle, '--trust', digest, '--workspace', elsewhere]);
    expect(verdict.verdict).toBe('identical');
    expect(verdict.runs).toHaveLength(9);
    expect(verdict.runs.every((run) => run.verdict === 'identical' && run.firstDivergentStep === null && run.maxRelativeDifference === 0)).toBe(true);
    expect(existsSync(join(elsewhere, 'apart')) ? await readdir(join(elsewhere, 'apart')) : []).toEqual([]);
  });

  it('says how many of the runs it executed', async () => {
    const verdict = await cliJson<ReproduceView>(['reproduce', bundle, '--trust', digest, '--runs', '2', '--workspace', join(folder.path, 'elsewhere')]);
    expect(verdict.runs.map((run) => run.verdict)).toEqual(['identical', 'identical', ...Array.from({ length: 7 }, () => 'not-executed')]);
    expect(verdict.sentence).toContain('2 of 9 runs');
  });

  const baselineRun = (files: Files): { folder: string; manifest: { config: { seed: number; seeds: { split: number }; training: { batchSize: number }; data: { split: { validation: number; test: number } } }; data: { fingerprint: string } } } => {
    for (const [name, bytes] of files) {
      if (!name.endsWith('/run.json')) continue;
      const manifest = JSON.parse(bytes.toString('utf8')) as ReturnType<typeof baselineRun>['manifest'] & { variant: { variant: string } | null };
      if (manifest.variant?.variant === 'baseline' && manifest.config.seed === 1) return { folder: name.slice(0, -'run.json'.length), manifest };
    }
    throw new Error('no baseline run in the bundle');
  };

  const verdictOf = async (files: Files, name: string): Promise<ReproduceView> => {
    remakeHashes(files);
    const file = await pack(files, join(folder.path, name));
    const verified = await cli(['verify', file, '--json']);
    const remade = (JSON.parse(verified.stdout) as VerifyView).digest;
    return cliJson<ReproduceView>(['reproduce', file, '--trust', remade, '--workspace', join(folder.path, 'elsewhere')], 1);
  };

  it('names the step that first sees a changed training example', async () => {
    const files = await unpack(bundle);
    const { manifest } = baselineRun(files);
    const dataName = [...files.keys()].find((name) => name.includes(manifest.data.fingerprint)) ?? '';
    const data = files.get(dataName);
    if (data === undefined) throw new Error('bundle lacks data');
    const features = decodeSafetensors(data).tensors.find((tensor) => tensor.name === 'features');
    if (features === undefined) throw new Error('no features');
    const [count = 0, width = 0] = features.shape;
    const step = 7;
    const { train } = splitIndices(count, manifest.config.data.split, manifest.config.seeds.split);
    const { batches } = new BatchOrder(train.length, manifest.config.training.batchSize, manifest.config.seed).chunk(step, step + 1);
    const row = train[batches[0] ?? -1] ?? -1;
    // The features are one contiguous block in the file; the sign bit of a coordinate is the top bit of its fourth byte.
    const block = Buffer.from(features.data.buffer, features.data.byteOffset, features.data.byteLength);
    const start = data.indexOf(block);
    expect(start).toBeGreaterThan(0);
    data[start + row * width * 4 + 3] = (data[start + row * width * 4 + 3] ?? 0) ^ 0x80;

    const verdict = await verdictOf(files, 'flipped.crate.zip');
    expect(verdict.verdict).toBe('diverged');
    const judged = verdict.runs.find((entry) => entry.variant === 'baseline' && entry.seed === 1);
    expect(judged).toMatchObject({ verdict: 'diverged', firstDivergentStep: step });
  });

  it('names the step whose recorded loss was altered', async () => {
    const files = await unpack(bundle);
    const { folder: run } = baselineRun(files);
    const log = `${run}events.log`;
    const step = 23;
    files.set(log, alterLoss(files.get(log) ?? Buffer.alloc(0), step, (loss) => Math.fround(loss * 1.01)));
    const verdict = await verdictOf(files, 'altered.crate.zip');
    expect(verdict.runs.filter((entry) => entry.verdict === 'diverged')).toMatchObject([{ variant: 'baseline', seed: 1, firstDivergentStep: step }]);
  });

  it('verify names a tampered file', async () => {
    const files = await unpack(bundle);
    const victim = [...files.keys()].find((name) => name.endsWith('config.yaml')) ?? '';
    files.set(victim, Buffer.concat([files.get(victim) ?? Buffer.alloc(0), Buffer.from('# x\n')]));
    const file = await pack(files, join(folder.path, 'tampered.crate.zip'));
    const result = await cliJson<VerifyView>(['verify', file], 1);
    expect(result.valid).toBe(false);
    expect(result.problems.map((problem) => problem.path)).toContain(victim);
    const refused = await cli(['reproduce', file, '--trust', result.digest]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(victim);
  });
});
