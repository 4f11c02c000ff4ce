/** How many runs are in which state: shapes with figures, and words for those who hear it. */
import type { RunView } from '../../src/api/rows';
import { count } from '../format';
import { StateShape } from './state-mark';
import './state-counts.css';

type Status = RunView['status'];

/** What happens now first. */
const ORDER: readonly Status[] = ['running', 'queued', 'interrupted', 'failed', 'cancelled', 'finished'];

/** `12 finished, 3 failed`. */
export function countsInWords(byStatus: Readonly<Partial<Record<Status, number>>>): string {
  return ORDER.filter((status) => (byStatus[status] ?? 0) > 0).map((status) => `${count(byStatus[status] ?? 0)} ${status}`).join(', ');
}

export function StateCounts({ byStatus }: { readonly byStatus: Readonly<Partial<Record<Status, number>>> }) {
  return (
    <span className="state-counts" title={countsInWords(byStatus)}>
      {ORDER.filter((status) => (byStatus[status] ?? 0) > 0).map((status) => (
        <span key={status} className={`state ${status}`}>
          <StateShape status={status} />
          <span>
            {count(byStatus[status] ?? 0)}
            <span className="hidden"> {status}</span>
          </span>
        </span>
      ))}
    </span>
  );
}
