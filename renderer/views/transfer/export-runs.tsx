/** Runs that go out in a form that other programs read. */
import { useCallback, useState } from 'react';
import { Button, Radio } from '@mantine/core';
import type { Input, Output } from '../../../src/api/contract';
import { ask, shell } from '../../client';
import { Choice } from '../../components/choice';
import { Fact } from '../../components/fact';
import { Problem } from '../../components/messages';
import * as format from '../../format';
import { Section, View } from '../../frame/view';
import { complain, copy } from '../../notice';
import { useAnswer } from '../../state/answers';
import { useCommand } from '../../state/commands';
import { exportRuns, useTask } from '../../state/tasks';
import { Facts } from '../bundles/facts';
import { TaskProgress } from '../bundles/progress';
import '../bundles/bundles.css';
import './transfer.css';

type Format = Input<'runs.export'>['format'];
type Rows = 'runs' | 'points';

const FORMATS: readonly { readonly format: Format; readonly label: string; readonly description: string }[] = [
  { format: 'mlruns', label: 'MLflow’s folder of runs', description: 'A folder that MLflow opens: parameters, tags, every point of every metric, and files.' },
  { format: 'csv', label: 'CSV', description: 'For spreadsheets and R. Numbers keep all their digits.' },
  { format: 'json', label: 'JSON', description: 'One list; parameters, metrics and tags as objects of their own.' },
  { format: 'jsonl', label: 'JSON lines', description: 'The same, one line for each row.' },
  { format: 'parquet', label: 'Parquet', description: 'For pandas, Polars and DuckDB: columns with types.' },
];

/** Experiments may have longer names than a file should. */
const NAME_LENGTH = 120;

async function showInFolder(path: string): Promise<void> {
  try {
    await ask(shell.showInFolder({ path }));
  } catch (error) {
    complain('The export could not be shown', error);
  }
}

function Written({ written }: { readonly written: Output<'runs.export'> }) {
  return (
    <Section title="Exported">
      <Facts>
        <Fact name="Path">
          <span className="mono transfer-path">{written.out}</span>
        </Fact>
        <Fact name="Runs">{format.count(written.runs)}</Fact>
        {written.points > 0 && <Fact name="Points">{format.count(written.points)}</Fact>}
        {written.files > 0 && <Fact name="Files">{format.count(written.files)}</Fact>}
        {written.renamed.length > 0 && <Fact name="Renamed">{written.renamed.map(({ from, to }) => `${from} as ${to}`).join(', ')}</Fact>}
      </Facts>
      <div className="bundles-buttons">
        <Button variant="default" onClick={() => void copy(written.out, 'path')}>
          Copy path
        </Button>
        <Button variant="default" onClick={() => void showInFolder(written.out)}>
          Show in folder
        </Button>
      </div>
    </Section>
  );
}

/** @param target an experiment's name or a run's id; @param name what people call it */
export function ExportRuns({ target, name }: { readonly target: string; readonly name: string }) {
  const [chosen, setChosen] = useState<Format>('mlruns');
  const [rows, setRows] = useState<Rows>('runs');
  const experiments = useAnswer('experiments.list', {});
  const count = experiments.data?.find((row) => row.name === target)?.runs ?? 1;
  const task = useTask('export-runs', target);
  const running = task !== null && !task.begun.ended;

  const start = useCallback(async (): Promise<void> => {
    try {
      const suggestion = `${name.slice(0, NAME_LENGTH)} ${chosen === 'mlruns' ? 'mlruns' : `${rows}.${chosen}`}`;
      const out = await ask(shell.chooseTarget({ kind: chosen, suggestion }));
      // The dialog has asked about a file that is there already.
      if (out !== null) await exportRuns({ target, format: chosen, out, ...(chosen === 'mlruns' ? {} : { rows, overwrite: true }) });
    } catch (error) {
      complain('The runs could not be exported', error);
    }
  }, [target, name, chosen, rows]);
  const begin = useCallback(() => void start(), [start]);
  useCommand('runs.export', running ? null : begin);

  const written = task?.begun.written ?? null;
  return (
    <View
      title={`Export runs: ${name}`}
      actions={
        <Button loading={running} disabled={running} onClick={begin}>
          Export {format.plural(count, 'run')}…
        </Button>
      }
    >
      <div className="bundles-page">
        {running && <TaskProgress task={task.begun.task} title={task.view?.title ?? `Exporting the runs of ${name}`} view={task.view} />}
        {task?.view?.status === 'cancelled' && <p className="bundles-notice">The export was cancelled; nothing was left of it.</p>}
        {task !== null && task.begun.error !== null && <Problem error={task.begun.error} />}
        {written !== null && <Written written={written} />}
        <Section title="Form">
          <Radio.Group aria-label="Form" value={chosen} onChange={(value) => setChosen(value as Format)}>
            <div className="transfer-formats">
              {FORMATS.map((one) => (
                <Radio key={one.format} size="xs" value={one.format} label={one.label} description={one.description} disabled={running} />
              ))}
            </div>
          </Radio.Group>
        </Section>
        {chosen !== 'mlruns' && (
          <Section title="One row for each">
            <Choice
              label="One row for each"
              value={rows}
              disabled={running}
              options={[
                { value: 'runs', label: 'Run' },
                { value: 'points', label: 'Point of a series' },
              ]}
              onChange={setRows}
            />
          </Section>
        )}
      </div>
    </View>
  );
}
