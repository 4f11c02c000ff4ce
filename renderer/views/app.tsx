/** The window: header, list of runs, status bar. */
import type { RunView } from '../../src/api/rows';
import { StateShape } from '../components/state-mark';
import * as format from '../format';
import { load, restartEngine, startSample } from '../session';
import { useWindow } from '../store';
import { Empty, Failure, Starting } from './messages';
import { RunsTable, SHOWN } from './runs-table';

function Pane() {
  const { engine, runs, tests, loadError, sample } = useWindow();
  if (engine.status === 'failed') {
    return (
      <Failure
        title={engine.error.code === 'ENGINE_CRASHED' ? 'The engine keeps stopping' : 'The workspace could not be opened'}
        error={engine.error}
        action={
          <button type="button" className="primary" onClick={restartEngine}>
            Try again
          </button>
        }
      />
    );
  }
  if (loadError !== null) {
    return (
      <Failure
        title="The list of runs could not be read"
        error={loadError}
        action={
          <button type="button" className="primary" onClick={() => void load()}>
            Try again
          </button>
        }
      />
    );
  }
  if (runs === null) return <Starting />;
  if (runs.length === 0) return <Empty sample={sample} onRun={() => void startSample()} />;
  return (
    <>
      {runs.length > SHOWN && <p className="notice">{`The newest ${format.count(SHOWN)} of ${format.count(runs.length)} runs.`}</p>}
      <RunsTable runs={runs} tests={tests} stale={engine.status !== 'ready'} />
    </>
  );
}

function tally(runs: readonly RunView[], status: RunView['status']): number {
  return runs.reduce((sum, run) => sum + (run.status === status ? 1 : 0), 0);
}

/** `3 running, 12 queued on 2 cores`, or that nothing does. */
function queueLine(runs: readonly RunView[], cores: number): string {
  const busy = (['running', 'queued'] as const).map((status) => ({ status, count: tally(runs, status) })).filter(({ count }) => count > 0);
  const queue = busy.length === 0 ? 'nothing queued' : busy.map(({ status, count }) => `${format.count(count)} ${status}`).join(', ');
  return `${format.plural(runs.length, 'run')}: ${queue} on ${format.plural(cores, 'core')}`;
}

function StatusBar() {
  const { engine, runs, progress, info } = useWindow();
  const failed = runs?.find((run) => run.status === 'failed');
  const working = progress !== null && (progress.total === null || progress.done < progress.total);
  return (
    <footer className="status">
      {runs !== null && info !== null && <span>{queueLine(runs, info.cores)}</span>}
      {working && engine.status === 'ready' && <span>{progress.text}</span>}
      <span className="last" title={failed?.errorMessage ?? undefined}>
        {failed === undefined ? '' : `Last error: ${failed.errorMessage ?? failed.errorCode ?? 'a run failed'}`}
      </span>
    </footer>
  );
}

export function App() {
  const { engine, info } = useWindow();
  return (
    <div className="frame">
      <header className="header">
        <h1>Runs</h1>
        {info !== null && (
          <span className="workspace mono" title={info.workspace}>
            {info.workspace}
          </span>
        )}
      </header>
      <main className="pane">
        <div role="status">
          {engine.status === 'restarting' && (
            <p className="notice">
              <span className="state interrupted">
                <StateShape status="interrupted" />
              </span>
              The engine stopped and is being restarted. Nothing acknowledged was lost; runs go on from their last checkpoint.
            </p>
          )}
        </div>
        <Pane />
      </main>
      <StatusBar />
    </div>
  );
}
