/** What one wants to know of a run first. */
import type { RunDetails } from '../../../src/api/views';
import { Fact } from '../../components/fact';
import { Hash } from '../../components/hash';
import * as format from '../../format';
import { isEnded } from '../../run-status';
import { metricTitle } from '../experiments/values';

function steps({ run: { stepsDone, totalSteps, status } }: RunDetails): string {
  if (totalSteps === null || (status === 'finished' && stepsDone === totalSteps)) return format.count(stepsDone);
  return `${format.count(stepsDone)} of ${format.count(totalSteps)}`;
}

const NEXT_STEP: Readonly<Record<RunDetails['run']['kind'], string>> = {
  training: 'Retry goes on from the last checkpoint. The log tells what came before.',
  command: 'Retry starts the command anew. The output tells what came before.',
  logged: 'Reprise did not start it: look where it was started.',
};

export function Facts({ details }: { readonly details: RunDetails }) {
  const { run, metric, secondsLeft } = details;
  return (
    <>
      {run.errorMessage !== null && run.status !== 'finished' && (
        <div className="problem" role="alert">
          <p className="run-error">{run.errorMessage}</p>
          {/* What a diverged training needs stands in its message. */}
          {run.errorCode !== 'TRAINING_DIVERGED' && <p className="soft">{NEXT_STEP[run.kind]}</p>}
          {run.errorCode !== null && <p className="message-code">{run.errorCode}</p>}
        </div>
      )}
      <dl className="run-facts numbers">
        {metric !== null && <Fact name={metricTitle(metric.name)}>{format.measured(metric.name, metric.value)}</Fact>}
        {run.kind === 'training' && <Fact name={run.status === 'finished' ? 'Final training loss' : isEnded(run.status) ? 'Last training loss' : 'Training loss'}>{format.loss(run.finalLoss)}</Fact>}
        {run.kind === 'training' && <Fact name="Steps">{steps(details)}</Fact>}
        {run.kind !== 'training' && run.seed !== null && <Fact name="Seed">{run.seed}</Fact>}
        {run.kind === 'training' && run.status === 'running' && <Fact name="Left">{secondsLeft === null ? '–' : format.estimate(secondsLeft)}</Fact>}
        {run.startedAt !== null && run.endedAt !== null && <Fact name="Duration">{format.duration(run.endedAt - run.startedAt)}</Fact>}
        {run.startedAt !== null && <Fact name="Started">{format.moment(run.startedAt)}</Fact>}
        {details.size !== null && <Fact name="Parameters">{format.count(details.size.parameters)}</Fact>}
        {details.size !== null && <Fact name="Operations a step">{format.operations(details.size.flopsPerStep)}</Fact>}
        {run.selectedStep !== null && <Fact name="Selected checkpoint">step {format.count(run.selectedStep)}</Fact>}
        {run.exitCode !== null && run.exitCode !== 0 && <Fact name="Exit code">{run.exitCode}</Fact>}
        {run.signal !== null && <Fact name="Ended by">{run.signal}</Fact>}
        {run.weightsHash !== null && (
          <Fact name="Weights">
            <Hash value={run.weightsHash} of="weights hash" />
          </Fact>
        )}
      </dl>
      {details.command !== null && (
        <p className="run-command mono" title="Command">
          $ {details.command}
        </p>
      )}
      {details.source !== null && <p className="soft">This run was {details.source}.</p>}
    </>
  );
}
