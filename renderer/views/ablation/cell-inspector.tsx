/** The run of a selected cell: what it does, what went wrong and what to do next. */
import { Button } from '@mantine/core';
import { formatDuration, formatPlain } from '../../../src/analysis/format';
import type { StudyView } from '../../../src/api/views';
import { Fact } from '../../components/fact';
import { Hash } from '../../components/hash';
import { StateMark } from '../../components/state-mark';
import * as format from '../../format';
import { go } from '../../state/place';
import { cancelRuns, retryRuns } from '../experiments/actions';
import { metricTitle } from '../experiments/values';
import type { StudyCell } from './study-words';

function progress(done: number, total: number | null): string {
  return total === null || done === total ? format.count(done) : `${format.count(done)} of ${format.count(total)}`;
}

export interface CellInspectorProps {
  readonly cell: StudyCell;
  readonly variant: StudyView['matrix'][number];
  readonly metric: StudyView['metric'];
  readonly studyId: string;
}

export function CellInspector({ cell, variant, metric, studyId }: CellInspectorProps) {
  const { run, seed, value } = cell;
  if (run === null) return <p className="soft">No run stands here any more: it was deleted. Edit a copy of the study and run it to train it again.</p>;
  const { status } = run;
  const retryable = status === 'failed' || status === 'cancelled' || status === 'interrupted';
  return (
    <div className="cell-inspector">
      <StateMark status={status} />
      {run.errorMessage !== null && status !== 'finished' && (
        <div className="problem">
          <p>{run.errorMessage}</p>
          <p className="soft">Retry goes on from the last checkpoint. The run’s log tells what came before.</p>
          {run.errorCode !== null && <p className="message-code">{run.errorCode}</p>}
        </div>
      )}
      <dl className="cell-facts numbers">
        <Fact name="Seed">{seed}</Fact>
        <Fact name="Difference">{variant.summary}</Fact>
        {value !== null && <Fact name={metricTitle(metric)}>{formatPlain(value)}</Fact>}
        <Fact name="Steps">{progress(run.stepsDone, run.totalSteps)}</Fact>
        {run.finalLoss !== null && <Fact name={status === 'finished' ? 'Final training loss' : 'Training loss'}>{formatPlain(run.finalLoss)}</Fact>}
        {run.startedAt !== null && run.endedAt !== null && <Fact name="Duration">{formatDuration((run.endedAt - run.startedAt) / 1000)}</Fact>}
        {run.startedAt !== null && <Fact name="Started">{format.moment(run.startedAt)}</Fact>}
        {cell.reused && <Fact name="Reused">{run.studyId === null ? 'from a run by itself' : run.studyId === studyId ? 'no' : 'from an earlier study'}</Fact>}
        {run.weightsHash !== null && (
          <Fact name="Weights">
            <Hash value={run.weightsHash} of="weights hash" />
          </Fact>
        )}
        {run.configHash !== null && (
          <Fact name="Config">
            <Hash value={run.configHash} of="config hash" />
          </Fact>
        )}
      </dl>
      <div className="cell-actions">
        <Button variant="default" onClick={() => go({ view: 'run', run: run.runId })}>
          Open run
        </Button>
        {(status === 'running' || status === 'queued') && (
          <Button variant="default" onClick={() => void cancelRuns([run.runId])}>
            Cancel run
          </Button>
        )}
        {retryable && (
          <Button variant="default" onClick={() => void retryRuns([run.runId])}>
            Retry run
          </Button>
        )}
      </div>
    </div>
  );
}
