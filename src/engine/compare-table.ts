/** Use case: the comparison of an experiment as text to paste. */
import type { Input, Output } from '../api/contract';
import type { ComparisonView } from '../api/rows';
import { comparisonCsv, comparisonLatex } from '../report/comparison-export';
import { comparisonTable } from '../report/comparison-table';
import { compareExperiment } from './compare';
import type { EngineContext } from './context';

function textOf(comparison: ComparisonView, format: Input<'compare.table'>['format']): string {
  switch (format) {
    case 'md':
      return `${comparisonTable(comparison, 'markdown')}\n`;
    case 'csv':
      return comparisonCsv(comparison);
    case 'latex':
      return comparisonLatex(comparison);
  }
}

/** @throws RepriseError EXPERIMENT_NOT_FOUND, METRICS_DIFFER */
export function compareTable({ store }: EngineContext, input: Input<'compare.table'>): Output<'compare.table'> {
  return { text: textOf(compareExperiment(store, input.experiment, input.metric), input.format) };
}
