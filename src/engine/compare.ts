/** Use case: the comparison of an experiment's variants over seeds. */
import type { ComparisonView } from '../api/rows';
import { describeChanges } from '../ablation/describe';
import { compareVariants } from '../analysis/compare';
import { diff } from '../config/diff';
import { hashJson, variantHash } from '../config/hash';
import { higherIsBetter, type MetricName } from '../config/schema';
import { RepriseError } from '../errors/errors';
import { comparisonTable } from '../report/comparison-table';
import type { RunRow, Store } from '../store/types';
import { testMetrics } from './results';

/** The runs of an experiment, arranged as variants × seeds, baseline first. */
export interface Arrangement {
  readonly experiment: string;
  readonly metric: MetricName;
  readonly seeds: readonly number[];
  readonly variants: readonly {
    readonly name: string;
    readonly changes: readonly { readonly path: string; readonly from: unknown; readonly to: unknown }[];
    /** Run of each seed; null where there is none. */
    readonly runs: readonly (RunRow | null)[];
  }[];
  /** The study and its YAML, or null where the runs were started one by one. */
  readonly studyId: string | null;
  readonly source: string | null;
  /** Runs left out because a newer one of the same config and seed stands in; 0 in a study. */
  readonly superseded: number;
}

/**
 * By the newest study of the experiment; without one, by config with the seed left out, oldest variant first.
 * @throws RepriseError EXPERIMENT_NOT_FOUND
 */
export function arrange(store: Store, experiment: string): Arrangement {
  const study = store.latestStudy(experiment);
  if (study !== null) {
    const ids = study.variants.flatMap((variant) => variant.runIds).filter((id) => id !== null);
    const known = new Map(store.getRuns(ids).map((run) => [run.runId, run]));
    const runOf = (runId: string | null): RunRow | null => (runId === null ? null : (known.get(runId) ?? null));
    const variants = study.variants.map(({ name, changes, runIds }) => ({ name, changes, runs: runIds.map((id) => runOf(id)) }));
    return { experiment, metric: declaredMetric(store, variants.flatMap((variant) => variant.runs)), seeds: study.seeds, variants, studyId: study.studyId, source: study.source, superseded: 0 };
  }
  const runs = store.listRuns({ experiment });
  if (runs.length === 0) {
    const known = store.listExperiments().map((row) => row.name);
    throw new RepriseError('EXPERIMENT_NOT_FOUND', `There is no experiment ${JSON.stringify(experiment)} in ${store.workspace}.`, {
      kind: 'input',
      hint: known.length === 0 ? 'The workspace has no runs yet.' : `Known: ${known.slice(0, 10).join(', ')}.`,
    });
  }
  const oldestFirst = runs.toSorted((left, right) => left.createdAt - right.createdAt || (left.runId < right.runId ? -1 : 1));
  const groups = new Map<string, { runs: Map<number, RunRow>; first: string }>();
  for (const run of oldestFirst) {
    const { config, data, trainingGraphHash } = store.trainingManifest(run.runId);
    // A file that changed between two runs of one config makes two variants of it.
    const key = hashJson([variantHash(config), data.fingerprint, trainingGraphHash]);
    const group = groups.get(key) ?? { runs: new Map<number, RunRow>(), first: run.runId };
    const standing = group.runs.get(run.seed);
    // The newest finished run of a seed stands for it; an unfinished one never hides a finished one.
    if (standing === undefined || run.status === 'finished' || standing.status !== 'finished') group.runs.set(run.seed, run);
    groups.set(key, group);
  }
  const seeds = [...new Set(oldestFirst.map((run) => run.seed))].toSorted((left, right) => left - right);
  const [baseline] = groups.values();
  const baselineConfig = store.trainingManifest(baseline?.first ?? '').config;
  const variants = [...groups.values()].map((group, index) => {
    const { config } = store.trainingManifest(group.first);
    const changes = diff(baselineConfig, config)
      .filter(({ path }) => !/^(?:seed|experiment|author|description|tags)$/u.test(path))
      .map(({ path, left, right }) => ({ path, from: left, to: right }));
    const { fingerprint } = store.trainingManifest(group.first).data;
    const named = changes.map(({ path, to }) => `${path}=${JSON.stringify(to)}`).join(', ');
    const name = index === 0 ? 'baseline' : named === '' ? `data ${fingerprint.slice(0, 8)}` : named;
    return { name, changes, runs: seeds.map((seed) => group.runs.get(seed) ?? null) };
  });
  return { experiment, metric: declaredMetric(store, oldestFirst), seeds, variants, studyId: null, source: null, superseded: runs.length - variants.reduce((sum, variant) => sum + variant.runs.filter((run) => run !== null).length, 0) };
}

/** The metric the runs declared. @throws RepriseError METRICS_DIFFER when they declared different ones */
function declaredMetric(store: Store, runs: readonly (RunRow | null)[]): MetricName {
  const declared = new Set(runs.filter((run) => run !== null).map((run) => store.trainingManifest(run.runId).config.selection.metric));
  if (declared.size > 1) {
    throw new RepriseError('METRICS_DIFFER', `The runs declare different metrics (${[...declared].join(', ')}) and cannot be compared by one.`, { kind: 'inconclusive' });
  }
  return [...declared][0] ?? 'accuracy';
}

function missingReason(run: RunRow | null): string {
  if (run === null) return 'no run';
  if (run.status === 'finished') return 'training diverged: the test loss is not a finite number';
  if (run.status === 'failed') return `failed: ${run.errorMessage ?? run.errorCode ?? 'unknown reason'}`;
  return run.status;
}

/** A sentence where runs were tested on other examples than the baseline's runs of the same seed: then a difference is not one of the models alone. */
function otherTestData(store: Store, baseline: readonly (RunRow | null)[], runs: readonly (RunRow | null)[]): string[] {
  const testedOn = (run: RunRow): string => {
    const { data, config } = store.trainingManifest(run.runId);
    return hashJson([data.fingerprint, config.data.split, config.seeds.split]);
  };
  const differs = runs.some((run, index) => {
    const other = baseline[index] ?? null;
    return run !== null && other !== null && testedOn(run) !== testedOn(other);
  });
  return differs ? ['tested on other examples than the baseline (data or split differ): the difference mixes data and model'] : [];
}

/** Mean, spread and difference to the baseline of the declared test metric, with every missing cell named. */
export function compareExperiment(store: Store, experiment: string): ComparisonView {
  return compareArrangement(store, arrange(store, experiment));
}

export function compareArrangement(store: Store, { experiment, metric, seeds, variants, source }: Arrangement): ComparisonView {
  const values = variants.map(() => new Map<number, number>());
  const compared = compareVariants({
    baselineBy: source === null ? 'oldest' : 'study',
    metric,
    higherIsBetter: higherIsBetter(metric),
    seeds,
    variants: variants.map(({ name, runs }, at) => {
      const own = values[at] ?? new Map<number, number>();
      const reasons = new Map<number, string>();
      for (const [index, seed] of seeds.entries()) {
        const run = runs[index] ?? null;
        const test = run === null ? null : testMetrics(store, run);
        // Weights of a diverged training still put every example into some class; that share says nothing.
        const value = test !== null && Number.isFinite(test.loss) ? test[metric] : undefined;
        if (value === undefined) reasons.set(seed, missingReason(run));
        else own.set(seed, value);
      }
      return { name, values: own, reasons, remarks: otherTestData(store, variants[0]?.runs ?? [], runs) };
    }),
  });
  return {
    experiment,
    metric: `test ${metric}`,
    higherIsBetter: compared.higherIsBetter,
    method: compared.method,
    confidence: compared.confidence,
    variants: compared.variants.map((variant, index) => ({
      name: variant.name,
      summary: describeChanges({ changes: variants[index]?.changes ?? [] }),
      n: variant.n,
      mean: variant.mean,
      sd: variant.sd,
      ci: variant.ci === null ? null : [...variant.ci],
      values: seeds.flatMap((seed, at) => {
        const run = variants[index]?.runs[at]?.runId;
        const value = values[index]?.get(seed);
        return run === undefined || value === undefined ? [] : [{ seed, run, value }];
      }),
      delta:
        variant.delta === null
          ? null
          : {
              n: variant.delta.n,
              mean: variant.delta.mean,
              ci: variant.delta.ci === null ? null : [...variant.delta.ci],
              correlation: variant.delta.correlation,
              pValue: variant.delta.pValue ?? null,
              warning: variant.delta.warning ?? null,
            },
    })),
    missing: compared.missing.map((cell) => ({ ...cell, run: variants.find(({ name }) => name === cell.variant)?.runs[seeds.indexOf(cell.seed)]?.runId ?? null })),
  };
}

/** A comparison as a table for a terminal. */
export function comparisonText(comparison: ComparisonView): string {
  return comparisonTable(comparison, 'text');
}
