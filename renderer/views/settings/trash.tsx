/** Deleted runs: what they take, and removing them for good. */
import { useState } from 'react';
import { Button } from '@mantine/core';
import { Section } from '../../frame/view';
import { bytes } from '../../format';
import { complain, say } from '../../notice';
import { call, outdated, useAnswer } from '../../state/answers';
import { Failure } from '../../components/messages';

export function Trash() {
  const plan = useAnswer('trash.plan', {}, { fresh: true });
  const [asked, setAsked] = useState(false);
  const empty = async (): Promise<void> => {
    setAsked(false);
    try {
      const { runs, bytes: freed } = await call('trash.empty', {});
      say(`${runs.length === 1 ? '1 run' : `${runs.length} runs`} removed for good, ${bytes(freed)} freed`);
    } catch (error) {
      complain('The trash could not be emptied', error);
    }
    outdated('trash.plan');
  };
  const runs = plan.data?.runs.length ?? 0;
  return (
    <Section title="Trash">
      {plan.isError && <Failure title="The trash could not be looked into" error={plan.error} onRetry={() => void plan.refetch()} />}
      {plan.data !== undefined && (
        <p className="soft settings-note">
          {runs === 0
            ? 'No deleted runs. A deleted run stays here for 30 days.'
            : `${runs === 1 ? '1 deleted run' : `${runs} deleted runs`}; removing them frees ${bytes(plan.data.bytes)}. Files that other runs share stay. After 30 days a deleted run goes by itself.`}
        </p>
      )}
      {runs > 0 && !asked && (
        <Button variant="default" size="compact-sm" onClick={() => setAsked(true)}>
          Empty the trash…
        </Button>
      )}
      {runs > 0 && asked && (
        <div className="settings-sure">
          <span>Nothing brings these runs back.</span>
          <Button color="red" size="compact-sm" onClick={() => void empty()}>
            Remove {runs === 1 ? '1 run' : `${runs} runs`} for good
          </Button>
          <Button variant="default" size="compact-sm" onClick={() => setAsked(false)} autoFocus>
            Keep
          </Button>
        </div>
      )}
    </Section>
  );
}
