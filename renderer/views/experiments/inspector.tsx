/** What the inspector shows: the experiment, the selected run, or a summary of several. */
import type { ReactNode } from 'react';
import { Button } from '@mantine/core';
import type { RunListRow } from '../../../src/api/views';
import { nounOf, valueInWords } from '../../../src/ablation/describe';
import { Hash } from '../../components/hash';
import { StateCounts } from '../../components/state-counts';
import { StateMark } from '../../components/state-mark';
import * as format from '../../format';
import { Section } from '../../frame/view';
import { useAnswer } from '../../state/answers';
import { go } from '../../state/place';
import { Duration, Progress } from './columns';
import type { RunStatus } from './table-state';
import { runName } from '../../run-status';
import { metricRange, metricTitle, nextStep, type MetricName } from './values';

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

export interface RunAction {
  readonly do: () => void;
  /** Of how many of the selected runs it is true. */
  readonly count: number;
}

/** null: none of the selected runs allows it. */
export interface RunActions {
  readonly cancel: RunAction | null;
  readonly retry: RunAction | null;
  readonly remove: RunAction | null;
  readonly compare: RunAction | null;
}

function Differences({ studyId, variant }: { readonly studyId: string; readonly variant: string }) {
  const { data } = useAnswer('studies.get', { studyId });
  const found = data?.matrix.find(({ name }) => name === variant);
  if (found === undefined) return null;
  return (
    <Section title="Difference to the baseline">
      {found.changes.length === 0 ? (
        <p className="soft">None: this is the baseline.</p>
      ) : (
        <dl className="runs-changes">
          {found.changes.map(({ path, from, to }) => (
            <div key={path}>
              <dt title={path}>{nounOf(path)}</dt>
              <dd>
                <del>{valueInWords(from)}</del> → <ins>{valueInWords(to)}</ins>
              </dd>
            </div>
          ))}
        </dl>
      )}
    </Section>
  );
}

export function OneRun({ row, actions }: { readonly row: RunListRow; readonly actions: RunActions }) {
  const { run, metric, secondsLeft } = row;
  const step = nextStep(run);
  return (
    <>
      <div className="runs-inspector-actions">
        <Button variant="default" onClick={() => go({ view: 'run', run: run.runId })}>
          Open run
        </Button>
        {actions.cancel !== null && (
          <Button variant="default" onClick={actions.cancel.do}>
            Cancel
          </Button>
        )}
        {actions.retry !== null && (
          <Button variant="default" onClick={actions.retry.do}>
            Retry
          </Button>
        )}
        {actions.remove !== null && (
          <Button variant="default" onClick={actions.remove.do}>
            Delete
          </Button>
        )}
      </div>
      {(run.errorMessage !== null || step !== null) && (
        <div className={`runs-error ${run.status}`}>
          {run.errorMessage !== null && <p>{run.errorMessage}</p>}
          {step !== null && <p className="soft">{step}</p>}
          {run.errorCode !== null && <p className="small soft mono">{run.errorCode}</p>}
        </div>
      )}
      <dl className="runs-facts">
        <Fact name="State">
          <StateMark status={run.status} />
        </Fact>
        {run.status === 'running' && (
          <Fact name="Progress">
            <Progress run={run} secondsLeft={secondsLeft} />
          </Fact>
        )}
        <Fact name="Experiment">{run.experiment}</Fact>
        {run.variant !== null && <Fact name="Variant">{run.variant}</Fact>}
        <Fact name="Seed">{run.seed}</Fact>
        {metric !== null && <Fact name={metricTitle(metric.name)}>{format.measured(metric.name, metric.value)}</Fact>}
        {run.finalLoss !== null && <Fact name={run.status === 'finished' ? 'Final loss' : 'Last loss'}>{format.loss(run.finalLoss)}</Fact>}
        <Fact name="Steps">
          {format.count(run.stepsDone)}
          {run.totalSteps !== null && run.totalSteps !== run.stepsDone ? ` of ${format.count(run.totalSteps)}` : ''}
        </Fact>
        {run.startedAt !== null && <Fact name="Started">{format.moment(run.startedAt)}</Fact>}
        {run.startedAt !== null && (run.endedAt !== null || run.status === 'running') && (
          <Fact name="Duration">
            <Duration run={run} />
          </Fact>
        )}
        {run.attempts > 1 && <Fact name="Attempts">{run.attempts}</Fact>}
      </dl>
      {run.studyId !== null && run.variant !== null && <Differences studyId={run.studyId} variant={run.variant} />}
      <Section title="Hashes">
        <dl className="runs-facts">
          {run.weightsHash !== null && (
            <Fact name="Weights">
              <Hash value={run.weightsHash} of="weights hash" />
            </Fact>
          )}
          {run.computeHash !== null && (
            <Fact name="Compute">
              <Hash value={run.computeHash} of="compute hash" />
            </Fact>
          )}
          {run.configHash !== null && (
            <Fact name="Config">
              <Hash value={run.configHash} of="config hash" />
            </Fact>
          )}
        </dl>
      </Section>
    </>
  );
}

function countStates(rows: Iterable<RunListRow>): Partial<Record<RunStatus, number>> {
  const counts: Partial<Record<RunStatus, number>> = {};
  for (const { run } of rows) counts[run.status] = (counts[run.status] ?? 0) + 1;
  return counts;
}

/** What some or all of the selected runs allow, with their number. */
function Counted({ action, verb }: { readonly action: RunAction | null; readonly verb: string }) {
  if (action === null) return null;
  return (
    <Button variant="default" onClick={action.do}>
      {verb} {action.count}
    </Button>
  );
}

export function SeveralRuns({ rows, actions }: { readonly rows: readonly RunListRow[]; readonly actions: RunActions }) {
  const distinct = (of: (row: RunListRow) => unknown): number => new Set(rows.map((row) => of(row))).size;
  const range = metricRange(rows);
  return (
    <>
      <div className="runs-inspector-actions">
        <Button variant="default" disabled={actions.compare === null} onClick={actions.compare?.do}>
          Compare side by side
        </Button>
        <Counted action={actions.cancel} verb="Cancel" />
        <Counted action={actions.retry} verb="Retry" />
        <Counted action={actions.remove} verb="Delete" />
      </div>
      {actions.compare === null && <p className="soft runs-inspector-note">Up to 6 runs can stand side by side.</p>}
      <dl className="runs-facts">
        <Fact name="States">
          <StateCounts byStatus={countStates(rows)} />
        </Fact>
        <Fact name="Experiments">{format.count(distinct(({ run }) => run.experiment))}</Fact>
        <Fact name="Variants">{format.count(distinct(({ run }) => `${run.experiment} ${run.variant ?? run.configHash}`))}</Fact>
        <Fact name="Seeds">{format.count(distinct(({ run }) => run.seed))}</Fact>
        {range !== null && (
          <Fact name={metricTitle(range.name)}>
            {format.measured(range.name, range.low)} to {format.measured(range.name, range.high)} <span className="soft">(n = {format.count(range.n)})</span>
          </Fact>
        )}
      </dl>
    </>
  );
}

interface NoRunProps {
  /** Of the shown experiments together. */
  readonly runs: number;
  readonly byStatus: Readonly<Partial<Record<RunStatus, number>>>;
  readonly updatedAt: number;
  readonly metric: MetricName | null;
  /** How the means of the shown variants were made; null where runs are shown. */
  readonly method: string | null;
}

export function NoRun({ runs, byStatus, updatedAt, metric, method }: NoRunProps) {
  return (
    <>
      <dl className="runs-facts">
        <Fact name="Runs">{format.count(runs)}</Fact>
        <Fact name="States">
          <StateCounts byStatus={byStatus} />
        </Fact>
        {metric !== null && <Fact name="Metric">{metric}, as declared</Fact>}
        <Fact name="Last change">{format.moment(updatedAt)}</Fact>
      </dl>
      {method === null ? (
        <p className="soft">Select a run to see it here. Shift and Ctrl select several; 2 to 6 can stand side by side.</p>
      ) : (
        <>
          <Section title="Method">
            <p>{method}</p>
          </Section>
          <p className="soft">Enter or a double click shows the runs of a variant.</p>
        </>
      )}
    </>
  );
}

export function inspectorTitle(rows: readonly RunListRow[], experiment: string | null): string {
  const [first] = rows;
  if (first === undefined) return experiment ?? 'All runs';
  return rows.length === 1 ? runName(first.run) : format.plural(rows.length, 'run');
}
