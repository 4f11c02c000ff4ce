/** Above the table: filter by words and states, runs or variants, which columns. */
import { lazy, memo, type Ref } from 'react';
import { Button, Checkbox } from '@mantine/core';
import { Columns3 } from 'lucide-react';
import type { Output } from '../../../src/api/contract';
import { AfterPaint } from '../../components/after-paint';
import { Choice } from '../../components/choice';
import { Popup } from '../../components/popup';
import { StateShape } from '../../components/state-mark';
import { count } from '../../format';
import { FilterField } from './filter-field';
import { changeTable, setVisible, statuses, useTableState, type RunStatus } from './table-state';
import { leafText } from './values';

const ExperimentSelect = lazy(async () => ({ default: (await import('./experiment-select')).ExperimentSelect }));

function StatusChips({ byStatus, chosen, onChoose }: { readonly byStatus: Readonly<Record<RunStatus, number>>; readonly chosen: readonly RunStatus[]; readonly onChoose: (chosen: readonly RunStatus[]) => void }) {
  return (
    <div className="runs-chips" role="group" aria-label="States">
      {statuses
        .filter((status) => byStatus[status] > 0 || chosen.includes(status))
        .map((status) => (
          <button
            key={status}
            type="button"
            className={`runs-chip state ${status}`}
            aria-pressed={chosen.includes(status)}
            title={status}
            onClick={() => onChoose(chosen.includes(status) ? chosen.filter((other) => other !== status) : [...chosen, status])}
          >
            <StateShape status={status} />
            <span className="runs-chip-word">{status} </span>
            {count(byStatus[status])}
          </button>
        ))}
    </div>
  );
}

function GroupSwitch({ grouped, onChange }: { readonly grouped: boolean; readonly onChange: (grouped: boolean) => void }) {
  return (
    <Choice
      label="One row for each"
      value={grouped ? 'variant' : 'run'}
      options={[
        { value: 'run', label: 'Runs' },
        { value: 'variant', label: 'Variants' },
      ]}
      onChange={(value) => onChange(value === 'variant')}
    />
  );
}

/** A note that says how many leaves are the same in all runs, and which. */
export const Constants = memo(function Constants({ constant }: { readonly constant: Output<'runs.columns'>['constant'] }) {
  return (
    <Popup
      position="top-end"
      label="The same in all runs"
      className="runs-constants"
      button={
        <Button size="compact-sm" variant="subtle" color="gray" disabled={constant.length === 0}>
          {constant.length} constant
        </Button>
      }
    >
      {() => (
        <>
          <h2>The same in all runs</h2>
          <div className="runs-constants-scroll" role="region" aria-label="Constant config values" tabIndex={0}>
            <table>
              <tbody>
                {constant.map(({ path, value }) => (
                  <tr key={path}>
                    <th scope="row" className="mono">
                      {path}
                    </th>
                    <td className="mono">{leafText(value) || 'none'}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </Popup>
  );
});

export interface Hideable {
  readonly id: string;
  readonly title: string;
}

function ColumnMenu({ columns, visibility }: { readonly columns: readonly Hideable[]; readonly visibility: Readonly<Record<string, boolean>> }) {
  return (
    <Popup
      position="bottom-end"
      label="Shown columns"
      className="runs-columns"
      button={
        <Button size="compact-sm" variant="subtle" color="gray" leftSection={<Columns3 size={14} aria-hidden="true" />}>
          Columns
        </Button>
      }
    >
      {() => columns.map(({ id, title }) => <Checkbox key={id} size="xs" radius={3} label={title} checked={visibility[id] !== false} onChange={(event) => setVisible(id, event.currentTarget.checked)} />)}
    </Popup>
  );
}

export interface RunsToolbarProps {
  readonly experiments: Output<'experiments.list'>;
  readonly experiment: string | null;
  readonly field: Ref<HTMLInputElement>;
  readonly byStatus: Readonly<Record<RunStatus, number>> | null;
  readonly columns: readonly Hideable[];
  readonly visibility: Readonly<Record<string, boolean>>;
  readonly onNarrow: (next: { readonly text?: string; readonly status?: readonly RunStatus[] }) => void;
  readonly onLeave: () => void;
}

// Each page brings counts of its own, which mostly are the same.
export const RunsToolbar = memo(
  function RunsToolbar({ experiments, experiment, field, byStatus, columns, visibility, onNarrow, onLeave }: RunsToolbarProps) {
    const { text, status, grouped } = useTableState(experiment);
    return (
      <div className="runs-toolbar">
        <AfterPaint>
          <ExperimentSelect experiments={experiments} shown={experiment} />
        </AfterPaint>
        <FilterField ref={field} text={text} onText={(next) => onNarrow({ text: next })} onLeave={onLeave} />
        {byStatus !== null && <StatusChips byStatus={byStatus} chosen={status} onChoose={(next) => onNarrow({ status: next })} />}
        <div className="runs-toolbar-end">
          <GroupSwitch grouped={grouped} onChange={(next) => changeTable(experiment, { grouped: next })} />
          <ColumnMenu columns={columns} visibility={visibility} />
        </div>
      </div>
    );
  },
  (before, after) =>
    JSON.stringify(before.byStatus) === JSON.stringify(after.byStatus) &&
    before.experiments === after.experiments &&
    before.experiment === after.experiment &&
    before.columns === after.columns &&
    before.visibility === after.visibility &&
    before.onNarrow === after.onNarrow,
);
