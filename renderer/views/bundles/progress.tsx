/** How far a long task is: share, what it does now, time so far and left, and a way to stop it. */
import { useEffect, useState } from 'react';
import { Button, Progress } from '@mantine/core';
import type { TaskView } from '../../../src/api/views';
import * as format from '../../format';
import { cancelTask } from '../../state/tasks';
import { secondsLeft } from './pace';

function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** @param view null: the engine has not told of it yet */
export function TaskProgress({ task, title, view }: { readonly task: string; readonly title: string; readonly view: TaskView | null }) {
  const now = useNow();
  const [asked, setAsked] = useState(false);
  const share = view === null || view.total === null || view.total === 0 ? null : view.done / view.total;
  const left = view === null ? null : secondsLeft(view, now);
  const cancel = (): void => {
    setAsked(true);
    void cancelTask(task);
  };
  return (
    <div className="bundles-progress">
      <div className="bundles-progress-head">
        <span className="truncate bundles-strong" title={title}>
          {title}
        </span>
        <span className="bundles-progress-numbers numbers soft">
          {view !== null && view.kind === 'reproduce' && view.total !== null && (
            <span>
              {format.count(view.done)} of {format.count(view.total)} steps
            </span>
          )}
          {share !== null && <span>{Math.floor(100 * share)} %</span>}
          {view !== null && <span>{format.elapsed(now - view.startedAt)}</span>}
          {left !== null && <span>{format.estimate(left)} left</span>}
        </span>
        <Button variant="default" size="compact-sm" disabled={asked || view === null} onClick={cancel}>
          Cancel
        </Button>
      </div>
      <Progress value={share === null ? 0 : 100 * share} size={4} radius={2} aria-label={title} transitionDuration={0} />
      <p className="soft truncate numbers">{view === null || view.text === '' ? 'Starting…' : view.text}</p>
    </div>
  );
}
