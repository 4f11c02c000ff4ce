/** The tracking server: where programs on this machine log to, as they would to MLflow's. */
import { useState } from 'react';
import { Button, Switch } from '@mantine/core';
import type { TrackingServerView } from '../../../src/api/tracking-server';
import { Problem } from '../../components/messages';
import { StateShape } from '../../components/state-mark';
import { Section } from '../../frame/view';
import { complain, copy } from '../../notice';
import { answerKey, answers, call, useAnswer } from '../../state/answers';
import { useLive } from '../../state/live';
import { go } from '../../state/place';
import { changeSettings, useSettings } from '../../state/settings';
import { exportLine, maskedAddress } from './tracking-words';

/** Commands start it by themselves, and no event tells. */
const LOOK_MS = 2000;

const importRuns = (): void => go({ view: 'import', path: null });

async function turn(on: boolean): Promise<void> {
  try {
    answers.setQueryData<TrackingServerView>(answerKey('tracking.status', {}), on ? await call('tracking.start', {}) : await call('tracking.stop', {}));
  } catch (error) {
    complain(`The tracking server could not be ${on ? 'started' : 'stopped'}`, error);
  }
}

function Address({ url }: { readonly url: string }) {
  const [shown, setShown] = useState(false);
  return (
    <>
      <p className="mono tracking-address">MLFLOW_TRACKING_URI={shown ? url : maskedAddress(url)}</p>
      <p className="soft">The address holds a token: whoever has it can read and write all runs of this workspace. It stays the same when the server starts again.</p>
      <div className="machines-buttons">
        <Button variant="default" size="compact-sm" onClick={() => void copy(exportLine(url, navigator.platform), 'line for the shell')}>
          Copy line for the shell
        </Button>
        <Button variant="default" size="compact-sm" aria-pressed={shown} onClick={() => setShown(!shown)}>
          {shown ? 'Hide token' : 'Show token'}
        </Button>
      </div>
    </>
  );
}

function HowTo() {
  return (
    <dl className="tracking-ways">
      <div>
        <dt>MLflow</dt>
        <dd>
          Set the address in the shell that starts your script, and leave the script as it is: each of its runs appears under the experiment that it names, while it runs.
        </dd>
      </div>
      <div>
        <dt>W&B</dt>
        <dd>
          Start the script with <span className="mono">WANDB_MODE=offline</span>, then{' '}
          <button type="button" className="tracking-link" onClick={importRuns}>
            import the folder wandb
          </button>
          .
        </dd>
      </div>
      <div>
        <dt>TensorBoard</dt>
        <dd>
          <button type="button" className="tracking-link" onClick={importRuns}>
            Import the folder of its logs
          </button>
          ; each folder with an event file is a run.
        </dd>
      </div>
    </dl>
  );
}

function StartWithApp() {
  const settings = useSettings();
  if (settings.data === undefined) return null;
  return <Switch className="tracking-switch" size="xs" label="Start with the app" checked={settings.data.trackingServer} onChange={(event) => void changeSettings({ trackingServer: event.currentTarget.checked })} />;
}

export function TrackingServer() {
  const server = useAnswer('tracking.status', {}, { fresh: true, everyMs: LOOK_MS });
  const readOnly = useLive((state) => state.info?.readOnly === true);
  const [turning, setTurning] = useState(false);
  if (server.data === undefined) return server.isError ? <Problem error={server.error} /> : null;
  const { running, url, port } = server.data;
  const change = (): void => {
    setTurning(true);
    void turn(!running).finally(() => setTurning(false));
  };
  const status = running ? 'running' : 'queued';
  return (
    <Section title="Tracking server">
      <div className="tracking-state">
        <span className={`state ${status}`} role="status">
          <StateShape status={status} />
          {running ? `Running on port ${port ?? ''} of this machine` : 'Not running'}
        </span>
        <Button variant="default" size="compact-sm" disabled={turning || readOnly} onClick={change}>
          {running ? 'Stop the server' : 'Start the server'}
        </Button>
        <StartWithApp />
      </div>
      {url === null ? <p className="soft">Scripts that log to MLflow log to Reprise while it runs. Programs that Reprise starts need nothing of this: what they log is read as they run.</p> : <Address url={url} />}
      {url !== null && <HowTo />}
    </Section>
  );
}
