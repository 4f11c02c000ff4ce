/** The line below: queue, what runs, last error, workspace. */
import * as format from '../format';
import { go } from '../state/place';
import { useLive } from '../state/live';

function queueLine(running: number, queued: number, cores: number): string {
  if (running === 0 && queued === 0) return `Nothing queued on ${format.plural(cores, 'core')}`;
  return `${format.count(running)} running, ${format.count(queued)} queued on ${format.plural(cores, 'core')}`;
}

export function StatusBar() {
  const { engine, queue, info, tasks } = useLive();
  const working = tasks.filter((task) => task.status === 'running');
  const [first] = working;
  return (
    <footer className="status">
      {queue !== null && info !== null && <span>{queueLine(queue.running, queue.queued, info.cores)}</span>}
      {queue?.secondsLeft != null && <span>{format.estimate(queue.secondsLeft)} left</span>}
      {first !== undefined && engine.status === 'ready' && (
        <span className="truncate">
          {first.title}
          {first.total === null || first.total === 0 ? '' : `: ${Math.floor((100 * first.done) / first.total)} %`}
          {working.length > 1 ? ` and ${format.plural(working.length - 1, 'task')} more` : ''}
        </span>
      )}
      <span className="status-end">
        {queue?.lastError != null && (
          <button type="button" className="status-error truncate" onClick={() => go({ view: 'run', run: queue.lastError?.run ?? '' })}>
            Last error: {queue.lastError.message}
          </button>
        )}
        {info !== null && (
          <span className="status-workspace truncate mono" title={info.workspace}>
            {/* Cut at its beginning: the end of a path says more. */}
            <bdi>{info.workspace}</bdi>
          </span>
        )}
      </span>
    </footer>
  );
}
