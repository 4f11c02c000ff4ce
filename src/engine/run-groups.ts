/** Use case: runs grouped by everything but the seed. */
import type { Input, Output } from '../api/contract';
import { summarize } from '../analysis/summary';
import { testLabel } from '../config/metrics';
import type { EngineContext } from './context';
import { leavesAt, readText } from './run-list';

const METHOD =
  'Mean ± 95% Student t interval over seeds of the declared test metric at the selected checkpoint. The newest finished run of a seed stands for it; runs whose test loss is no finite number are left out. ' +
  'Each interval is for one group; it does not compare groups.';

export function groupRuns({ store }: EngineContext, input: Input<'runs.groups'>): Output<'runs.groups'> {
  const { columns = [], ...filter } = input;
  return {
    method: METHOD,
    groups: store.listGroups(readText(filter)).flatMap((group) => {
      const config = store.variantConfig(group.variantHash);
      if (config === null) return [];
      const { n, mean, sd, ci } = summarize(group.values);
      return [
        {
          groupHash: group.groupHash,
          experiment: group.experiment,
          variant: group.variant,
          variantHash: group.variantHash,
          runs: Object.values(group.byStatus).reduce((sum, count) => sum + count, 0),
          byStatus: { ...group.byStatus },
          metric: 'task' in config ? (config.selection?.metric ?? 'none declared') : testLabel(config.selection.metric),
          n,
          mean,
          sd,
          ci: ci === null ? null : ([...ci] satisfies [number, number]),
          leaves: leavesAt(config, columns),
        },
      ];
    }),
  };
}
