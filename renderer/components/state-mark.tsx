/** A run's state as a shape and a word: colour alone says nothing to some readers. */
import type { RunView } from '../../src/api/rows';

type Status = RunView['status'];

const WORDS: Readonly<Record<Status, string>> = {
  queued: 'Queued',
  running: 'Running',
  finished: 'Finished',
  failed: 'Failed',
  cancelled: 'Cancelled',
  interrupted: 'Interrupted',
};

function Shape({ status }: { readonly status: Status }) {
  switch (status) {
    case 'queued':
      return <circle cx="6" cy="6" r="4.5" fill="none" stroke="currentColor" strokeWidth="1.5" />;
    case 'running':
      return <path d="M3 1.5v9l7.5-4.5z" fill="currentColor" />;
    case 'finished':
      return <path d="M1.5 6.5l3 3 6-7" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" strokeLinejoin="round" />;
    case 'failed':
      return <path d="M2 2l8 8M10 2l-8 8" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />;
    case 'cancelled':
      return <path d="M2 6h8" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />;
    case 'interrupted':
      return <path d="M3.5 2v8M8.5 2v8" fill="none" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />;
  }
}

export function StateShape({ status }: { readonly status: Status }) {
  return (
    <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
      <Shape status={status} />
    </svg>
  );
}

export function StateMark({ status }: { readonly status: Status }) {
  return (
    <span className={`state ${status}`}>
      <StateShape status={status} />
      {WORDS[status]}
    </span>
  );
}
