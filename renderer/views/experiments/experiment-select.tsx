import { Select } from '@mantine/core';
import { count } from '../../format';
import { ALL, show, total, type Experiment } from './experiment-list';

/** `ExperimentList` where there is no room for a list. */
export function ExperimentSelect({ experiments, shown }: { readonly experiments: readonly Experiment[]; readonly shown: string | null }) {
  return (
    <Select
      className="experiments-select"
      aria-label="Experiment"
      value={shown ?? ''}
      data={[{ value: '', label: `${ALL} (${count(total(experiments))})` }, ...experiments.map(({ name, runs }) => ({ value: name, label: `${name} (${count(runs)})` }))]}
      allowDeselect={false}
      searchable={experiments.length > 12}
      onChange={(value) => show(value === '' ? null : value)}
    />
  );
}
