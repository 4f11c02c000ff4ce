/** Deleted runs and what they take. They are removed for good where nothing else is at work: by the command line. */
import { Failure } from '../../components/messages';
import { bytes } from '../../format';
import { Section } from '../../frame/view';
import { useAnswer } from '../../state/answers';

export function Trash() {
  const plan = useAnswer('trash.plan', {}, { fresh: true });
  const runs = plan.data?.runs.length ?? 0;
  return (
    <Section title="Trash">
      {plan.isError && <Failure title="The trash could not be looked into" error={plan.error} onRetry={() => void plan.refetch()} />}
      {plan.data !== undefined && runs === 0 && <p className="soft settings-note">No deleted runs. A deleted run stays here for 30 days.</p>}
      {plan.data !== undefined && runs > 0 && (
        <p className="soft settings-note">
          {runs === 1 ? '1 deleted run' : `${runs} deleted runs`}, {bytes(plan.data.bytes)} with the files that no other run has. A deleted run goes after 30 days; to remove them now, quit Reprise and run{' '}
          <code>reprise workspace purge --yes</code>.
        </p>
      )}
    </Section>
  );
}
