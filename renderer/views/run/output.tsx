/** What a command printed, with times, followed while it runs. */
import { useEffect, useRef, useState } from 'react';
import { Checkbox } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useVirtualizer } from '@tanstack/react-virtual';
import type { Output as Answer } from '../../../src/api/contract';
import { Choice } from '../../components/choice';
import { Failure, Loading } from '../../components/messages';
import { answers, call } from '../../state/answers';

const ROW = 20;
const FOLLOW_MS = 500;
const PAGE = 5000;

interface Lines {
  readonly lines: Answer<'runs.output'>['lines'];
  readonly offset: number;
  readonly attempts: number;
}

/** What was printed so far: each time only what came since is read. */
function useOutput(run: string, attempt: number | null, live: boolean) {
  const key = ['output', run, attempt];
  return useQuery<Lines>({
    queryKey: key,
    queryFn: async () => {
      const known = answers.getQueryData<Lines>(key) ?? { lines: [], offset: 0, attempts: 0 };
      const pages = [known.lines];
      let { offset } = known;
      for (;;) {
        const next = await call('runs.output', { run, offset, limit: PAGE, ...(attempt === null ? {} : { attempt }) });
        // Another attempt began: its output is another file.
        if (attempt === null && known.attempts > 0 && next.attempts !== known.attempts) return { ...(await call('runs.output', { run, offset: 0, limit: PAGE })) };
        pages.push(next.lines);
        ({ offset } = next);
        if (!next.more) return { lines: next.lines.length === 0 && pages.length === 2 ? known.lines : pages.flat(), offset, attempts: next.attempts };
      }
    },
    refetchInterval: live ? FOLLOW_MS : false,
    refetchOnMount: 'always',
    structuralSharing: false,
  });
}

function time(ms: number): string {
  return ms === 0 ? '' : new Date(ms).toTimeString().slice(0, 8);
}

const LEVELS: Readonly<Record<Lines['lines'][number]['stream'], string>> = { stdout: 'info', stderr: 'warning', note: 'error' };

export function Output({ run, live }: { readonly run: string; readonly live: boolean }) {
  const [attempt, setAttempt] = useState<number | null>(null);
  const output = useOutput(run, attempt, live);
  const [follow, setFollow] = useState(true);
  const scroller = useRef<HTMLDivElement>(null);
  const lines = output.data?.lines ?? [];
  // oxlint-disable-next-line react/incompatible-library -- no compiler memoizes this component
  const rows = useVirtualizer({ count: lines.length, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 20 });
  const { refetch } = output;
  useEffect(() => {
    if (!live) void refetch();
  }, [live, refetch]);
  useEffect(() => {
    if (live && follow && lines.length > 0) rows.scrollToIndex(lines.length - 1, { align: 'end' });
  }, [live, follow, lines.length, rows]);
  if (output.isError) return <Failure title="The output could not be read" error={output.error} onRetry={() => void output.refetch()} />;
  if (output.data === undefined) return <Loading text="Reading the output…" />;
  const { attempts } = output.data;
  return (
    <div className="run-panel">
      {(live || attempts > 1) && (
        <div className="run-curves-head">
          {live && <Checkbox size="xs" label="Follow the output" checked={follow} onChange={(event) => setFollow(event.currentTarget.checked)} />}
          {attempts > 1 && (
            <Choice
              label="Attempt"
              value={String(attempt ?? attempts)}
              onChange={(value) => setAttempt(Number(value) === attempts ? null : Number(value))}
              options={Array.from({ length: attempts }, (_, index) => ({ value: String(index + 1), label: `Attempt ${index + 1}` }))}
            />
          )}
        </div>
      )}
      {lines.length === 0 ? (
        <p className="soft">Nothing was printed{live ? ' yet' : ''}.</p>
      ) : (
        <div className="run-log mono" ref={scroller} tabIndex={0} role="log" aria-label="Output of the command" aria-live="off" onWheel={(event) => event.deltaY < 0 && setFollow(false)}>
          <div className="run-log-lines" style={{ height: rows.getTotalSize() }}>
            {rows.getVirtualItems().map(({ index, start }) => {
              const line = lines[index];
              if (line === undefined) return null;
              return (
                <div key={index} className={`run-log-line ${LEVELS[line.stream]}`} style={{ transform: `translateY(${start}px)` }}>
                  <span className="soft">{time(line.time)}</span>
                  {line.stream !== 'stdout' && <span className="run-log-level">{line.stream}</span>}
                  <span>{line.text}</span>
                </div>
              );
            })}
          </div>
        </div>
      )}
    </div>
  );
}
