/** Use case: the comparison of an experiment's variants over seeds. */
import type { ComparisonView } from '../api/rows';
import { describeChanges } from '../ablation/describe';
import { compareVariants } from '../analysis/compare';
import { hashJson } from '../config/hash';
import { testLabel } from '../config/metrics';
import { comparisonTable } from '../report/comparison-table';
import type { RunRow, Store } from '../store/types';
import { arrange, seedOfColumn, type Arrangement } from './arrange';
import { commonKeys, isHigherBetter, labelOf, measuredMetrics, missingReason, remarkOf, unitIn, valueOf } from './yardstick';

/** A sentence where runs were tested on other examples than the baseline's runs of the same seed: then a difference is not one of the models alone. Of commands nobody knows what they test on. */
function otherTestData(store: Store, baseline: readonly (RunRow | null)[], runs: readonly (RunRow | null)[]): string[] {
  const testedOn = (run: RunRow): string | null => {
    if (run.kind !== 'training') return null;
    const { data, config } = store.trainingManifest(run.runId);
    return hashJson([data.fingerprint, config.data.split, config.seeds.split]);
  };
  const differs = runs.some((run, index) => {
    const other = baseline[index] ?? null;
    return run !== null && other !== null && testedOn(run) !== testedOn(other);
  });
  return differs ? ['tested on other examples than the baseline (data or split differ): the difference mixes data and model'] : [];
}

/**
 * Mean, spread and difference to the baseline of a metric, with every missing cell named.
 * @param metric the key of a series to compare by instead of the declared metric
 * @throws RepriseError EXPERIMENT_NOT_FOUND, METRICS_DIFFER, METRIC_NOT_FOUND
 */
export function compareExperiment(store: Store, experiment: string, metric?: string): ComparisonView {
  return compareArrangement(store, arrange(store, experiment, { metric }));
}

export function compareArrangement(store: Store, { experiment, yardstick, seeds, variants, source, nested }: Arrangement): ComparisonView {
  const values = variants.map(() => new Map<number, number>());
  const compared = compareVariants({
    baselineBy: source === null ? 'oldest' : 'study',
    metric: labelOf(yardstick),
    higherIsBetter: isHigherBetter(yardstick),
    seeds,
    variants: variants.map(({ name, runs }, at) => {
      const own = values[at] ?? new Map<number, number>();
      const reasons = new Map<number, string>();
      for (const [index, seed] of seeds.entries()) {
        const run = runs[index] ?? null;
        const value = run === null ? null : valueOf(store, run, yardstick);
        if (value === null) reasons.set(seed, missingReason(store, run, yardstick));
        else own.set(seed, value);
      }
      return { name, values: own, reasons, remarks: otherTestData(store, variants[0]?.runs ?? [], runs) };
    }),
  });
  const runOf = (variant: number, seed: number): string | null => variants[variant]?.runs[seeds.indexOf(seed)]?.runId ?? null;
  const places = new Map(variants.map(({ name }, place) => [name, place]));
  const remark = remarkOf(yardstick);
  const unpaired = seeds.some((seed) => seedOfColumn(seed) === null) ? 'Runs that name no seed are in the means and in no pair.' : null;
  return {
    experiment,
    metric: labelOf(yardstick),
    higherIsBetter: compared.higherIsBetter,
    unit: yardstick.kind === 'test' ? unitIn(store, variants.flatMap(({ runs }) => runs), yardstick.metric) : '',
    method: [compared.method, remark, unpaired, nestedInWords(nested)].filter((sentence) => sentence !== null).join(' '),
    confidence: compared.confidence,
    variants: compared.variants.map((variant, index) => ({
      name: variant.name,
      summary: describeChanges({ changes: variants[index]?.changes ?? [] }),
      n: variant.n,
      mean: variant.mean,
      sd: variant.sd,
      ci: variant.ci === null ? null : [...variant.ci],
      values: seeds.flatMap((seed) => {
        const run = runOf(index, seed);
        const value = values[index]?.get(seed);
        // A value that is no finite number is a missing cell, and told as one.
        return run === null || value === undefined || !Number.isFinite(value) ? [] : [{ seed: seedOfColumn(seed), run, value }];
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
    missing: compared.missing.flatMap(({ variant, seed, reason }) => {
      const run = runOf(places.get(variant) ?? -1, seed);
      // The column of a run without a seed is one cell, not one for each variant.
      return run === null && seedOfColumn(seed) === null ? [] : [{ variant, seed: seedOfColumn(seed), run, reason }];
    }),
    executable: variants.some(({ runs }) => runs.some((run) => run !== null && run.kind !== 'logged')),
    metrics: metricsToCompareBy(store, variants.flatMap(({ runs }) => runs.filter((run) => run !== null))),
  };
}

/** What another comparison of the runs can go by: metrics of the test split, or where not all are trainings series of any name. */
function metricsToCompareBy(store: Store, runs: readonly RunRow[]): string[] {
  return runs.some(({ kind }) => kind !== 'training') ? commonKeys(store, runs) : measuredMetrics(store, runs, 'test.').map(testLabel);
}

function nestedInWords(nested: number): string | null {
  if (nested === 0) return null;
  return nested === 1 ? 'One run is nested in another and left out, because it is a part of that.' : `${nested} runs are nested in others and left out, because they are parts of those.`;
}

/** A comparison as a table for a terminal. */
export function comparisonText(comparison: ComparisonView): string {
  return comparisonTable(comparison, 'text');
}
