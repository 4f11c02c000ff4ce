/** The event log in words, followed while the run goes on. */
import { useEffect, useRef, useState } from 'react';
import { Checkbox } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import type { Output } from '../../../src/api/contract';
import type { RunView } from '../../../src/api/rows';
import { Failure, Loading } from '../../components/messages';
import { answers, call } from '../../state/answers';
import { go } from '../../state/place';

const ROW = 20;
const FOLLOW_MS = 500;
const PAGE = 5000;

interface Lines {
  readonly lines: Output<'runs.log'>['lines'];
  readonly last: number;
}

/** What the log has so far: each time only the lines that came since are read. */
function useLog(run: string, live: boolean) {
  const key = ['log', run];
  return useQuery<Lines>({
    queryKey: key,
    queryFn: async () => {
      const known = answers.getQueryData<Lines>(key) ?? { lines: [], last: -1 };
      const pages = [known.lines];
      let { last } = known;
      for (;;) {
        const next = await call('runs.log', { run, after: last, limit: PAGE });
        if (next.last === last) return { lines: pages.length === 1 ? known.lines : pages.flat(), last };
        pages.push(next.lines);
        ({ last } = next);
      }
    },
    refetchInterval: live ? FOLLOW_MS : false,
    refetchOnMount: 'always',
    structuralSharing: false,
  });
}

function time(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8);
}

export function Log({ run, kind, live }: { readonly run: string; readonly kind: RunView['kind']; readonly live: boolean }) {
  const log = useLog(run, live);
  const [follow, setFollow] = useState(true);
  const scroller = useRef<HTMLDivElement>(null);
  const lines = log.data?.lines ?? [];
  // oxlint-disable-next-line react/incompatible-library -- no compiler memoizes this component
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 20 });
  // The last lines came after the run was last seen alive.
  const { refetch } = log;
  useEffect(() => {
    if (!live) void refetch();
  }, [live, refetch]);
  useEffect(() => {
    if (follow && lines.length > 0) rows.scrollToIndex(lines.length - 1, { align: 'end' });
  }, [follow, lines.length, rows]);
  if (log.isError) return <Failure title="The log could not be read" error={log.error} onRetry={() => void log.refetch()} />;
  if (log.data === undefined) return <Loading text="Reading the log…" />;
  if (lines.length === 0 && kind === 'logged') return <p className="run-panel soft">Nothing yet: no program has logged anything to this run.</p>;
  if (lines.length === 0) {
    return (
      <p className="run-panel soft">
        Nothing yet: the run waits for a free core.{' '}
        <button type="button" className="run-link" onClick={() => go({ view: 'experiments' })}>
          See what runs
        </button>
      </p>
    );
  }
  return (
    <div className="run-panel">
      {live && <Checkbox size="xs" className="run-follow" label="Follow the log" checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} />}
      <div className="run-log mono" ref={scroller} tabIndex={0} role="log" aria-label="Event log" aria-live="off" onWheel={(event) => event.deltaY < 0 && setFollow(false)}>
        <div className="run-log-lines" style={{ height: rows.getTotalSize() }}>
          {rows.getVirtualItems().map(({ index, start }) => {
            const line = lines[index];
            if (line === undefined) return null;
            return (
              <div key={line.seq} className={`run-log-line ${line.level}`} style={{ transform: `translateY(${start}px)` }}>
                <span className="soft">{time(line.time)}</span>
                {line.level !== 'info' && <span className="run-log-level">{line.level}</span>}
                <span>{line.text}</span>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
